"""Archive objects in S3: written by the archive function, read by replays and recomputes."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from stemtide.archive import PREFIX, ArchivedRecord, merged
from stemtide.ports import SideBySide
from stemtide.store.errors import translated

AT_A_TIME: Final = 16
"""Objects that are fetched at a time: an hour of a shard has sixty, each a round trip away."""


class S3Objects:
    """`archive.Objects` in a bucket (client)."""

    def __init__(self, *, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        """Write or overwrite an object."""
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/gzip")


class ArchiveDays:
    """The archive by arrival day (boto3 S3 client, which threads may share)."""

    def __init__(self, *, client: Any, bucket: str, side_by_side: SideBySide) -> None:
        self._client = client
        self._bucket = bucket
        self._side_by_side = side_by_side

    def records(
        self, day: str, wanted: Callable[[str], bool] | None = None
    ) -> Iterator[tuple[str, ArchivedRecord]]:
        """The (lane, record) of an arrival day `YYYY-MM-DD`, lane by lane in order, each record once.

        Args:
            day: arrival day, UTC.
            wanted: which partition keys; None: all.
        """
        keys: dict[str, list[str]] = {}
        for key, _ in self._listed(f"{PREFIX}/{day}/"):
            keys.setdefault(key.split("/")[2], []).append(key)
        for lane, lane_keys in sorted(keys.items()):
            for record in merged(self._bodies(sorted(lane_keys)), wanted):
                yield lane.replace("_", "/"), record

    def days(self) -> list[str]:
        """Every arrival day that the archive has, in order."""
        with translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{PREFIX}/", Delimiter="/"
            )
            found = [prefix["Prefix"] for page in pages for prefix in page.get("CommonPrefixes", ())]
        return sorted(prefix.split("/")[1] for prefix in found)

    def size(self, day: str) -> int:
        """Bytes of an arrival day's objects, compressed as they are."""
        return sum(size for _, size in self._listed(f"{PREFIX}/{day}/"))

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        with translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                for found in page.get("Contents", ()):
                    yield str(found["Key"]), int(found["Size"])

    def _bodies(self, keys: Iterable[str]) -> Iterator[bytes]:
        waiting = iter(keys)
        while some := list(islice(waiting, AT_A_TIME)):
            yield from self._side_by_side(self._body, some)

    def _body(self, key: str) -> bytes:
        with translated():
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body
