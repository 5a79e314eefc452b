"""Accounts that were silent, and days of which events are missing: whom the hourly check looks at."""

import copy
import time
from typing import Any

import pytest
from stemtide.calls import DAY_MS, day_of
from stemtide.store.records import Records

from tests.integration.stream.detecting import (
    ACCOUNT,
    FALLEN,
    TODAY,
    drops,
    heard,
    put_days,
    queued,
)
from tests.stream_cloud import Cloud


def test_the_silent_are_found_for_an_instant_and_the_active_left_alone(cloud: Cloud) -> None:
    heard(cloud)
    silent, active = dict.fromkeys(range(11, 32), 10), dict.fromkeys((9, 10, 11, 12, 1), 10)
    put_days(cloud, silent, account="silent")
    put_days(cloud, active, account="active")
    records = Records(cloud.accounts)
    records.touch("silent", day_of((TODAY - 11) * DAY_MS))
    records.touch("active", day_of((TODAY - 1) * DAY_MS))

    answer = cloud.invoke("detect", {"job": "detect", "as_of": "2026-11-22T10:00:00Z"})
    again = cloud.invoke("detect", {"job": "detect", "as_of": "2026-11-22T11:00:00Z"})

    assert (answer["looked_at"], answer["found"]) == (1, 2)
    assert {drop["account"] for drop in answer["drops"]} == {"silent"}
    assert again["found"] == 0
    assert drops(cloud, "active") == []


def test_a_past_instant_looks_at_those_who_were_silent_then_and_are_active_now(cloud: Cloud) -> None:
    heard(cloud)
    put_days(cloud, dict.fromkeys(range(20, 50), 10) | {1: 10})
    Records(cloud.accounts).touch(ACCOUNT, day_of((TODAY - 1) * DAY_MS))
    then = day_of((TODAY - 12) * DAY_MS)

    answer = cloud.invoke("detect", {"job": "detect", "as_of": then})

    assert answer["found"] == 2
    assert Records(cloud.accounts).drops(ACCOUNT)[0].as_of_ms == (TODAY - 11) * DAY_MS - 1


@pytest.mark.parametrize(("instant", "found"), [("2026-11-21", 2), ("2026-11-22T10:00:00Z", 0)])
def test_whoever_came_back_the_day_after_was_silent_at_the_end_of_a_past_day(
    cloud: Cloud, instant: str, found: int
) -> None:
    heard(cloud)
    put_days(cloud, {**dict.fromkeys(range(10, 40), 10), 0: 5})
    Records(cloud.accounts).touch(ACCOUNT, day_of(TODAY * DAY_MS))

    answer = cloud.invoke("detect", {"job": "detect", "as_of": instant})

    assert answer["found"] == found  # within the day itself its first use looks


def test_a_schedule_that_fires_twice_looks_once(cloud: Cloud) -> None:
    event = {"job": "detect", "scheduled_at": "2026-11-22T10:30:00+00:00"}

    cloud.invoke("detect", event)
    cloud.invoke("detect", event)

    runs = [item["sk"] for item in cloud.ingest.scan()["Items"] if item["pk"] == "job#detect"]
    assert runs == ["2026-11-22T10:00:00+00:00"]


def silent_account(cloud: Cloud) -> None:
    put_days(cloud, dict.fromkeys(range(11, 32), 10), account="silent")
    Records(cloud.accounts).touch("silent", day_of((TODAY - 11) * DAY_MS))


