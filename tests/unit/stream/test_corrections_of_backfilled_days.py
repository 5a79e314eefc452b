"""Edges of a recompute: backfilled days, days that a cutover splits, items of earlier versions."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from stemtide import users
from stemtide.backfill import BACKFILL_SUFFIX
from stemtide.calls import DAY_MS
from stemtide.ports import CUTOVER_SORT, UsageRow
from stemtide.recompute import Task
from stemtide.state import State
from stemtide.users import user_hash

from tests.archived_logs import ignored
from tests.recompute_memory import projections, recompute_of
from tests.stream_memory import Lab
from tests.streams import ARRIVAL, call, record
from tests.unit.stream.corrected import (
    CAPS,
    DAY,
    NOON_MS,
    TODAY,
    calls,
    deliver,
    put,
    recompute,
    repeated,
    state_of,
)


@pytest.fixture
def lab() -> Lab:
    return Lab(take=ignored, caps=CAPS)


def test_days_before_an_accounts_cutover_are_left_alone(lab: Lab) -> None:
    put(lab, CUTOVER_SORT, State(covered_ms=(TODAY + 1) * DAY_MS))
    put(lab, DAY, State(events=7, calls=7, by_event={"x": 7}, covered_ms=(TODAY + 1) * DAY_MS))
    repeated(lab)
    work = recompute_of(lab)
    read: list[str] = []
    records = work.archive.records

    def noted(day: str, wanted: Any) -> Any:
        read.append(day)
        return records(day, wanted)

    work.archive.records = noted  # type: ignore[method-assign]

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (outcome.checked, outcome.corrected, outcome.lagging) == (1, 0, 0)
    assert calls(lab) == {DAY: 7}
    assert read == [DAY]


def test_the_day_of_the_cutover_begins_with_its_backfilled_part(lab: Lab) -> None:
    part = State(
        events=50,
        calls=40,
        by_event={"x": 50},
        first_ms=TODAY * DAY_MS,
        last_ms=NOON_MS - 1,
        users=user_hash("zoe"),
        covered_ms=NOON_MS,
    )
    put(lab, CUTOVER_SORT, State(covered_ms=NOON_MS))
    put(lab, DAY + BACKFILL_SUFFIX, part)
    put(lab, DAY, part)
    before = record(call("m-0", timestamp="2026-03-14T11:59:59.999Z"), at=0)
    names = ["m-1", "m-2", "m-3", "m-4", "m-1"]
    deliver(
        lab,
        before,
        *(record(call(name, timestamp="2026-03-14T12:00:00Z"), at=1 + at) for at, name in enumerate(names)),
    )

    outcome = recompute(lab)

    state = state_of(lab)
    assert (outcome.corrected, outcome.calls_removed) == (1, 1)
    assert (state.calls, state.events, state.covered_ms) == (44, 54, NOON_MS)
    assert state.by_event == {"x": 50, "Report Viewed": 4}
    assert (state.first_ms, state.last_ms) == (TODAY * DAY_MS, NOON_MS)
    assert users.count(users.Users(state.users)) == 2
    assert recompute(lab).corrected == 0


def test_a_backfilled_part_with_many_users_keeps_them(lab: Lab) -> None:
    crowd = users.union(users.NOBODY, [user_hash(f"u-{number}") for number in range(10)])
    part = State(events=10, calls=10, by_event={"x": 10}, spilled=True, covered_ms=NOON_MS)
    put(lab, CUTOVER_SORT, State(covered_ms=NOON_MS))
    for sort in (DAY, DAY + BACKFILL_SUFFIX):
        put(lab, sort, part)
        lab.items.rows["acme", f"{sort}#users"] = UsageRow(
            account="acme",
            sort=f"{sort}#users",
            version=1,
            blob=users.encode(crowd),
            events=0,
            expires_at=2**31,
        )
    repeated(lab, timestamp="2026-03-14T12:00:00Z")

    recompute(lab)

    [(_, _, found)] = list(projections(lab))
    assert (found.calls, users.count(found.users)) == (14, 11)


def test_a_day_that_the_stream_began_before_the_cutover_was_known_is_split_by_the_archive(lab: Lab) -> None:
    early = [record(call(f"e-{at}", timestamp="2026-03-14T09:00:00Z"), at=at) for at in range(4)]
    late = [record(call(f"l-{at}", timestamp="2026-03-14T12:00:00Z"), at=10 + at) for at in range(3)]
    deliver(lab, *early, *late)
    part = State(events=9, calls=9, by_event={"x": 9}, covered_ms=NOON_MS)
    put(lab, CUTOVER_SORT, State(covered_ms=NOON_MS))
    put(lab, DAY + BACKFILL_SUFFIX, part)

    recompute(lab)

    assert state_of(lab).by_event == {"x": 9, "Report Viewed": 3}
    assert state_of(lab).covered_ms == NOON_MS


def test_an_item_that_does_not_know_its_arrival_days_is_looked_up_since_the_day_itself(lab: Lab) -> None:
    days = [record(call("m-1"), at=0), record(call("m-2"), at=1, arrival=ARRIVAL + timedelta(days=3))]
    for one in days:
        deliver(lab, one)
    state = state_of(lab)
    put(lab, DAY, structs.replace(state, arrivals=[]), version=2)

    outcome = recompute(lab, TODAY + 3, TODAY + 3)

    assert (outcome.corrected, outcome.lagging, calls(lab)) == (0, 0, {DAY: 2})
