"""The history's rows in memory, and its objects in a bucket that is a dictionary."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from stemtide import users
from stemtide.canonical import Projection
from stemtide.history_rows import DayRow
from stemtide.store.history import History

from tests.stream_memory import one_by_one

MANY_DAYS = 200_000
"""After every day of a test (since the epoch)."""


@dataclass
class MemoryHistory:
    """`history_rows.HistoryRows`."""

    kept: list[tuple[str, str, list[DayRow]]] = field(default_factory=list)

    def put(self, folder: str, name: str, rows: Sequence[DayRow], /) -> None:
        self.kept.append((folder, name, list(rows)))

    @property
    def rows(self) -> list[DayRow]:
        return [row for _, _, rows in self.kept for row in rows]


@dataclass
class MemoryBucket:
    """The calls of an S3 client that the history makes."""

    bodies: dict[str, bytes] = field(default_factory=dict)

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803 - boto3's names
        self.bodies[Key] = Body

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Body": BytesIO(self.bodies[Key])}

    def get_paginator(self, _: str) -> "MemoryBucket":
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        for key in sorted(self.bodies):
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key}]}


class EmptyTable:
    """A usage table whose items have all expired."""

    def scan(self, **_: Any) -> dict[str, Any]:
        return {"Items": []}

    query = scan


def history_in(bucket: MemoryBucket) -> History:
    """What is left when nothing is left in the usage table."""
    return History(s3=bucket, bucket="archive", usage=EmptyTable(), side_by_side=one_by_one)


def projection_of(row: DayRow) -> Projection:
    """The row in the form in which two tables are compared."""
    present = users.decode(row.users)
    return Projection(row.events, row.calls, row.by_event, present, row.first_ms, row.last_ms, row.commenters)
