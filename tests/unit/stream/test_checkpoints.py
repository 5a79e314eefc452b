"""A lane's checkpoints follow from the order of its records, not from how a consumer's batches are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.accounting import KEPT_RANGES, Position, advance, common_checkpoint, is_accounted
from stemtide.ports import Checkpoint, LedgerRow

NOON = 1_000_000
"""A minute since the epoch."""
MINUTE_MS = 60_000
RECORDS = st.lists(st.tuples(st.integers(-70_000, 130_000), st.integers(1, 9)), min_size=1, max_size=80)
CUTS = st.lists(st.tuples(st.integers(1, 15), st.integers(0, 6), st.booleans()), min_size=1, max_size=30)


def positions(*arrivals: tuple[float, int]) -> list[Position]:
    """Records by (minutes after noon, calls)."""
    return [
        Position(10 + at, int((NOON + minutes) * MINUTE_MS), calls)
        for at, (minutes, calls) in enumerate(arrivals)
    ]


def row_after(
    records: list[Position], cuts: list[tuple[int, int, bool]], *, duplicates: bool = False
) -> LedgerRow:
    """The row after batches of a size, from some records back, of which a part may have failed."""
    row, at, turn = LedgerRow(lane="1/0"), 0, 0
    while at < len(records):
        size, back, fails = cuts[turn % len(cuts)]
        batch = records[max(0, at - back) : at + size]
        before = batch[-1].sequence if fails and len(records) > at + 1 and size > 1 else None
        parts = {"duplicate": [(p.sequence, 1) for p in batch if p.sequence % 3 == 0]} if duplicates else {}
        row = advance(row, batch, before=before, parts=parts, rest="rest") or row
        at = row.mark - records[0].sequence + 1
        turn += 1
    return row


def drifting(steps: list[tuple[int, int]]) -> list[Position]:
    """Records whose arrival moves on by steps, some of them back."""
    at, found = NOON * MINUTE_MS, []
    for number, (step, calls) in enumerate(steps):
        at += step
        found.append(Position(10 + number, at, calls))
    return found


@given(steps=RECORDS, cuts=CUTS, others=CUTS)
def test_any_batches_and_redeliveries_give_the_same_checkpoints(
    steps: list[tuple[int, int]], cuts: list[tuple[int, int, bool]], others: list[tuple[int, int, bool]]
) -> None:
    records = drifting(steps)

    one, other = row_after(records, cuts), row_after(records, others, duplicates=True)

    assert one.checkpoints == other.checkpoints
    assert one.mark == other.mark == records[-1].sequence
    for point in one.checkpoints:
        assert point.calls == sum(p.calls for p in records if p.sequence < point.sequence)


def test_a_record_of_a_later_minute_than_all_before_opens_it() -> None:
    records = positions((0, 2), (0.9, 1), (1.1, 3), (0.9, 4), (1.5, 1), (3, 1))

    row = advance(LedgerRow(lane="1/0"), records, before=None, parts={}, rest="in")

    assert row is not None
    assert row.checkpoints == (
        Checkpoint(NOON, 10, 0),
        Checkpoint(NOON + 1, 12, 3),
        Checkpoint(NOON + 3, 15, 11),
    )


def test_the_checkpoints_of_the_newest_32_minutes_are_kept() -> None:
    records = positions(*((minute, 1) for minute in range(37)))

    row = row_after(records, [(3, 0, False)])

    assert [point.calls for point in row.checkpoints] == list(range(5, 37))


@pytest.mark.parametrize(("after", "counted"), [(-1, (6, 9)), (12, (6, 9)), (13, None), (99, None)])
def test_consumers_are_compared_at_the_newest_checkpoint_of_both_behind_a_record(
    after: int, counted: tuple[int, int] | None
) -> None:
    one = LedgerRow(
        lane="1/0", checkpoints=(Checkpoint(1, 12, 3), Checkpoint(2, 13, 6), Checkpoint(3, 15, 8))
    )
    other = LedgerRow(
        lane="1/0", checkpoints=(Checkpoint(1, 12, 5), Checkpoint(2, 13, 9), Checkpoint(3, 14, 9))
    )

    assert common_checkpoint(one, other, after=after) == counted


def test_a_row_with_counts_and_no_checkpoints_opens_the_next_minute() -> None:
    old = LedgerRow(lane="1/0", mark=9, mark_arrival=NOON * MINUTE_MS, records=3, counts={"in": 7})

    row = advance(old, positions((0.5, 2), (1, 1)), before=None, parts={}, rest="in")

    assert row is not None
    assert row.checkpoints == (Checkpoint(NOON + 1, 11, 9),)


def test_ranges_are_joined_where_a_delivery_goes_on_or_reaches_back_and_nowhere_else() -> None:
    def after(row: LedgerRow, *sequences: int, before: int | None = None) -> LedgerRow:
        records = [Position(sequence, 0, 1) for sequence in sequences]
        return advance(row, records, before=before, parts={}, rest="in") or row

    row = after(LedgerRow(lane="1/0"), 10, 11, 14, before=14)
    assert (row.ranges, row.expected) == (((10, 11),), 14)
    row = after(row, 14, 15)
    assert (row.ranges, row.expected) == (((10, 15),), None)
    row = after(row, 15, 16)
    assert row.ranges == ((10, 16),)
    row = after(row, 14, 15, 16, 17)
    assert row.ranges == ((10, 17),)
    row = after(row, 20, 21, 22, before=22)
    assert row.ranges == ((10, 17), (20, 21))
    row = after(row, 22, 23)
    assert row.ranges == ((10, 17), (20, 23))
    row = after(row, 30)
    assert row.ranges == ((10, 17), (20, 23), (30, 30))
    assert [at for at in range(35) if is_accounted(row, at)] == [*range(10, 18), *range(20, 24), 30]


def test_the_latest_ranges_are_kept() -> None:
    row = LedgerRow(lane="1/0")
    for at in range(KEPT_RANGES + 5):
        row = advance(row, [Position(2 * at, 0, 1)], before=None, parts={}, rest="in") or row

    assert row.ranges == tuple((2 * at, 2 * at) for at in range(5, KEPT_RANGES + 5))


def test_the_mark_is_the_last_counted_record_with_its_arrival_and_records_add_up() -> None:
    records = [Position(at, 100 + at, 2) for at in range(1, 6)]

    row = advance(LedgerRow(lane="1/0"), records[:3], before=None, parts={"a": [(2, 1)]}, rest="rest")
    assert row is not None
    assert (row.mark, row.mark_arrival, row.records, row.counts) == (3, 103, 3, {"a": 1, "rest": 5})
    row = advance(row, records, before=5, parts={"a": [(2, 1), (4, 2), (5, 1)]}, rest="rest")

    assert row is not None
    assert (row.mark, row.mark_arrival, row.records, row.counts) == (4, 104, 4, {"a": 3, "rest": 5})
    assert advance(row, records, before=5, parts={}, rest="rest") is None
