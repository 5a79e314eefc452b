"""Edges of a recompute: what a correction keeps, and calls that come late, again or meanwhile."""

from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from stemtide import users
from stemtide.archive import archive
from stemtide.kinesis_event import Delivered
from stemtide.ports import UsageRow
from stemtide.recompute import Task
from stemtide.requeue import put_back
from stemtide.state import decode
from stemtide.users import user_hash

from tests.archived_logs import ignored
from tests.recompute_memory import RULES, archive_of, projections, recompute_of
from tests.stream_memory import Lab
from tests.streams import ARRIVAL, call, event, record
from tests.unit.stream.corrected import (
    CAPS,
    DAY,
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


def test_a_delivery_over_midnight_notes_each_items_own_arrival_days(lab: Lab) -> None:
    before = ARRIVAL.replace(hour=23, minute=59)
    after = before + timedelta(minutes=2)
    bee = {"context": {"groupId": "bee"}}
    deliver(
        lab,
        record(call("m-1"), at=0, arrival=before),
        record(call("b-1", **bee), at=1, key="bee", arrival=before),
        record(call("b-2", **bee), at=2, key="bee", arrival=after),
    )

    assert state_of(lab).arrivals == [TODAY, TODAY]
    assert decode(lab.items.rows["bee", DAY].blob).arrivals == [TODAY, TODAY + 1]


def test_other_days_are_read_for_as_many_accounts_as_fit(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = ["acme", "bee", "cat", "dog"]
    for account in accounts:
        repeated(lab, account=account)
    asked: list[set[str]] = []
    records = archive_of(lab).records
    monkeypatch.setattr("stemtide.recompute.MORE_CALLS", 10)
    archive = archive_of(lab)

    def noted(day: str, wanted: Callable[[str], bool]) -> Any:
        if day != DAY:
            asked.append({account for account in accounts if wanted(account)})
        return records(day, wanted)

    archive.records = noted  # type: ignore[method-assign]

    outcome = recompute_of(lab, archive).run(Task(first=TODAY, last=TODAY))

    assert asked == [{"acme", "bee"}, {"cat", "dog"}]
    assert (outcome.checked, outcome.corrected) == (4, 4)


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
