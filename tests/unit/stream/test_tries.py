"""How often and at what distance a write is tried: of an item, of its users, of a ledger."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs
from stemtide import users
from stemtide.commit import (
    FIRST_PAUSE_S,
    MAX_PAUSE_S,
    MAX_TRIES,
    Committer,
    GivenUpError,
    Group,
)
from stemtide.ledgers import MAX_TRIES as LEDGER_TRIES
from stemtide.ledgers import PAUSE_S, write_ledger
from stemtide.ports import (
    ConflictError,
    LedgerRow,
    Pace,
    StoredState,
    ThrottledError,
    UnavailableError,
    UsageRow,
)
from stemtide.state import Caps, Event, decode
from stemtide.warm import WarmCache

CAPS = Caps(inline_users=1)
SLACK_S = 34_560_000
"""A day's users outlive its item by 400 days."""


class Items:
    """A usage table whose puts first fail as listed."""

    def __init__(self, *failures: Exception) -> None:
        self.rows: dict[tuple[str, str], UsageRow] = {}
        self.failures = list(failures)
        self.puts = 0
        self.reads: list[str] = []

    def get(self, account: str, sort: str) -> StoredState | None:
        self.reads.append(sort)
        row = self.rows.get((account, sort))
        if row is None:
            return None
        return StoredState(version=row.version, blob=row.blob, expires_at=row.expires_at)

    def get_day(self, account: str, day: str) -> tuple[StoredState | None, StoredState | None]:
        return self.get(account, day), None

    def put(self, row: UsageRow) -> None:
        self.puts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.rows[row.account, row.sort] = row


def pace(*, pauses: list[float], remaining: Callable[[], int] = lambda: 60_000, jitter: float = 1.0) -> Pace:
    return Pace(remaining_ms=remaining, pause=pauses.append, jitter=lambda: jitter, margin_ms=10_000)


def committer(items: Items, own: Pace) -> Committer:
    return Committer(
        items=items,
        states=WarmCache(max_entries=9, max_bytes=10**6),
        sketches=WarmCache(max_entries=9, max_bytes=10**6),
        pace=own,
        caps=CAPS,
    )


def commit(of: Committer, *people: str, first: int = 1, expires_at: int = 1_000) -> None:
    hashes = [users.user_hash(one) for one in people]
    events = [Event(first + at, b"%08d" % (first + at), one, "a", 0, 1) for at, one in enumerate(hashes)]
    group = Group("acme", "2026-03-14", events)
    of.commit(group, lane="1/0", accounted=lambda lane: -1, arrived=(0, 0), expires_at=expires_at)


def test_a_refused_condition_is_tried_again_at_once_and_only_so_often() -> None:
    pauses: list[float] = []
    items = Items(*[ConflictError()] * MAX_TRIES)

    with pytest.raises(GivenUpError):
        commit(committer(items, pace(pauses=pauses)), "ann")

    assert (items.puts, pauses, items.rows) == (MAX_TRIES, [], {})


def test_the_last_try_may_succeed() -> None:
    items = Items(*[ConflictError()] * (MAX_TRIES - 1))

    commit(committer(items, pace(pauses=[])), "ann")

    assert items.puts == MAX_TRIES
    assert decode(items.rows["acme", "2026-03-14"].blob).calls == 1


@pytest.mark.parametrize("error", [ThrottledError, UnavailableError])
@pytest.mark.parametrize(("jitter", "share"), [(1.0, 1.0), (0.0, 0.5), (0.5, 0.75)])
def test_pauses_double_up_to_a_bound_and_jitter_takes_at_most_half(
    error: type[Exception], jitter: float, share: float
) -> None:
    pauses: list[float] = []
    items = Items(*[error() for _ in range(MAX_TRIES)])

    with pytest.raises(GivenUpError):
        commit(committer(items, pace(pauses=pauses, jitter=jitter)), "ann")

    expected = [min(FIRST_PAUSE_S * 2**at, MAX_PAUSE_S) * share for at in range(MAX_TRIES)]
    assert pauses == pytest.approx(expected)
    assert expected[:3] + expected[-1:] == pytest.approx([one * share for one in (0.05, 0.1, 0.2, 5)])


def test_nothing_is_tried_once_the_time_is_up() -> None:
    items = Items()

    with pytest.raises(GivenUpError):
        commit(committer(items, pace(pauses=[], remaining=lambda: 10_000)), "ann")

    assert items.puts == 0
    commit(committer(items, pace(pauses=[], remaining=lambda: 10_001)), "ann")
    assert items.puts == 1


