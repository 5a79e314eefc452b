"""Edges of a recompute: backfilled days, items of earlier versions, other days, time that runs out."""

from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from stemtide import users
from stemtide.aggregate import aggregate
from stemtide.archive import archive
from stemtide.backfill import BACKFILL_SUFFIX
from stemtide.calls import DAY_MS
from stemtide.corrections import Left
from stemtide.kinesis_event import Delivered
from stemtide.lanes import unpack
from stemtide.ports import CUTOVER_SORT, ThrottledError, UnavailableError, UsageRow
from stemtide.progress import Hole, Progress
from stemtide.recompute import Outcome, Task
from stemtide.requeue import put_back
from stemtide.state import Caps, State, decode, encode
from stemtide.users import user_hash

from tests.archived_logs import ignored
from tests.recompute_memory import RULES, archive_of, day_number, projections, recompute_of
from tests.stream_memory import Fault, Lab
from tests.streams import ARRIVAL, call, event, record

DAY = "2026-03-14"
TODAY = day_number(DAY)
NOON_MS = TODAY * DAY_MS + DAY_MS // 2
CAPS = Caps(id_window=3, inline_users=3, remembered_ids=0)


@pytest.fixture
def lab() -> Lab:
    return Lab(take=ignored, caps=CAPS)


def deliver(lab: Lab, *records: dict[str, Any], archived: bool = True) -> None:
    if archived:
        archive(event(*records), ports=lab.archive_ports())
    assert aggregate(event(*records), ports=lab.ports(), rules=RULES) == {"batchItemFailures": []}


def repeated(lab: Lab, *, account: str = "acme", **changes: Any) -> None:
    """Four calls and the first of them again: one too many in the table."""
    context = {"context": {"groupId": account}}
    start = len(lab.objects.bodies) * 100
    names = ["m-1", "m-2", "m-3", "m-4", "m-1"]
    deliver(
        lab,
        *(
            record(call(name, **context, **changes), at=start + at, key=account)
            for at, name in enumerate(names)
        ),
    )


def put(lab: Lab, sort: str, state: State, *, version: int = 1) -> None:
    lab.items.rows["acme", sort] = UsageRow(
        account="acme",
        sort=sort,
        version=version,
        blob=encode(state),
        events=state.events,
        expires_at=2**31,
    )


def recompute(lab: Lab, first: int = TODAY, last: int = TODAY) -> Outcome:
    return recompute_of(lab).run(Task(first=first, last=last))


def state_of(lab: Lab, day: str = DAY) -> State:
    return decode(lab.items.rows["acme", day].blob)


def calls(lab: Lab) -> dict[str, int]:
    return {day: found.calls for account, day, found in projections(lab) if account == "acme"}


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


def test_an_item_that_lags_and_has_later_arrivals_is_left_to_their_recompute(lab: Lab) -> None:
    deliver(lab, record(call("m-1"), at=0))
    deliver(lab, record(call("m-2"), at=1, arrival=ARRIVAL + timedelta(days=1)), archived=False)

    outcome = recompute(lab)

    assert (outcome.lagging, outcome.postponed, calls(lab)) == (0, 1, {DAY: 2})


def test_what_lags_is_looked_at_again_after_a_pause(lab: Lab) -> None:
    repeated(lab)
    last = record(call("m-5"), at=50)
    deliver(lab, last, archived=False)
    work = recompute_of(lab)
    pauses: list[float] = []

    def catch_up(seconds: float) -> None:
        pauses.append(seconds)
        archive(event(last), ports=lab.archive_ports())

    pace = replace(work.corrector.pace, pause=catch_up)
    work = replace(work, corrector=replace(work.corrector, pace=pace))

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (len(pauses), outcome.checked, outcome.corrected, outcome.lagging) == (1, 1, 1, 0)
    assert calls(lab) == {DAY: 5}


def test_an_item_that_never_stops_changing_is_left(lab: Lab) -> None:
    repeated(lab)
    work = recompute_of(lab)
    usage = work.corrector.items
    put_together = usage.put_together

    def always_late(rows: Any) -> None:
        put(lab, DAY, state_of(lab), version=lab.items.rows["acme", DAY].version + 1)
        put_together(rows)

    usage.put_together = always_late  # type: ignore[method-assign]

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (outcome.lagging, outcome.examples[0].why) == (1, Left.BUSY)


@pytest.mark.parametrize("error", [UnavailableError, ThrottledError])
def test_a_table_that_does_not_answer_leaves_the_item(lab: Lab, error: type[Exception]) -> None:
    repeated(lab)
    work = recompute_of(lab)

    def never(rows: Any) -> None:
        raise error

    work.corrector.items.put_together = never  # type: ignore[method-assign]

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (outcome.lagging, outcome.corrected) == (1, 0)
    assert outcome.examples[0].why == Left.UNAVAILABLE
    assert calls(lab) == {DAY: 5}