def hours(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """The claimed hours of the check, by slot."""
    return {item["sk"]: item for item in cloud.ingest.scan()["Items"] if item["pk"] == "job#detect"}


def test_while_the_stream_is_stale_nobody_is_called_silent_and_the_hour_is_caught_up(cloud: Cloud) -> None:
    silent_account(cloud)
    heard(cloud, until="2026-11-21T19:00:00Z")

    cloud.invoke("detect", {"job": "detect", "scheduled_at": "2026-11-22T00:30:00+00:00"})

    [skipped] = hours(cloud).values()
    assert "done_at" not in skipped
    assert skipped["skipped"] == (
        "the stream was stale at 2026-11-21T23:59:59.999Z: latest event: 19:14 UTC, lag: 285 min"
    )
    assert drops(cloud, "silent") == []

    heard(cloud, until="2026-11-22T00:45:00Z")
    cloud.invoke("detect", {"job": "detect", "scheduled_at": "2026-11-22T01:30:00+00:00"})

    assert all("done_at" in row and "skipped" not in row for row in hours(cloud).values())
    assert list(hours(cloud)) == ["2026-11-22T00:00:00+00:00", "2026-11-22T01:00:00+00:00"]
    assert drops(cloud, "silent") == ["api_calls_down", "events_down"]


def test_a_day_whose_events_never_came_is_not_taken_for_silence_once_the_stream_is_back(
    cloud: Cloud,
) -> None:
    silent_account(cloud)
    heard(cloud, until="2026-11-22T10:00:00Z", gone=("2026-11-21",))

    answer = cloud.invoke("detect", {"job": "detect", "as_of": "2026-11-22T10:00:00Z"})
    asked = {"job": "detect", "as_of": "2026-11-22T10:00:00Z", "ignore_stale": True}
    forced = cloud.invoke("detect", asked)

    assert answer["skipped"].startswith("the stream was stale at 2026-11-21T23:59:59.999Z")
    assert (answer["found"], forced["found"], forced["skipped"]) == (0, 2, None)


def test_while_the_streams_consumers_are_behind_nobody_is_called_silent(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that nobody has counted lies in the stream since before the limit."""
    silent_account(cloud)
    heard(cloud)
    cloud.kinesis.put_record(StreamName="events", PartitionKey="silent", Data=b"{}")
    later = time.time() + 3 * 3600
    monkeypatch.setattr(cloud.functions["detect"].time, "time", lambda: later)

    answer = cloud.invoke("detect", {"job": "detect", "as_of": "2026-11-22T10:00:00Z"})

    assert answer["skipped"] == "the stream's consumers are 180 min behind"
    assert drops(cloud, "silent") == []


def first_uses(first_use: dict[str, Any], *accounts: str, day: int = TODAY) -> dict[str, Any]:
    """A delivery in which accounts use the product for the first time on a day."""
    found = []
    for account in accounts:
        one = copy.deepcopy(first_use["Records"][0])
        for part in (one["dynamodb"]["Keys"], one["dynamodb"]["NewImage"]):
            part["account"]["S"] = account
            part["day"]["S"] = day_of(day * DAY_MS)
        found.append(one)
    return {"Records": found}


OUTAGE = tuple(day_of((TODAY - ago) * DAY_MS) for ago in range(1, 5))
STEADY = dict.fromkeys(range(5, 60), 10)


def test_the_first_use_after_an_outage_raises_no_drop_and_the_hourly_check_catches_up_once_it_is_filled(
    caplog: pytest.LogCaptureFixture, cloud: Cloud, first_use: dict[str, Any]
) -> None:
    """Four days are missing of everybody; when they are there it shows whose use did fall."""
    for account in ("steady", "fallen"):
        put_days(cloud, STEADY, account=account)
    heard(cloud, gone=OUTAGE)

    answer = cloud.invoke("detect", first_uses(first_use, "steady", "fallen"))
    said = vars(caplog.records[-1])
    cloud.invoke("detect", {"job": "detect", "scheduled_at": "2026-11-22T10:30:00+00:00"})

    assert answer == {"batchItemFailures": []}
    assert (drops(cloud, "steady"), drops(cloud, "fallen")) == ([], [])
    assert said["withheld"] == 2
    assert said["why"].startswith("the stream was stale at 2026-11-21T23:59:59.999Z")
    assert [row["skipped"][:20] for row in hours(cloud).values()] == ["the stream was stale"]

    put_days(cloud, dict.fromkeys(range(1, 5), 10), account="steady")
    put_days(cloud, dict.fromkeys(range(1, 5), 1), account="fallen")
    for account in ("steady", "fallen"):
        put_days(cloud, {0: 10}, account=account)
    heard(cloud, until="2026-11-22T11:30:00Z")
    cloud.invoke("detect", {"job": "detect", "scheduled_at": "2026-11-22T11:30:00+00:00"})

    assert drops(cloud, "steady") == []
    assert drops(cloud, "fallen") == ["api_calls_down"]
    assert all("done_at" in row for row in hours(cloud).values())


@pytest.mark.parametrize(("ago", "found"), [(1, 0), (7, 0), (8, 2)])
def test_rules_are_withheld_while_one_of_the_last_seven_days_lacks_events(
    cloud: Cloud, first_use: dict[str, Any], ago: int, found: int
) -> None:
    put_days(cloud, FALLEN)
    heard(cloud, gone=(day_of((TODAY - ago) * DAY_MS),))

    cloud.invoke("detect", first_use)

    assert len(drops(cloud)) == found


def test_an_unreadable_silent_account_is_set_aside_once_and_not_every_hour(cloud: Cloud) -> None:
    heard(cloud, until="2026-11-22T13:00:00Z")
    day = day_of((TODAY - 2) * DAY_MS)
    cloud.usage.put_item(Item={"account": "bad", "day": day, "v": 1, "s": b"\xff"})
    Records(cloud.accounts).touch("bad", day)

    answers = [cloud.invoke("detect", {"as_of": f"2026-11-22T{hour}:00:00Z"}) for hour in (10, 11, 12)]

    assert [answer["unreadable"] for answer in answers] == [1, 1, 1]
    assert [message["payload"]["account"] for message in queued()] == ["bad"]
