"""Scheduled slots: missed ones are caught up, none runs twice."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from stemtide.jobs import Run, claim_due, due_slots

HOUR = timedelta(hours=1)
TEN = datetime(2026, 3, 29, 10, tzinfo=UTC)


class MemoryRuns:
    """`jobs.Runs` in memory."""

    def __init__(self, *runs: Run) -> None:
        self.runs = {run.slot: run for run in runs}

    def recent(self) -> list[Run]:
        return [run for _, run in sorted(self.runs.items())]

    def claim(self, slot: datetime, *, as_of: datetime) -> bool:
        if slot in self.runs and self.runs[slot].done:
            return False
        self.runs[slot] = Run(slot=slot, done=False)
        return True

    def finish(self, slot: datetime, *, as_of: datetime) -> None:
        self.runs[slot] = Run(slot=slot, done=True)


def test_the_first_run_ever_is_of_the_present_slot() -> None:
    assert due_slots(None, TEN + timedelta(minutes=7), HOUR, 24) == [TEN]


def test_missed_slots_are_due_oldest_first() -> None:
    due = due_slots(TEN - 3 * HOUR, TEN + timedelta(minutes=7), HOUR, 24)

    assert due == [TEN - 2 * HOUR, TEN - HOUR, TEN]


def test_no_more_than_the_latest_are_caught_up() -> None:
    assert due_slots(TEN - 100 * HOUR, TEN, HOUR, 3) == [TEN - 2 * HOUR, TEN - HOUR, TEN]


def test_a_slot_that_is_done_is_not_due_again() -> None:
    assert due_slots(TEN, TEN + timedelta(minutes=59), HOUR, 24) == []


def test_a_run_that_died_is_claimed_again_and_later_ones_that_ended_are_not() -> None:
    runs = MemoryRuns(
        Run(slot=TEN - 3 * HOUR, done=True),
        Run(slot=TEN - 2 * HOUR, done=False),
        Run(slot=TEN - HOUR, done=True),
    )

    claimed = claim_due(runs, as_of=TEN, every=HOUR, at_most=24)

    assert claimed == [TEN - 2 * HOUR, TEN]


def test_the_first_run_is_claimed_again_when_it_died() -> None:
    runs = MemoryRuns(Run(slot=TEN - HOUR, done=False))

    assert claim_due(runs, as_of=TEN, every=HOUR, at_most=24) == [TEN - HOUR, TEN]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30))
def test_however_late_it_is_called_every_hour_is_due_once(gaps: list[int]) -> None:
    last, now, seen = TEN, TEN, []
    for gap in gaps:
        now += gap * HOUR
        due = due_slots(last, now, HOUR, 1000)
        seen += due
        last = due[-1] if due else last

    assert seen == [TEN + number * HOUR for number in range(1, sum(gaps) + 1)]
