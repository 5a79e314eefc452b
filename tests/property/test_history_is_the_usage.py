"""What is read back of the history, when every item has expired, is what the usage table held."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide.calls import DAY_MS, day_of_index
from stemtide.recompute import Task
from stemtide.store.history import AS_ROWS, Wanted, merged
from stemtide.store.history_objects import HistoryObjects
from stemtide.store.history_parquet import rows_of

from tests.archived_logs import CAPS, SENT, START, Log, expected, log_of, seen, worked_off
from tests.histories import MANY_DAYS, MemoryBucket, history_in, projection_of
from tests.recompute_memory import projections, recompute_of
from tests.stream_memory import Lab

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def by_arrival_day(log: Log) -> Iterator[tuple[int, Log]]:
    """The days (since the epoch) of three nights, and what arrived on them."""

    def day_of(entry: dict[str, dict[str, float]]) -> int:
        return int(entry["kinesis"]["approximateArrivalTimestamp"] * 1000) // DAY_MS

    first = int(START.timestamp() * 1000) // DAY_MS
    for day in range(first, first + 4):
        yield day, [[entry for entry in shard if day_of(entry) == day] for shard in log]


@SLOW
@given(sent=SENT, seed=st.integers(0, 2**32))
def test_the_history_holds_what_the_table_held(sent: list[tuple[int, int, object]], seed: int) -> None:
    log, dice, bucket = log_of(sent), Random(seed), MemoryBucket()
    lab = Lab(take=lambda entry: None, caps=CAPS)

    for day, arrived in by_arrival_day(log):
        worked_off(arrived, cuts=dice, lab=lab)
        _night(lab, bucket, day, of=dice.choice([1, 1, 3]), again=dice.random() < 0.3)

    with merged(history_in(bucket), Wanted(first=0, last=MANY_DAYS)) as connection:
        rows = list(rows_of(connection, AS_ROWS))
    held = {
        (account, day): (lab.items.rows[account, day].version, found)
        for account, day, found in projections(lab)
        if found.calls
    }
    assert {(row.account, day_of_index(row.day)): (row.version, projection_of(row)) for row in rows} == held
    assert seen(lab) == expected(log)


def _night(lab: Lab, bucket: MemoryBucket, day: int, *, of: int, again: bool) -> None:
    """The nightly run over what arrived on a day; perhaps some of it is repeated."""
    work = replace(recompute_of(lab), history=HistoryObjects(client=bucket, bucket="archive"))
    for share in [*range(of), *range(of if again else 0)]:
        outcome = work.run(Task(first=day, last=day, bucket=share, of=of, nights_last=day))
        assert outcome.lagging == outcome.postponed == 0
