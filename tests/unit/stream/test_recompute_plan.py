"""Which days, in which tasks; what a run's outcomes come to."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.corrections import Left
from stemtide.recompute import Outcome, Stayed, Task
from stemtide.recompute_plan import (
    BUCKET_BYTES,
    SCAN_BYTES,
    arrival_day_of,
    as_facts,
    cause_of,
    days_asked,
    tasks_of,
    totals,
)

SMALL = BUCKET_BYTES // 4


def test_a_night_recomputes_the_day_before_it() -> None:
    assert arrival_day_of(datetime(1970, 1, 3, tzinfo=UTC)) == 1


def test_small_days_share_a_task_while_they_follow_each_other() -> None:
    tasks = tasks_of([1, 2, 3, 4, 5, 8], lambda day: SMALL)

    assert tasks == [
        Task(first=1, last=4, run_last=5),
        Task(first=5, last=5, run_last=5),
        Task(first=8, last=8, run_last=8),
    ]


def test_a_large_day_is_cut_into_buckets_of_its_own() -> None:
    sizes = {1: SMALL, 2: 3 * BUCKET_BYTES + 1, 3: SMALL}

    tasks = tasks_of(sizes, sizes.__getitem__)

    assert tasks == [
        Task(first=1, last=1, run_last=3),
        *(Task(first=2, last=2, bucket=bucket, of=4, run_last=3) for bucket in range(4)),
        Task(first=3, last=3, run_last=3),
    ]


def test_one_account_is_looked_for_in_many_days_at_a_time() -> None:
    tasks = tasks_of(range(20), lambda day: SCAN_BYTES // 10, account="acme")

    assert tasks == [
        Task(first=0, last=9, account="acme", run_last=19),
        Task(first=10, last=19, account="acme", run_last=19),
    ]


def test_a_days_turn_is_to_come_later_in_the_run_or_in_a_night_that_has_not_come_to_it() -> None:
    owed, nights, last = tasks_of([5, 8, 9], lambda day: BUCKET_BYTES, nights_last=9)

    assert [owed.is_to_come(day) for day in (4, 5, 7, 8, 9, 10)] == [False] * 5 + [True]
    assert [nights.is_to_come(day) for day in (7, 8, 9, 10)] == [False, False, True, True]
    assert [last.is_to_come(day) for day in (8, 9, 10)] == [False, False, True]


def test_days_asked_reach_as_far_as_the_archive_where_none_is_named() -> None:
    archived = ["1970-01-03", "1970-01-02", "1970-01-05"]

    assert days_asked(None, None, lambda: archived) == {1, 2, 3, 4}
    assert days_asked("1970-01-04", None, lambda: archived) == {3, 4}
    assert days_asked(None, "1970-01-03", lambda: archived) == {1, 2}
    assert days_asked("1970-01-04", "1970-01-04", list) == {3}
    assert days_asked(None, None, list) == days_asked("1970-01-04", None, list) == set()


@given(st.lists(st.text(min_size=1, max_size=20), max_size=50), st.integers(1, 9))
def test_each_account_is_in_exactly_one_bucket(accounts: list[str], of: int) -> None:
    tasks = [Task(first=0, last=0, bucket=bucket, of=of) for bucket in range(of)]

    assert all(sum(task.wants(account) for task in tasks) == 1 for account in accounts)


def test_a_bucket_is_the_same_in_every_process() -> None:
    task = Task(first=0, last=0, bucket=2, of=3)

    assert [name for name in ("a", "b", "c", "acme") if task.wants(name)] == ["b", "acme"]


@pytest.mark.parametrize(
    ("lagging", "tasks", "cause"),
    [
        (0, 1, None),
        (0, 3, "2 tasks were given up"),
        (2, 1, "2 items stay behind, the first: acme on 2026-03-14, as the archive lags behind the item"),
        (
            2,
            2,
            "1 tasks were given up; 2 items stay behind, the first: acme on 2026-03-14, as the archive lags "
            "behind the item",
        ),
    ],
)
def test_the_cause_of_a_failed_run_names_the_first_item(lagging: int, tasks: int, cause: str | None) -> None:
    outcome = Outcome(checked=5, lagging=lagging)
    if lagging:
        outcome.examples.append(Stayed("acme", "2026-03-14", Left.LAGS))
    results = [as_facts(outcome)]

    counts = totals(results, tasks=tasks)

    assert (counts["checked"], counts["given_up"]) == (5, tasks - 1)
    assert cause_of(counts, results) == cause
