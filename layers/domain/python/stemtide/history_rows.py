"""The history: a log of account-days as they were when somebody had set them right.

A usage item expires; what it held stays as a row here. Nothing of the log is rewritten: an account-day that
changes gets another row, and of its rows the one with the greatest version is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from stemtide import users
from stemtide.state import State
from stemtide.users import Users

ROWS_AT_ONCE: Final = 20_000
"""Rows that are kept together, with `BYTES_AT_ONCE`: some 40 MB as Python objects."""
BYTES_AT_ONCE: Final = 16 * 1024 * 1024
"""Of their users and commenters: up to 2 KB each, where a day has many."""


class DayRow(NamedTuple):
    """An account's UTC day (since the epoch) at a version of its item in the usage table.

    `events` and `by_event` are weights, `calls` a number of calls, times epoch ms. `users` are all distinct
    users of the day, as `users.encode` stores them, wherever the table keeps them; `commenters` those of them
    who commented, empty without any.
    """

    account: str
    day: int
    version: int
    calls: int
    events: int
    by_event: dict[str, int]
    users: bytes
    commenters: bytes
    first_ms: int | None
    last_ms: int | None


def row_of(account: str, day: int, version: int, state: State, present: Users) -> DayRow:
    """The row of an item; `present` are its distinct users, wherever they are stored."""
    return DayRow(
        account=account,
        day=day,
        version=version,
        calls=state.calls,
        events=state.events,
        by_event=state.by_event,
        users=users.encode(present),
        commenters=state.commenters,
        first_ms=state.first_ms,
        last_ms=state.last_ms,
    )


class HistoryRows(Protocol):
    """Where rows are kept for good."""

    def put(self, folder: str, name: str, rows: Sequence[DayRow], /) -> None:
        """Keep rows; the same rows again change nothing.

        Args:
            folder: whose rows: an arrival day (UTC) or a backfill.
            name: which share of them.
            rows: by account and day.

        Raises:
            UnavailableError: outcome unknown.
        """


class NoHistory:
    """`HistoryRows` that keeps nothing."""

    def put(self, folder: str, name: str, rows: Sequence[DayRow], /) -> None:
        """Forget the rows."""


NOWHERE: Final = NoHistory()


@dataclass(slots=True, kw_only=True)
class RowBuffer:
    """Gathers rows and keeps them by the thousand: there may be more than fit into memory."""

    history: HistoryRows
    folder: str
    name: str
    _rows: list[DayRow] = field(default_factory=list)
    _bytes: int = 0

    def add(self, rows: Iterable[DayRow]) -> None:
        """More rows.

        Raises:
            UnavailableError: some could not be kept.
        """
        for row in rows:
            self._rows.append(row)
            self._bytes += len(row.users) + len(row.commenters)
            if len(self._rows) >= ROWS_AT_ONCE or self._bytes >= BYTES_AT_ONCE:
                self.flush()

    def flush(self) -> None:
        """Keep what has been gathered.

        Raises:
            UnavailableError: outcome unknown.
        """
        if self._rows:
            self.history.put(self.folder, self.name, sorted(self._rows, key=lambda row: row[:3]))
            self._rows.clear()
            self._bytes = 0
