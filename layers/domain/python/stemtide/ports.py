"""What the aggregates need of the outside: small ports whose every call is one I/O step.

The `store` package implements them on AWS; a simulator implements them in memory, with crashes between
any two steps.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from stemtide.facts import Fact

T = TypeVar("T")
R = TypeVar("R")

UNREADABLE: Final = (ValueError, KeyError, TypeError, msgspec.MsgspecError)
"""What a row or message that this version cannot read raises, now and at every further try."""


class ConflictError(Exception):
    """The write's condition failed: the row is not what the writer had read, or the write had happened."""


class UnavailableError(Exception):
    """The call failed and may or may not have happened: lost reply, time-out, server error."""


class ThrottledError(UnavailableError):
    """The call was refused for its rate and did not happen."""


class StoredState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An item of the usage table: its version, its encoded content, when it expires (epoch seconds)."""

    version: int
    blob: bytes
    expires_at: int


class UsageRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is written to the usage table; `sort` is the day or `<day>#users`, `expires_at` epoch seconds.

    `login_ms` is the arrival (epoch ms) of the newest live login among what this write brings, None without.
    """

    account: str
    sort: str
    version: int
    blob: bytes
    events: int
    expires_at: int
    login_ms: int | None = None


CUTOVER_SORT: Final = "cutover"
"""Sort key of a backfilled account's item that holds the state with which each of its days begins: only
`covered_ms`, the instant before which the backfill counts and from which the stream does."""
BACKFILLED: Final = "backfilled"
"""Attribute of the items that a backfill writes: an old day that is put in is nobody's first use of a day."""
LATE: Final = "late"
"""Attribute of a day's item that was written when its day was over (or about to be): what was made of the
account's closed days is out of date."""
LOGIN: Final = "login"
"""Attribute of a day's item that was written because of a login: when that arrived (epoch ms)."""
AFTER_DAYS: Final = ":"
"""Sorts after every day and what belongs to one, and before the cutover."""


def is_day(sort: str) -> bool:
    """Whether a sort key of the usage table is a day's own: no users, no backfilled part, no cutover."""
    return "#" not in sort and sort < AFTER_DAYS


class UsageItems(Protocol):
    """Items of the usage table."""

    def get(self, account: str, sort: str) -> StoredState | None:
        """The item as of now (a consistent read).

        Raises:
            UnavailableError: no answer.
        """

    def get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        """The day's item and, if there is none, the account's cutover item (`CUTOVER_SORT`), as of now.

        Raises:
            UnavailableError: no answer.
        """

    def put(self, row: UsageRow) -> None:
        """Write version n over version n - 1 (version 1: over nothing).

        Raises:
            ConflictError: the item has another version.
            UnavailableError: outcome unknown.
            ThrottledError: not written.
        """


class Checkpoint(NamedTuple):
    """What a consumer had counted when a minute opened in a lane.

    `minute` is the arrival minute (since the epoch), `sequence` the record that opened it, `calls` what
    was counted before that record.
    """

    minute: int
    sequence: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """How far a consumer has accounted for a lane, and what it counted.

    `mark` is the last accounted sequence number (-1: none) and `mark_arrival` its arrival in epoch ms;
    `expected` is the record at which the last delivery broke off, None when it came to its end.
    `ranges` are the latest accounted (first, last), newest last, by which a payload that was given up
    after all is told from one that was only not acknowledged; `checkpoints` are the latest, newest last.
    """

    lane: str
    mark: int = -1
    mark_arrival: int = 0
    records: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    expected: int | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()


class Ledger(Protocol):
    """The lanes' ledger rows of one consumer."""

    def read(self, lane: str) -> LedgerRow:
        """The row as of now, an empty one when there is none.

        Raises:
            UnavailableError: no answer.
        """

    def write(self, row: LedgerRow, *, over_mark: int) -> None:
        """Write the row over the one whose mark was `over_mark` (-1: over nothing).

        Raises:
            ConflictError: the stored mark is another.
            UnavailableError: outcome unknown.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """A call, or a whole record, that cannot be counted: where it was, why, and what it said."""

    lane: str
    sequence: int
    index: int
    arrival_ms: int
    reason: str
    detail: str
    payload: bytes
    account: str | None = None
    message_id: str | None = None


class Quarantine(Protocol):
    """Where rejected calls are kept for people to look at and release."""

    def put(self, row: QuarantineRow) -> None:
        """Keep the row; a second put of the same position changes nothing.

        Raises:
            UnavailableError: outcome unknown.
        """


class Facts(Protocol):
    """Where what is said of customers is kept."""

    def put_facts(self, account: str, facts: Iterable[Fact], /) -> None:
        """Keep the facts of an account; a second put of the same one changes nothing.

        Raises:
            UnavailableError: outcome unknown.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OutRecord:
    """A record to put to the stream."""

    key: str
    data: bytes


class Stream(Protocol):
    """The way back into the stream."""

    def put(self, records: Sequence[OutRecord]) -> list[int]:
        """Put the records once and return the indexes of those that were not taken.

        Raises:
            UnavailableError: outcome unknown for all of them.
        """


class Incarnations(Protocol):
    """When the stream was created: tells a stream from an earlier one of the same name."""

    def created_ms(self, stream_arn: str, *, arrival_ms: int, refresh: bool = False) -> int:
        """Epoch ms of the creation of the stream that a record of this arrival came from.

        Raises:
            UnavailableError: no answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time as the core sees it: what is left, how to wait, how to do independent steps side by side."""

    remaining_ms: Callable[[], int]
    pause: Callable[[float], None]
    jitter: Callable[[], float]
    margin_ms: int

    def spent(self) -> bool:
        """Whether new work must not begin: the rest is reported as failed instead."""
        return self.remaining_ms() <= self.margin_ms


class SideBySide(Protocol):
    """Runs independent steps, in threads or one after the other."""

    def __call__(self, step: Callable[[T], R], items: Iterable[T], /) -> list[R]:
        """The results in the order of the items."""
