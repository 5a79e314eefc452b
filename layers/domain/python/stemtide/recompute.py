"""One bucket of a recompute: the accounts whose records arrived on certain days, each item set right.

An account's records have its id as their partition key, so a bucket is a share of the keys. Everything of it
is read once; items whose records arrived on other days too have those days read for their accounts alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Final, NamedTuple, Protocol
from zlib import crc32

from stemtide.archive import ArchivedRecord
from stemtide.calls import DAY_MS, day_of_index
from stemtide.corrections import Corrected, Corrector, Left
from stemtide.day_items import Item
from stemtide.history_rows import NOWHERE, DayRow, HistoryRows, RowBuffer, row_of
from stemtide.ports import SideBySide
from stemtide.progress import Progress
from stemtide.recount import AccountCalls, ArchivedCall, calls_of

MAX_ROUNDS: Final = 3
"""Looks at a bucket: what lagged, or turned out to need more days, is read again."""
LAG_S: Final = 30.0
"""Wait before it: in two of them the archive writes what it gathers in its window of a minute."""
MORE_CALLS: Final = 2_800_000
"""Of other arrival days kept at a time, some 1.2 GB: as many as of two buckets, since an item needs the day
before its own, too."""
READ_AT_ONCE: Final = 500
"""Records of a lane: a quarter of the time per record that one alone takes."""
MAX_EXAMPLES: Final = 5
RETRIED: Final = frozenset({Left.LAGS, Left.BUSY, Left.MORE_DAYS, Left.UNAVAILABLE})


class Archive(Protocol):
    """What is read of the archive and of the consumers' ledgers."""

    def progress(self) -> Progress:
        """How far the consumers have come, as of now.

        Raises:
            UnavailableError: no answer.
        """

    def records(self, day: str, wanted: Callable[[str], bool]) -> Iterable[tuple[str, ArchivedRecord]]:
        """The (lane, record) of an arrival day with a wanted partition key, each once, lane by lane in order.

        Raises:
            UnavailableError: no answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Arrival days `first` to `last` (since the epoch) of the accounts of one of `of` buckets, or of one.

    The same run has tasks for the days after `last` up to `run_last`; at night every arrival day up to
    `nights_last` has had its turn, or has it now.
    """

    first: int
    last: int
    bucket: int = 0
    of: int = 1
    account: str | None = None
    run_last: int = -1
    nights_last: int = -1

    def wants(self, key: str) -> bool:
        """Whether records with this partition key are of the task."""
        if self.account is not None:
            return key == self.account
        return self.of == 1 or crc32(key.encode()) % self.of == self.bucket

    def is_to_come(self, day: int) -> bool:
        """Whether an arrival day has its turn after this task: in the same run or some night."""
        return day > self.last and (day <= self.run_last or day > self.nights_last)


