"""Which lane a delivery belongs to: the one of its shard, in the stream that it can be of."""

from collections.abc import Sequence

import pytest
from stemtide.kinesis_event import Delivered, Delivery
from stemtide.lanes import pad
from stemtide.ledgers import enter_lane
from stemtide.ports import LedgerRow

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/events"


class Ledger:
    def __init__(self, *rows: LedgerRow) -> None:
        self.rows = {row.lane: row for row in rows}
        self.reads: list[str] = []

    def read(self, lane: str) -> LedgerRow:
        self.reads.append(lane)
        return self.rows.get(lane, LedgerRow(lane=lane))

    def write(self, row: LedgerRow, *, over_mark: int) -> None:
        raise AssertionError("entering writes nothing")


class Stream:
    """Believed to be created at 1000, in truth at `created`."""

    def __init__(self, created: int) -> None:
        self.created = created
        self.asked: list[tuple[str, int, bool]] = []

    def created_ms(self, stream_arn: str, *, arrival_ms: int, refresh: bool = False) -> int:
        self.asked.append((stream_arn, arrival_ms, refresh))
        return self.created if refresh else 1000


def delivery(*records: tuple[int, int]) -> Delivery:
    made: Sequence[Delivered] = [Delivered(sequence, "acme", arrival, b"") for sequence, arrival in records]
    return Delivery(stream_arn=ARN, shard="shardId-000000000003", records=list(made))


def row(mark: int, arrival: int) -> LedgerRow:
    return LedgerRow(lane="1000/3", mark=mark, mark_arrival=arrival)


def test_a_lane_is_known_by_its_streams_creation_and_its_shard() -> None:
    ledger, stream = Ledger(row(4, 50)), Stream(1000)

    lane = enter_lane(delivery((5, 60), (6, 70), (7, 80)), ledger=ledger, incarnations=stream)

    assert (lane.name, lane.row.mark) == ("1000/3", 4)
    assert (ledger.reads, stream.asked) == (["1000/3"], [(ARN, 80, False)])


@pytest.mark.parametrize(
    ("first", "looked_up"),
    [
        ((5, 51), False),  # behind the mark: new
        ((4, 50), False),  # delivered again: as old as the mark
        ((3, 49), False),
        ((4, 51), True),  # at the mark and later: another stream's, or the arrivals jitter
        ((3, 51), True),
    ],
)
def test_a_record_behind_the_mark_that_came_after_it_has_the_creation_looked_up(
    first: tuple[int, int], looked_up: bool
) -> None:
    ledger, stream = Ledger(row(4, 50)), Stream(1000)

    lane = enter_lane(delivery(first, (9, 40), (10, 90)), ledger=ledger, incarnations=stream)

    assert lane.name == "1000/3"
    assert stream.asked == [(ARN, 90, False)] + [(ARN, 90, True)] * looked_up
    assert ledger.reads == ["1000/3"]


@pytest.mark.parametrize("created", [100, 999, 2000])
def test_a_stream_that_was_created_anew_has_lanes_of_its_own(created: int) -> None:
    other = LedgerRow(lane=f"{created}/3", mark=1, mark_arrival=40)
    ledger, stream = Ledger(row(4, 50), other), Stream(created)

    lane = enter_lane(delivery((2, 51)), ledger=ledger, incarnations=stream)

    assert (lane.name, lane.row) == (f"{created}/3", other)
    assert ledger.reads == ["1000/3", f"{created}/3"]


def test_sequence_numbers_are_stored_so_that_they_sort_as_long_as_kinesis_may_make_them() -> None:
    """129 digits for ever: those that are stored must sort among new ones."""
    numbers = [0, 7, 10, 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898, 10**128]

    padded = [pad(number) for number in numbers]

    assert padded == sorted(padded)
    assert [int(text) for text in padded] == numbers
    assert {len(text) for text in padded} == {129}
