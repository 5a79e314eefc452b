"""While both consumers are at work, neither ever where the other is, a loss or a double count is seen."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.aggregate import Rules, aggregate
from stemtide.archive import archive
from stemtide.balance import Account, DeadTotal, LaneBalance, lane_balance
from stemtide.calls import Bounds
from stemtide.ports import LedgerRow

from tests.stream_memory import Lab, MemoryLedger
from tests.streams import ARRIVAL, call, event, record

RULES = Rules(bounds=Bounds(max_lateness=timedelta(days=180)), retention=timedelta(days=400))
LENGTH = 120
EVERY_S = 15
"""A record each so many seconds: four to the minute."""
LEAD = 5
"""Records that the archive stays ahead of the aggregates, at least."""
PLANTED_AT = 40

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=20)


def content(at: int) -> Any:
    """One call, several, one under a foreign key, or none that can be read."""
    if at % 7 == 3:
        return b"poison"
    if at % 5 == 2:
        return {"batch": [call(f"m-{at}"), call(f"m-{at}"), call(f"n-{at}")]}
    return call(f"m-{at}", context={"groupId": "bee" if at % 11 == 4 else "acme"})


def calls_of(at: int) -> int:
    """The calls that a record counts for."""
    found = content(at)
    return len(found.get("batch", [0])) if isinstance(found, dict) else 1


LOG = [record(content(at), at=at, arrival=ARRIVAL + timedelta(seconds=at * EVERY_S)) for at in range(LENGTH)]


@dataclass
class Load:
    """A stream that both consumers read without ever being at the same record."""

    lab: Lab = field(default_factory=lambda: Lab(take=lambda _: None))
    archived: int = 0
    aggregated: int = 0
    dead: DeadTotal = field(default_factory=lambda: DeadTotal(lane="1000/0"))

    def go_on(self, size: int, *, lost: int | None = None) -> None:
        """One delivery to each; the record `lost` is not among those that the aggregates get."""
        until = min(self.aggregated + size, LENGTH - LEAD)
        ahead = min(until + LEAD + size % 3, LENGTH)
        if ahead > self.archived:
            archive(event(*LOG[self.archived : ahead]), ports=self.lab.archive_ports())
            self.archived = ahead
        given = [LOG[at] for at in range(self.aggregated, until) if at != lost]
        if given:
            assert aggregate(event(*given), ports=self.lab.ports(), rules=RULES) == {"batchItemFailures": []}
        self.aggregated = until

    def look(self) -> LaneBalance:
        """What the hourly check sees of the lane."""
        none = DeadTotal(lane="1000/0")
        found = lane_balance(
            Account(only(self.lab.ledger), self.dead), Account(only(self.lab.archive_ledger), none)
        )
        assert not found.settled
        return found

    def run(self, sizes: list[int], *, until: int, lost: int | None = None) -> list[int | None]:
        """Go on until the aggregates are so far; what was unbalanced after each delivery."""
        seen, turn = [], 0
        while self.aggregated < until:
            self.go_on(min(sizes[turn % len(sizes)], until - self.aggregated), lost=lost)
            seen.append(self.look().unbalanced)
            turn += 1
        return seen


def only(ledger: MemoryLedger) -> LedgerRow:
    (row,) = ledger.rows.values()
    return row


def minutes_after(at: int, count: int) -> int:
    """The number of records after which so many more minutes have begun."""
    per_minute = 60 // EVERY_S
    return (at // per_minute + count) * per_minute + 1


@settings(max_examples=25, deadline=None)
@given(sizes=SIZES)
def test_consumers_that_never_meet_are_compared_and_balance(sizes: list[int]) -> None:
    load = Load()

    assert set(load.run(sizes, until=LENGTH - LEAD)) == {0}
    assert len(only(load.lab.ledger).checkpoints) > LENGTH // 5


@settings(max_examples=25, deadline=None)
@given(sizes=SIZES, lost=st.integers(PLANTED_AT, PLANTED_AT + 8))
def test_a_lost_call_is_seen_at_the_next_common_checkpoint_and_from_then_on(
    sizes: list[int], lost: int
) -> None:
    load = Load()
    before = load.run(sizes, until=lost)
    load.run(sizes, until=minutes_after(lost, 2), lost=lost)

    after = [load.look().unbalanced, *load.run(sizes, until=LENGTH - LEAD)]

    assert set(before) == {0}
    assert set(after) == {calls_of(lost)}


@settings(max_examples=25, deadline=None)
@given(sizes=SIZES, planted=st.integers(PLANTED_AT, PLANTED_AT + 8))
def test_a_call_counted_twice_is_seen_at_the_next_common_checkpoint_and_from_then_on(
    sizes: list[int], planted: int
) -> None:
    load = Load()
    before = load.run(sizes, until=planted)
    row = only(load.lab.ledger)
    load.lab.ledger.rows[row.lane] = replace(row, counts=row.counts | {"applied": row.counts["applied"] + 1})
    load.run(sizes, until=minutes_after(planted, 1))

    after = [load.look().unbalanced, *load.run(sizes, until=LENGTH - LEAD)]

    assert set(before) == {0}
    assert set(after) == {-1}


@settings(max_examples=25, deadline=None)
@given(sizes=SIZES, given_up=st.integers(PLANTED_AT, PLANTED_AT + 8))
def test_what_was_given_up_and_registered_balances_at_the_next_minute(
    sizes: list[int], given_up: int
) -> None:
    load = Load()
    load.run(sizes, until=given_up)
    first = int(LOG[given_up]["kinesis"]["sequenceNumber"])
    load.go_on(1, lost=given_up)
    load.dead = DeadTotal(lane="1000/0", payloads=1, events=calls_of(given_up), last=first)

    during = load.run(sizes, until=minutes_after(given_up, 2))
    after = [load.look().unbalanced, *load.run(sizes, until=LENGTH - LEAD)]

    assert set(during) <= {None, 0}
    assert set(after) == {0}