class Stayed(NamedTuple):
    """An item that was left as it is."""

    account: str
    day: str
    why: Left


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a bucket: items, and calls more or less in those that were corrected.

    `lagging` items stay behind until somebody does something; `postponed` ones have records of a later
    arrival day whose turn is still to come. `examples` are some of the lagging ones.
    """

    checked: int = 0
    corrected: int = 0
    calls_removed: int = 0
    calls_added: int = 0
    lagging: int = 0
    postponed: int = 0
    examples: list[Stayed] = field(default_factory=list)

    def add(self, done: Corrected) -> None:
        """Count an item that is right now."""
        self.corrected += done.written
        self.calls_added += max(0, done.calls)
        self.calls_removed += max(0, -done.calls)


@dataclass(slots=True)
class _Book:
    """What was read of one account: calls, items, and by event day the arrival days that touch it."""

    calls: list[ArchivedCall] = field(default_factory=list)
    touched: dict[int, set[int]] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)

    def days_needed(self) -> set[int]:
        """The arrival days to read."""
        return set().union(*(item.days_needed(self.touched[item.day]) for item in self.items))


Pending = Mapping[str, set[int]] | None
"""By account the event days that are still to be set right; None: all that the task touches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recompute:
    """Runs tasks; the items of each go to the history as they stand at its end."""

    archive: Archive
    corrector: Corrector
    side_by_side: SideBySide
    history: HistoryRows = NOWHERE

    def run(self, task: Task) -> Outcome:
        """Set every item right that the task touches.

        A repeated or interrupted run finds what is right already and writes nothing.

        Raises:
            UnavailableError: the archive or the ledgers gave no answer, or the history took no rows.
        """
        outcome, pace = Outcome(), self.corrector.pace
        rows = RowBuffer(
            history=self.history, folder=day_of_index(task.last), name=f"{task.bucket}-of-{task.of}"
        )
        again = self._round(task, None, outcome, rows)
        for _ in range(MAX_ROUNDS - 1):
            if not again or pace.spent():
                break
            if any(why is not Left.MORE_DAYS for _, why in again):
                pace.pause(LAG_S)
            pending: dict[str, set[int]] = {}
            for item, _ in again:
                pending.setdefault(item.account, set()).add(item.day)
            again = self._round(task, pending, outcome, rows)
        rows.add(_conclude(outcome, again, task))
        rows.flush()
        return outcome

    def _round(
        self, task: Task, pending: Pending, outcome: Outcome, rows: RowBuffer
    ) -> list[tuple[Item, Left]]:
        """Look at what is pending once; the items that were left and may do better in another round.

        The ledgers are read first: everything up to their marks is in the objects that are listed after.
        """
        progress = self.archive.progress()
        wanted = task.wants if pending is None else pending.__contains__
        books: dict[str, _Book] = {} if pending is None else {account: _Book() for account in pending}
        for day in range(task.first, task.last + 1):
            self._read(day, wanted, books)
        for account, book in books.items():
            days = {call.day for call in book.calls} if pending is None else pending[account]
            book.touched = {day: set() for day in days}
            for call in book.calls:
                if call.day in book.touched:
                    book.touched[call.day].add(call.arrival_ms // DAY_MS)
        if pending is None:
            outcome.checked += sum(len(book.touched) for book in books.values())
        left = self._read_items(books)
        read = set(range(task.first, task.last + 1))
        missing = {account: book.days_needed() - read for account, book in books.items()}
        for part in _portions(books, missing):
            self._read_more(missing, part)
            days_read = {account: read | missing[account] for account in part}
            left += self._correct(part, days_read, progress, outcome, rows)
            for book in part.values():
                book.calls.clear()
        rows.add(_conclude(outcome, [entry for entry in left if entry[1] not in RETRIED], task))
        return [entry for entry in left if entry[1] in RETRIED]

    def _read(self, day: int, wanted: Callable[[str], bool], books: dict[str, _Book]) -> None:
        bounds = self.corrector.rules.bounds
        for lane, run in groupby(self.archive.records(day_of_index(day), wanted), key=itemgetter(0)):
            while part := [record for _, record in islice(run, READ_AT_ONCE)]:
                for account, calls in calls_of(lane, part, bounds=bounds).items():
                    books.setdefault(account, _Book()).calls += calls

    def _read_items(self, books: Mapping[str, _Book]) -> list[tuple[Item, Left]]:
        """Read every touched item; those that gave no answer."""
        keys = [(account, day) for account, book in books.items() for day in sorted(book.touched)]
        unread: list[tuple[Item, Left]] = []
        found = self.side_by_side(lambda key: self.corrector.read(*key), keys)
        for (account, day), item in zip(keys, found, strict=True):
            if isinstance(item, Left):
                unread.append((Item(account=account, day=day), item))
            else:
                books[account].items.append(item)
        return unread

    def _read_more(self, missing: Mapping[str, set[int]], books: dict[str, _Book]) -> None:
        """Read the other arrival days that items need, each for the accounts that need it."""
        wanted: dict[int, set[str]] = {}
        for account in books:
            for day in missing[account]:
                wanted.setdefault(day, set()).add(account)
        for day, accounts in sorted(wanted.items()):
            self._read(day, accounts.__contains__, books)

    def _correct(
        self,
        books: Mapping[str, _Book],
        days_read: Mapping[str, set[int]],
        progress: Progress,
        outcome: Outcome,
        rows: RowBuffer,
    ) -> list[tuple[Item, Left]]:
        def correct(account: str) -> list[tuple[Item, Corrected | Left]]:
            book = books[account]
            calls = AccountCalls(book.calls)
            return [
                (
                    item,
                    Left.NO_TIME
                    if self.corrector.pace.spent()
                    else self.corrector.correct(
                        item,
                        calls,
                        sorted(book.touched[item.day]),
                        days=days_read[account],
                        progress=progress,
                    ),
                )
                for item in book.items
            ]

        left: list[tuple[Item, Left]] = []
        for results in self.side_by_side(correct, books):
            for item, result in results:
                if isinstance(result, Left):
                    left.append((item, result))
                else:
                    outcome.add(result)
                    rows.add(_rows_of(result.item))
        return left


def _portions(books: dict[str, _Book], missing: Mapping[str, set[int]]) -> Iterator[dict[str, _Book]]:
    """The accounts in portions whose other days, if like the days that were read, fit into memory."""
    part: dict[str, _Book] = {}
    more = 0
    for account, book in books.items():
        wanted = len(book.calls) * len(missing[account])
        if part and more + wanted > MORE_CALLS:
            yield part
            part, more = {}, 0
        part[account] = book
        more += wanted
    if part:
        yield part


def _conclude(outcome: Outcome, left: Iterable[tuple[Item, Left]], task: Task) -> list[DayRow]:
    """Count what stays as it is: an item with later arrivals may be of a later day's turn, too.

    The rows of those that have no other turn: nobody knows whether somebody will do something about them.
    """
    rows: list[DayRow] = []
    for item, why in left:
        if item.state.arrivals and task.is_to_come(item.state.arrivals[-1]):
            outcome.postponed += 1
            continue
        outcome.lagging += 1
        rows += _rows_of(item)
        if len(outcome.examples) < MAX_EXAMPLES:
            outcome.examples.append(Stayed(item.account, item.sort, why))
    return rows


def _rows_of(item: Item) -> list[DayRow]:
    """The row of an item, if there is one."""
    if not item.version:
        return []
    return [row_of(item.account, item.day, item.version, item.state, item.users)]