def test_an_item_that_cannot_be_read_costs_no_other(lab: Lab) -> None:
    repeated(lab)
    repeated(lab, account="bee")
    lab.faults.steps = 0
    lab.faults.plan = {1: Fault.LOST_REPLY}

    outcome = recompute(lab)

    assert (outcome.checked, outcome.corrected, outcome.lagging) == (2, 2, 0)
    assert calls(lab) == {DAY: 4}


def test_when_the_time_is_up_the_rest_is_left(lab: Lab) -> None:
    repeated(lab)
    lab.faults.out_of_time = True

    outcome = recompute(lab)

    assert (outcome.lagging, outcome.examples[0].why) == (1, Left.NO_TIME)
    assert calls(lab) == {DAY: 5}


def test_users_left_by_a_write_that_never_came_to_its_counts_are_replaced(lab: Lab) -> None:
    repeated(lab)
    left = users.union(users.NOBODY, [user_hash("ghost")])
    lab.items.rows["acme", f"{DAY}#users"] = UsageRow(
        account="acme", sort=f"{DAY}#users", version=1, blob=users.encode(left), events=0, expires_at=1
    )
    crowd = [record(call(f"c-{at}", userId=f"u-{at}"), at=500 + at) for at in range(5)]
    archive(event(*crowd), ports=lab.archive_ports())
    given_up = archive_of(lab)
    given_up.given_up = {"1000/0": int(crowd[-1]["kinesis"]["sequenceNumber"])}

    recompute_of(lab, given_up).run(Task(first=TODAY, last=TODAY))

    [(_, _, found)] = list(projections(lab))
    assert (found.calls, users.count(found.users)) == (9, 6)
    assert lab.items.rows["acme", f"{DAY}#users"].version == 2


def test_a_corrected_item_keeps_what_the_stream_needs_of_it(lab: Lab) -> None:
    repeated(lab)
    again = record(call("m-4"), at=60)
    deliver(lab, again)
    before = lab.items.rows["acme", DAY]

    recompute(lab)

    after, state = lab.items.rows["acme", DAY], state_of(lab)
    assert (after.version, after.expires_at) == (before.version + 1, before.expires_at)
    assert state.recent == decode(before.blob).recent
    assert state.marks == decode(before.blob).marks
    assert state.arrivals == [TODAY, TODAY]
    assert (state.calls, state.duplicates) == (4, 2)


def test_row_16_a_call_three_days_late_counts_on_its_day_with_what_came_before(lab: Lab) -> None:
    before = [record(call(f"m-{at}"), at=at) for at in range(4)]
    late = ARRIVAL + timedelta(days=3)
    deliver(lab, *before)
    deliver(lab, record(call("m-late"), at=10, arrival=late), record(call("m-0"), at=11, arrival=late))
    wrong = calls(lab)

    outcome = recompute(lab, TODAY + 3, TODAY + 3)

    assert (wrong, calls(lab)) == ({DAY: 6}, {DAY: 5})
    assert (outcome.checked, outcome.calls_removed) == (1, 1)
    assert state_of(lab).arrivals == [TODAY, TODAY, TODAY + 3, TODAY + 3]


def test_a_call_that_is_too_late_counts_when_it_is_released_and_only_then(lab: Lab) -> None:
    bound = RULES.bounds.max_lateness
    just = (ARRIVAL - bound).isoformat()
    late = (ARRIVAL - bound - timedelta(milliseconds=1)).isoformat()
    released = {"_stemtide": {"origin": "release", "late_ok": True}}
    day = just[:10]
    deliver(lab, record(call("m-1", timestamp=just), at=0), record(call("m-2", timestamp=late), at=1))
    before = recompute(lab)
    quarantined = calls(lab)

    again = ARRIVAL + timedelta(hours=1)
    deliver(lab, record(call("m-2", timestamp=late, **released), at=2, arrival=again))
    after = recompute(lab)

    assert len(lab.quarantine.rows) == 1
    assert (before.corrected, after.corrected) == (0, 0)
    assert (quarantined, calls(lab)) == ({day: 1}, {day: 2})


def test_a_call_that_is_put_back_once_its_day_was_counted_from_the_archive_changes_nothing(lab: Lab) -> None:
    lost = [record(call(f"m-{at}", timestamp=None), at=at) for at in range(3)]
    archive(event(*lost), ports=lab.archive_ports())
    given_up = archive_of(lab)
    given_up.given_up = {"1000/0": int(lost[-1]["kinesis"]["sequenceNumber"])}
    healed = recompute_of(lab, given_up).run(Task(first=TODAY, last=TODAY))
    before = calls(lab)

    later = ARRIVAL + timedelta(days=3)
    for at, one in enumerate(lost):
        data = b64decode(one["kinesis"]["data"])
        put = put_back(Delivered(0, "acme", int(ARRIVAL.timestamp() * 1000), data))
        deliver(lab, record(put.data, at=10 + at, arrival=later))
    outcome = recompute(lab, TODAY + 3, TODAY + 3)

    assert (healed.calls_added, before) == (3, {DAY: 3})
    assert (outcome.checked, calls(lab)) == (1, {DAY: 3})