def test_users_are_rewritten_when_somebody_is_new_or_they_would_expire_before_their_day() -> None:
    items = Items()
    of = committer(items, pace(pauses=[]))

    def written() -> tuple[int, int]:
        row = items.rows["acme", "2026-03-14#users"]
        return row.version, row.expires_at

    commit(of, "ann", "bob")
    assert written() == (1, 1_000 + SLACK_S)
    commit(of, "ann", first=10, expires_at=1_001)
    assert written() == (1, 1_000 + SLACK_S)
    commit(of, "cyd", first=20, expires_at=1_002)
    assert written() == (2, 1_002 + SLACK_S)
    assert users.count(users.decode(items.rows["acme", "2026-03-14#users"].blob)) == 3


def test_users_that_are_in_already_are_rewritten_only_where_they_would_expire_too_early() -> None:
    items = Items()
    commit(committer(items, pace(pauses=[])), "ann", "bob")
    slack = 1_000 + SLACK_S

    for first, expires_at in ((10, slack), (15, slack - 5)):
        commit(committer(items, pace(pauses=[])), "ann", first=first, expires_at=expires_at)
        assert items.rows["acme", "2026-03-14#users"].version == 1
    commit(committer(items, pace(pauses=[])), "bob", first=20, expires_at=slack + 1)

    row = items.rows["acme", "2026-03-14#users"]
    assert (row.version, row.expires_at) == (2, slack + 1 + SLACK_S)


def test_a_warm_item_is_not_read_again_and_one_whose_write_failed_is() -> None:
    items = Items()
    of = committer(items, pace(pauses=[]))
    commit(of, "ann", "bob")
    assert items.reads == ["2026-03-14", "2026-03-14#users"]

    commit(of, "ann", first=10)
    commit(of, "cyd", first=20)
    assert items.reads == ["2026-03-14", "2026-03-14#users"]
    items.failures = [UnavailableError()]
    commit(of, "ann", first=30)

    assert items.reads == ["2026-03-14", "2026-03-14#users"] * 2


def test_users_that_somebody_else_has_rewritten_are_read_again_with_their_day() -> None:
    items = Items()
    of = committer(items, pace(pauses=[]))
    commit(of, "ann", "bob")
    for sort in ("2026-03-14", "2026-03-14#users"):  # a recompute has found that bob's call was a repetition
        row = items.rows["acme", sort]
        blob = users.encode(users.union(users.NOBODY, [users.user_hash("ann")])) if "#" in sort else row.blob
        items.rows["acme", sort] = structs.replace(row, version=row.version + 1, blob=blob)
    items.failures = [ConflictError()]

    commit(of, "cyd", first=10)

    row = items.rows["acme", "2026-03-14#users"]
    present = users.decode(row.blob)
    assert users.count(present) == 2
    assert present == users.union(users.NOBODY, [users.user_hash("ann"), users.user_hash("cyd")])
    assert (row.version, row.events) == (3, 0)


class Ledger:
    """A ledger whose writes first fail as listed."""

    def __init__(self, *failures: Exception) -> None:
        self.row = LedgerRow(lane="1/0", mark=7)
        self.failures = list(failures)
        self.reads = self.writes = 0

    def read(self, lane: str) -> LedgerRow:
        self.reads += 1
        return self.row

    def write(self, row: LedgerRow, *, over_mark: int) -> None:
        self.writes += 1
        if self.failures:
            raise self.failures.pop(0)
        assert over_mark == self.row.mark
        self.row = row


def advanced(row: LedgerRow) -> LedgerRow | None:
    return replace(row, mark=9) if row.mark < 9 else None


def test_a_ledger_is_read_again_after_each_failure_and_tried_only_so_often() -> None:
    pauses: list[float] = []
    ledger = Ledger(*[ConflictError()] * LEDGER_TRIES)

    assert not write_ledger(ledger.row, advanced, ledger=ledger, pace=pace(pauses=pauses))
    assert (ledger.writes, ledger.reads, pauses) == (LEDGER_TRIES, LEDGER_TRIES - 1, [])
    assert write_ledger(ledger.row, advanced, ledger=Ledger(*[ConflictError()] * 5), pace=pace(pauses=[]))


def test_an_unknown_outcome_waits_and_is_resolved_by_what_is_read() -> None:
    pauses: list[float] = []
    ledger = Ledger(UnavailableError())
    ledger.row = replace(ledger.row, mark=9)

    assert write_ledger(LedgerRow(lane="1/0", mark=7), advanced, ledger=ledger, pace=pace(pauses=pauses))
    assert (ledger.writes, ledger.reads, pauses) == (1, 1, [PAUSE_S])


@pytest.mark.parametrize(("remaining", "tries"), [(-5, 1), (0, 1), (1, LEDGER_TRIES)])
def test_a_ledger_that_does_not_answer_is_tried_as_long_as_there_is_time(remaining: int, tries: int) -> None:
    ledger = Ledger(*[UnavailableError() for _ in range(LEDGER_TRIES)])

    own = pace(pauses=[], remaining=lambda: remaining)

    assert not write_ledger(ledger.row, advanced, ledger=ledger, pace=own)
    assert ledger.writes == tries
