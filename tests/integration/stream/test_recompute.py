"""The recompute function on the real stores: what it sets right, and what it leaves alone."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from stemtide.corrections import Left
from stemtide.ports import BACKFILLED, UnavailableError
from stemtide.store.counters import read_counters
from stemtide.store.dead_letters import DeadRow, mark_requeued, register
from stemtide.store.recomputes import note_due, read_due, read_tasks
from stemtide.store.recount_items import RecountItems

from tests.integration.stream.recomputing import calls, empty_usage, recompute, tasks, usage_hash
from tests.stream_cloud import Cloud, start_function
from tests.streams import ARRIVAL, call, event, record

DAY = "2026-03-14"
ASKED = {"from": DAY, "to": DAY}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemtide.recompute.LAG_S", 0.0)


def sent(*names: str, start: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """A record per message id, in order from the place `start`."""
    return [record(call(name, **changes), at=start + at) for at, name in enumerate(names)]


def deliver_beyond_the_window(cloud: Cloud) -> None:
    """m-0 comes again after 60 other calls, to a function that remembers nothing."""
    cloud.deliver(event(*sent(*(f"m-{number}" for number in range(60)))))
    cloud.functions["aggregate"] = start_function("aggregate")
    cloud.deliver(event(*sent("m-0", start=60)))


def test_a_repetition_beyond_the_window_is_taken_back(cloud: Cloud) -> None:
    deliver_beyond_the_window(cloud)
    before = calls(cloud)

    run = recompute(cloud, **ASKED)
    again = recompute(cloud, run="r-2", **ASKED)

    assert (before, calls(cloud)) == ({DAY: 61}, {DAY: 60})
    assert (run["state"], run["checked"], run["corrected"], run["calls_removed"]) == ("succeeded", 1, 1, 1)
    assert (again["checked"], again["corrected"]) == (1, 0)
    assert read_counters(cloud.ingest).unbalanced == 0


def test_the_stream_goes_on_where_a_recompute_has_written(cloud: Cloud) -> None:
    deliver_beyond_the_window(cloud)
    recompute(cloud, **ASKED)

    warm = sent("m-59", "m-100", start=61)
    cloud.deliver(event(*warm))
    cloud.deliver(event(*warm))

    assert calls(cloud) == {DAY: 61}


def test_row_19b_an_archive_that_lags_erases_nothing(cloud: Cloud) -> None:
    cloud.deliver(event(*sent("m-1", "m-2")))
    cloud.invoke("aggregate", event(*sent("m-3", start=2)))

    run = recompute(cloud, **ASKED)

    assert calls(cloud) == {DAY: 3}
    assert (run["state"], run["lagging"], run["corrected"]) == ("failed", 1, 0)
    assert Left.LAGS in run["cause"]
    assert "acme on 2026-03-14" in run["cause"]


def test_row_19b_a_live_write_in_between_is_kept(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver_beyond_the_window(cloud)
    live = sent("m-live", start=61)
    cloud.invoke("archive", event(*live))
    put = RecountItems.put_together

    def first_the_stream(self: RecountItems, rows: Any) -> None:
        monkeypatch.setattr(RecountItems, "put_together", put)
        cloud.invoke("aggregate", event(*live))
        put(self, rows)

    monkeypatch.setattr(RecountItems, "put_together", first_the_stream)

    run = recompute(cloud, **ASKED)

    assert calls(cloud) == {DAY: 61}
    assert (run["state"], run["calls_removed"]) == ("succeeded", 1)


def test_a_write_whose_reply_is_lost_is_counted_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver_beyond_the_window(cloud)
    put = RecountItems.put_together

    def lost(self: RecountItems, rows: Any) -> None:
        monkeypatch.setattr(RecountItems, "put_together", put)
        put(self, rows)
        raise UnavailableError

    monkeypatch.setattr(RecountItems, "put_together", lost)

    run = recompute(cloud, **ASKED)

    assert calls(cloud) == {DAY: 60}
    assert (run["corrected"], run["calls_removed"]) == (1, 1)
    assert int(cloud.usage.get_item(Key={"account": "acme", "day": DAY})["Item"]["v"]) == 3


def test_users_kept_apart_become_fewer_and_come_back(cloud: Cloud) -> None:
    crowd = [record(call(f"m-{at}", userId=f"u-{at}"), at=at) for at in range(60)]
    cloud.deliver(event(*crowd))
    cloud.functions["aggregate"] = start_function("aggregate")
    cloud.deliver(event(record(call("m-0", userId="zoe"), at=60)))
    before = usage_hash(cloud)

    run = recompute(cloud, **ASKED)
    exact = usage_hash(cloud)
    cloud.deliver(event(record(call("m-99", userId="zoe"), at=61)))
    after = recompute(cloud, run="r-2", **ASKED)

    assert (run["corrected"], exact.calls) == (1, 60)
    assert exact.hash != before.hash
    assert (after["corrected"], calls(cloud)) == (0, {DAY: 61})


def test_row_11_what_the_aggregates_gave_up_counts_by_its_archived_copy_once(cloud: Cloud) -> None:
    lost = sent("m-2", "m-3", start=1)
    cloud.deliver(event(*sent("m-1")))
    cloud.invoke("archive", event(*lost))
    give_up(cloud, "aggregate", lost)

    run = recompute(cloud, **ASKED)
    cloud.deliver(event(*sent("m-2", "m-3", start=9)))
    requeued = recompute(cloud, run="r-2", **ASKED)

    assert (run["state"], run["calls_added"]) == ("succeeded", 2)
    assert (requeued["state"], calls(cloud)) == ("succeeded", {DAY: 3})


def test_records_that_the_archive_gave_up_keep_their_days_as_they_are(cloud: Cloud) -> None:
    lost = sent("m-2", start=1)
    cloud.deliver(event(*sent("m-1")))
    cloud.invoke("aggregate", event(*lost))
    row = give_up(cloud, "archive", lost)
    cloud.deliver(event(*sent("m-3", start=2)))

    run = recompute(cloud, **ASKED)

    assert (run["state"], run["lagging"], calls(cloud)) == ("failed", 1, {DAY: 3})
    assert Left.HOLE in run["cause"]

    cloud.invoke("archive", event(*lost))
    mark_requeued(cloud.ingest, row, "2026-03-15T00:00:00Z")

    assert recompute(cloud, run="r-2", **ASKED)["state"] == "succeeded"
    assert calls(cloud) == {DAY: 3}


def test_what_the_archive_gave_up_and_nobody_has_registered_yet_erases_nothing(cloud: Cloud) -> None:
    cloud.deliver(event(*sent("m-1")))
    cloud.invoke("aggregate", event(*sent("m-2", start=1)))
    cloud.deliver(event(*sent("m-3", start=2)))

    run = recompute(cloud, **ASKED)

    assert (run["lagging"], calls(cloud)) == (1, {DAY: 3})


def test_an_archive_that_lost_what_was_counted_erases_nothing(cloud: Cloud) -> None:
    cloud.deliver(event(*sent("m-1")))
    cloud.deliver(event(*sent("m-2", start=1)))
    found = cloud.s3.list_objects_v2(Bucket="archive", Prefix="raw/")["Contents"]
    cloud.s3.delete_object(Bucket="archive", Key=found[-1]["Key"])

    run = recompute(cloud, **ASKED)

    assert (run["lagging"], calls(cloud)) == (1, {DAY: 2})
    assert Left.INCOMPLETE in run["cause"]


def give_up(cloud: Cloud, consumer: str, records: list[dict[str, Any]]) -> DeadRow:
    """What is left of a batch that a consumer gave up: its row."""
    row = DeadRow(
        key=f"aws/lambda/m/shardId-000000000000/2026/03/14/{consumer}",
        consumer=consumer,
        lane=read_counters(cloud.ingest).lanes[0].lane,
        first=int(records[0]["kinesis"]["sequenceNumber"]),
        last=int(records[-1]["kinesis"]["sequenceNumber"]),
        records=len(records),
        events=len(records),
        condition="RetryAttemptsExhausted",
        at="2026-03-14T18:00:06.021Z",
        arrivals=(int(ARRIVAL.timestamp() * 1000),) * 2,
    )
    assert register(cloud.ingest, row)
    return row


def test_a_late_call_is_counted_on_its_day_with_what_came_before(cloud: Cloud) -> None:
    old = {"timestamp": "2026-03-12T10:00:00Z"}
    earlier = [record(call("m-1", **old), at=0, arrival=ARRIVAL - timedelta(days=2))]
    late = [record(call("m-2", **old), at=1), record(call("m-1", **old), at=2)]
    cloud.deliver(event(*earlier))
    cloud.functions["aggregate"] = start_function("aggregate")
    cloud.deliver(event(*late))
    empty = usage_hash(cloud)

    run = recompute(cloud, **ASKED)

    assert (run["checked"], calls(cloud)) == (1, {"2026-03-12": 2})
    assert usage_hash(cloud) == empty


def test_a_call_repeated_under_another_day_counts_on_the_first(cloud: Cloud) -> None:
    midnight = datetime.fromisoformat("2026-03-15T00:10:00Z")
    no_time = {"timestamp": None}
    first = [record(call("m-1", **no_time), at=0, arrival=midnight - timedelta(minutes=20))]
    second = [record(call("m-1", **no_time), at=1, arrival=midnight)]
    cloud.deliver(event(*first))
    cloud.deliver(event(*second))

    run = recompute(cloud, **{"from": "2026-03-15", "to": "2026-03-15"})

    assert (run["calls_removed"], calls(cloud)) == (1, {DAY: 1, "2026-03-15": 0})


def test_the_whole_archive_in_an_empty_table_gives_the_same_usage(cloud: Cloud) -> None:
    deliver_beyond_the_window(cloud)
    arrival = ARRIVAL + timedelta(days=3)
    more = [
        record(call(f"n-{at}", userId=f"u-{at}", timestamp=None), at=100 + at, arrival=arrival)
        for at in range(30)
    ]
    cloud.deliver(event(*more))
    recompute(cloud)
    before = usage_hash(cloud)
    empty_usage(cloud)

    run = recompute(cloud, run="r-2", **{"from": None, "to": None})

    assert usage_hash(cloud) == before
    assert (run["first"], run["last"], run["calls_added"]) == (DAY, "2026-03-17", 90)
    cloud.functions["aggregate"] = start_function("aggregate")
    cloud.deliver(event(*more))
    assert usage_hash(cloud) == before


def test_one_account_is_recomputed_alone(cloud: Cloud) -> None:
    deliver_beyond_the_window(cloud)
    other = [record(call(f"b-{at}", context={"groupId": "bee"}), at=200 + at, key="bee") for at in range(60)]
    repeated = record(call("b-0", context={"groupId": "bee"}), at=300, key="bee")
    cloud.deliver(event(*other))
    cloud.functions["aggregate"] = start_function("aggregate")
    cloud.deliver(event(repeated))

    run = recompute(cloud, account="bee", **ASKED)

    assert (run["checked"], run["account"]) == (1, "bee")
    assert (calls(cloud), calls(cloud, "bee")) == ({DAY: 61}, {DAY: 60})


def test_a_large_day_is_cut_into_buckets_of_accounts(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [f"acct-{number}" for number in range(20)]
    cloud.deliver(
        event(
            *(
                record(call("m-1", context={"groupId": account}), at=at, key=account)
                for at, account in enumerate(accounts)
            )
        )
    )
    [found] = cloud.s3.list_objects_v2(Bucket="archive", Prefix="raw/")["Contents"]
    monkeypatch.setattr("stemtide.recompute_plan.BUCKET_BYTES", found["Size"] // 3 + 1)
    before = usage_hash(cloud)
    empty_usage(cloud)

    planned = cloud.invoke("recompute", {"step": "plan", "run": "r-0", "input": ASKED})
    run = recompute(cloud, **ASKED)

    assert len(tasks(cloud, planned)) == run["tasks"] == 3
    assert all(0 < task["checked"] < 20 for task in read_tasks(cloud.ingest, "r-1"))
    assert usage_hash(cloud) == before


def test_a_night_recomputes_the_day_before_and_what_is_owed(cloud: Cloud, capsys: Any) -> None:
    deliver_beyond_the_window(cloud)
    note_due(cloud.ingest, ["2026-03-01"], at="2026-03-14T12:00:00Z")

    run = recompute(cloud, scheduled_at="2026-03-15T01:15:00Z")
    twice = recompute(cloud, run="r-2", scheduled_at="2026-03-15T01:15:00Z")
    missed = recompute(cloud, run="r-3", scheduled_at="2026-03-18T01:15:00Z")

    assert (run["first"], run["last"], run["corrected"]) == ("2026-03-01", DAY, 1)
    assert twice == {}
    assert (missed["first"], missed["last"]) == ("2026-03-15", "2026-03-17")
    assert read_due(cloud.ingest) == {}
    metrics = [line for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert len(metrics) == 2
    assert {"RecomputedItems": [1.0], "CorrectedItems": [1.0]}.items() <= json.loads(metrics[0]).items()


def test_a_night_that_left_items_behind_is_repeated_the_next_night(cloud: Cloud) -> None:
    cloud.deliver(event(*sent("m-1", "m-2")))
    cloud.invoke("aggregate", event(*sent("m-3", start=2)))

    first = recompute(cloud, scheduled_at="2026-03-15T01:15:00Z")
    cloud.invoke("archive", event(*sent("m-3", start=2)))
    second = recompute(cloud, run="r-2", scheduled_at="2026-03-16T01:15:00Z")

    assert (first["state"], second["state"]) == ("failed", "succeeded")
    assert (second["first"], second["last"]) == (DAY, "2026-03-15")


def test_a_task_that_was_given_up_fails_the_run(cloud: Cloud) -> None:
    deliver_beyond_the_window(cloud)
    planned = cloud.invoke("recompute", {"step": "plan", "run": "r-1", "input": ASKED})

    ended = cloud.invoke("recompute", {"step": "finish", "plan": planned})

    assert (ended["failed"], ended["cause"]) == (1, "1 tasks were given up")


def test_a_repeated_task_leaves_its_first_outcome(cloud: Cloud) -> None:
    deliver_beyond_the_window(cloud)
    planned = cloud.invoke("recompute", {"step": "plan", "run": "r-1", "input": ASKED})
    [item] = tasks(cloud, planned)

    for _ in range(2):
        cloud.invoke("recompute", {"step": "task", "item": item})

    [task] = read_tasks(cloud.ingest, "r-1")
    assert (task["corrected"], task["calls_removed"]) == (1, 1)


def test_a_map_that_fails_is_noted(cloud: Cloud) -> None:
    planned = cloud.invoke("recompute", {"step": "plan", "run": "r-1", "input": ASKED})

    ended = cloud.invoke(
        "recompute", {"step": "fail", "plan": planned, "error": {"Error": "States.Timeout", "Cause": "late"}}
    )

    assert ended["cause"] == "States.Timeout: late"


@pytest.mark.parametrize("quiet", [False, True])
def test_a_missing_day_is_a_first_use_unless_history_is_replayed(cloud: Cloud, *, quiet: bool) -> None:
    cloud.deliver(event(*sent("m-1")))
    empty_usage(cloud)

    recompute(cloud, quiet=quiet, **ASKED)

    item = cloud.usage.get_item(Key={"account": "acme", "day": DAY})["Item"]
    assert item.get(BACKFILLED) == (False if quiet else None)