def test_a_day_that_was_missing_expires_by_its_last_arrival(lab: Lab) -> None:
    last = ARRIVAL + timedelta(days=2)
    old = {"timestamp": "2026-03-14T10:00:00Z"}
    deliver(lab, record(call("m-1", **old), at=0), record(call("m-2", **old), at=1, arrival=last))
    expected = lab.items.rows["acme", DAY].expires_at
    lab.items.rows.clear()

    outcome = recompute(lab, TODAY, TODAY + 2)

    assert outcome.calls_added == 2
    assert lab.items.rows["acme", DAY].expires_at == expected
    assert expected == int((last + RULES.retention).timestamp())


def test_an_item_that_expires_later_than_its_calls_say_is_not_shortened(lab: Lab) -> None:
    repeated(lab)
    put(lab, DAY, state_of(lab), version=2)

    recompute(lab)

    assert lab.items.rows["acme", DAY].expires_at == 2**31


def test_a_write_of_the_stream_in_between_is_read_and_kept(lab: Lab) -> None:
    repeated(lab)
    live = record(call("m-5"), at=50)
    archive(event(live), ports=lab.archive_ports())
    work = recompute_of(lab)
    usage = work.corrector.items
    put_together = usage.put_together

    def after_the_stream(rows: Any) -> None:
        usage.put_together = put_together  # type: ignore[method-assign]
        deliver(lab, live, archived=False)
        put_together(rows)

    usage.put_together = after_the_stream  # type: ignore[method-assign]

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (outcome.corrected, outcome.calls_removed, outcome.lagging) == (1, 1, 0)
    assert calls(lab) == {DAY: 5}


def test_users_kept_apart_live_as_long_as_the_stream_would_let_them(lab: Lab) -> None:
    crowd = [record(call(f"c-{at}", userId=f"u-{at}"), at=at) for at in range(5)]
    deliver(lab, *crowd)
    expected = {sort: row.expires_at for (_, sort), row in lab.items.rows.items()}
    lab.items.rows.clear()

    recompute(lab)
    made = {sort: row.expires_at for (_, sort), row in lab.items.rows.items()}
    rows = lab.items.rows
    deliver(lab, record(call("c-0", userId="zoe"), at=90))
    kept = rows["acme", f"{DAY}#users"]
    rows["acme", f"{DAY}#users"] = structs.replace(kept, expires_at=2**31)
    recompute(lab)

    assert made == expected
    assert rows["acme", f"{DAY}#users"].expires_at == 2**31
    assert rows["acme", f"{DAY}#users"].events == 0


def test_a_hole_concerns_the_days_on_which_its_records_arrived() -> None:
    hole = Hole("1000/0", 10, 20, TODAY, TODAY + 2)

    assert [hole.concerns({TODAY + shift}) for shift in (-1, 0, 1, 2, 3)] == [False, True, True, True, False]
    assert not hole.concerns(set())


def test_a_lane_is_final_up_to_where_both_consumers_are_and_before_its_holes() -> None:
    progress = Progress(aggregate={"a": 50, "b": 50, "c": 50, "d": 5}, archive={"a": 40, "b": 60, "d": 40})
    holes = [Hole("a", 30, 35, 0, 0), Hole("d", 30, 35, 0, 0), Hole("e", 7, 8, 0, 0)]

    assert progress.final(holes) == {"a": 29, "b": 50, "c": -1, "d": 5, "e": -1}
    assert progress.final([]) == {"a": 40, "b": 50, "c": -1, "d": 5}


@pytest.mark.parametrize(("first", "why"), [(3, Left.HOLE), (4, Left.HOLE), (5, None)])
def test_a_hole_up_to_the_newest_record_that_is_in_keeps_the_item(
    lab: Lab, first: int, why: Left | None
) -> None:
    repeated(lab)
    mark = unpack(state_of(lab).marks["1000/0"])
    holes = [Hole("1000/0", mark - 4 + first, mark - 4 + first, TODAY, TODAY)]
    given_up = archive_of(lab)
    given_up.holes = holes

    outcome = recompute_of(lab, given_up).run(Task(first=TODAY, last=TODAY))

    assert [one.why for one in outcome.examples] == ([] if why is None else [why])
    assert calls(lab) == ({DAY: 4} if why is None else {DAY: 5})


def test_a_hole_of_other_days_keeps_nothing(lab: Lab) -> None:
    repeated(lab)
    given_up = archive_of(lab)
    given_up.holes = [Hole("1000/0", 0, 1, TODAY - 9, TODAY - 8)]

    assert recompute_of(lab, given_up).run(Task(first=TODAY, last=TODAY)).corrected == 1
