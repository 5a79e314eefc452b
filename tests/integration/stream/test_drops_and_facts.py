"""Detect and publish as Lambda runs them, on recorded deliveries of the tables' streams."""

import copy
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from stemtide.as_of import as_of_text
from stemtide.calls import DAY_MS, day_number, day_of, timestamp_ms
from stemtide.drops import Drop
from stemtide.event_days import QUARTERS
from stemtide.logins import Login
from stemtide.ports import LATE, UnavailableError
from stemtide.state import State, encode
from stemtide.store.consumer_marks import has_mark
from stemtide.store.event_days import EventDayNotes
from stemtide.store.records import Records
from stemtide.store.score_queue import LoginSender
from stemtide.store.usage_blocks import Block, UsageBlocks

from tests.stream_cloud import LOGINS, QUEUE, Cloud

EVENTS = Path(__file__).parents[2] / "events"
FIRST_MS = 1795357442000
TODAY = day_number("2026-11-22")
ACCOUNT = "acct-e1"


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found


@pytest.fixture
def first_use() -> dict[str, Any]:
    return recorded("usage_table_insert")


def put_days(cloud: Cloud, calls: dict[int, int], *, account: str = ACCOUNT) -> None:
    """Usage of so many API calls so many days ago."""
    for ago, count in calls.items():
        state = State(events=count, calls=count, by_event={"API Call": count}, first_ms=0, last_ms=0)
        day = day_of((TODAY - ago) * DAY_MS)
        cloud.usage.put_item(Item={"account": account, "day": day, "v": 1, "s": encode(state)})


def heard(cloud: Cloud, *, until: str = "2026-11-22T10:00:00Z", gone: tuple[str, ...] = ()) -> None:
    """The stream told of events around the clock up to an instant, but not on the days that are `gone`."""
    last = timestamp_ms(until)
    days = [day for day in range(TODAY - 40, last // DAY_MS + 1) if day_of(day * DAY_MS) not in gone]
    quarters = (day * QUARTERS + number for day in days for number in range(QUARTERS))
    EventDayNotes(cloud.ingest).note(one for one in quarters if one * DAY_MS <= last * QUARTERS)


SERVER_ERROR = {"ResponseMetadata": {"HTTPStatusCode": 503}}
FALLEN = {ago: 10 if ago > 10 else 2 for ago in range(1, 32)}
"""Three usual weeks, and ten days with a fifth of that."""


def drops(cloud: Cloud, account: str = ACCOUNT) -> list[str]:
    return [drop.rule for drop in Records(cloud.accounts).drops(account)]


def queued() -> list[dict[str, Any]]:
    found = boto3.client("sqs").receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def test_the_first_use_of_a_day_finds_the_drop_as_of_its_own_first_event(
    cloud: Cloud, first_use: dict[str, Any]
) -> None:
    put_days(cloud, FALLEN)

    answer = cloud.invoke("detect", first_use)

    assert answer == {"batchItemFailures": []}
    assert drops(cloud) == ["api_calls_down", "events_down"]
    [one, _] = Records(cloud.accounts).drops(ACCOUNT)
    assert one.as_of_ms == FIRST_MS
    assert one.figures == {"measure": "api_calls", "before": 46, "now": 14, "change": -0.6957}
    record = Records(cloud.accounts).read(ACCOUNT)
    assert record is not None
    assert record.last_day == "2026-11-22"
    assert has_mark(cloud.ingest, "detect", first_use["Records"][0]["dynamodb"]["SequenceNumber"])


def test_a_first_use_of_a_day_that_is_over_voids_what_is_kept_before_its_drop_is_told(
    cloud: Cloud, first_use: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_days(cloud, FALLEN)
    blocks = UsageBlocks(cloud.accounts)
    block = blocks.begin(ACCOUNT)
    blocks.write(ACCOUNT, replace(block, day=TODAY - 1, digest="x", usage=b"old"))
    first_use["Records"][0]["dynamodb"]["NewImage"][LATE] = {"BOOL": True}
    put_drop, kept = Records.put_drop, []

    def put(self: Records, drop: Drop) -> bool:
        kept.append(blocks.read(ACCOUNT))
        return put_drop(self, drop)

    monkeypatch.setattr(Records, "put_drop", put)

    answer = cloud.invoke("detect", first_use)

    assert answer == {"batchItemFailures": []}
    assert kept == [Block(voids=1)] * 2


def test_a_void_that_is_refused_comes_again(
    cloud: Cloud, first_use: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(self: UsageBlocks, accounts: Any) -> int:
        raise UnavailableError("500")

    monkeypatch.setattr(UsageBlocks, "void", unavailable)
    [change] = first_use["Records"]
    change["dynamodb"]["NewImage"][LATE] = {"BOOL": True}

    answer = cloud.invoke("detect", first_use)

    sequence = change["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    assert not has_mark(cloud.ingest, "detect", sequence)


def test_a_redelivered_first_use_finds_nothing_new(cloud: Cloud, first_use: dict[str, Any]) -> None:
    put_days(cloud, FALLEN)

    cloud.invoke("detect", first_use)
    before = cloud.accounts.scan()["Items"]
    cloud.invoke("detect", first_use)

    assert cloud.accounts.scan()["Items"] == before


def test_what_can_never_be_read_is_set_aside_and_holds_up_nothing(
    cloud: Cloud, first_use: dict[str, Any]
) -> None:
    put_days(cloud, FALLEN)
    [good] = first_use["Records"]
    poison = copy.deepcopy(good)
    poison["dynamodb"]["Keys"]["account"]["S"] = "poisoned"
    poison["dynamodb"]["NewImage"]["s"]["B"] = "//8="

    answer = cloud.invoke("detect", {"Records": [poison, good]})

    assert answer == {"batchItemFailures": []}
    assert drops(cloud) == ["api_calls_down", "events_down"]
    [message] = queued()
    assert message["function"] == "detect"
    assert message["payload"]["account"] == "poisoned"
    assert "unknown format" in message["reason"]


def test_a_table_that_does_not_answer_names_the_record_that_must_come_again(
    cloud: Cloud, first_use: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_days(cloud, FALLEN)
    ports = cloud.functions["detect"].ports()
    busy = ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")
    client = ports.days.__self__.client

    def throttled(**_: Any) -> Any:
        raise busy

    with monkeypatch.context() as patch:
        patch.setattr(client, "query", throttled)
        answer = cloud.invoke("detect", first_use)
    sequence = first_use["Records"][0]["dynamodb"]["SequenceNumber"]

    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    assert drops(cloud) == []
    assert not has_mark(cloud.ingest, "detect", sequence)
    cloud.invoke("detect", first_use)
    assert drops(cloud) == ["api_calls_down", "events_down"]


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


def test_a_delivery_of_the_accounts_table_is_told_on_the_bus(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = watch_bus(cloud, monkeypatch, refused_first=0)
    event = recorded("accounts_table_drop_and_score")

    answer = cloud.invoke("publish", event)

    assert answer == {"batchItemFailures": []}
    assert [entry["DetailType"] for entry in sent] == ["UsageDropDetected", "RiskTierChanged"]
    assert {(entry["EventBusName"], entry["Source"]) for entry in sent} == {("bus", "stemtide")}
    assert json.loads(sent[0]["Detail"])["change"] == -0.6
    assert json.loads(sent[1]["Detail"])["tier"] == "low"
    assert has_mark(cloud.ingest, "publish", event["Records"][-1]["dynamodb"]["SequenceNumber"])


def test_an_entry_that_the_bus_refuses_is_sent_again_alone(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = watch_bus(cloud, monkeypatch, refused_first=1)

    answer = cloud.invoke("publish", recorded("accounts_table_drop_and_score"))

    assert answer == {"batchItemFailures": []}
    kinds = [entry["DetailType"] for entry in sent]
    assert kinds == ["UsageDropDetected", "RiskTierChanged", "UsageDropDetected"]


def test_what_the_bus_never_takes_comes_again_from_the_stream(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_bus(cloud, monkeypatch, refused_first=10_000)
    event = recorded("accounts_table_drop_and_score")

    answer = cloud.invoke("publish", event)

    sequences = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in sequences]}
    assert not has_mark(cloud.ingest, "publish", sequences[-1])


def watch_bus(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, *, refused_first: int) -> list[dict[str, Any]]:
    """What is put on the bus; it refuses the first entry of that many requests (at 10,000 every entry)."""
    function = cloud.functions["publish"]
    client = function.places()["bus"].client
    real, sent, requests = client.put_events, [], []

    def put_events(**arguments: Any) -> Any:
        sent.extend(arguments["Entries"])
        requests.append(1)
        answer = real(**arguments)
        refused = len(answer["Entries"]) if refused_first >= 10_000 else int(len(requests) <= refused_first)
        for entry in answer["Entries"][:refused]:
            entry["ErrorCode"] = "ThrottlingException"
        return answer

    monkeypatch.setattr(client, "put_events", put_events)
    monkeypatch.setattr(function.time, "sleep", lambda _: None)
    return sent


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


def logged_in() -> list[dict[str, Any]]:
    found = boto3.client("sqs").receive_message(QueueUrl=LOGINS, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def test_a_write_that_counts_a_login_puts_it_into_the_queue_of_logins(
    cloud: Cloud, first_use: dict[str, Any]
) -> None:
    later = copy.deepcopy(first_use["Records"][0])
    later["eventName"] = "MODIFY"
    later["dynamodb"]["NewImage"]["login"] = {"N": str(FIRST_MS)}

    answer = cloud.invoke("detect", {"Records": [later]})

    assert answer == {"batchItemFailures": []}
    assert logged_in() == [{"account": ACCOUNT, "as_of": as_of_text(FIRST_MS)}]
    assert drops(cloud) == []
    assert has_mark(cloud.ingest, "detect", later["dynamodb"]["SequenceNumber"])


def test_a_login_that_its_queue_does_not_take_is_lost_and_delays_no_drop(
    cloud: Cloud,
    first_use: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put_days(cloud, FALLEN)
    first_use["Records"][0]["dynamodb"]["NewImage"]["login"] = {"N": str(FIRST_MS)}
    sequence = first_use["Records"][0]["dynamodb"]["SequenceNumber"]
    client, tries = cloud.functions["detect"].logins().client, []

    def unavailable(**asked: Any) -> Any:
        tries.append(asked)
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}, **SERVER_ERROR}, "SendMessageBatch")

    with monkeypatch.context() as patch:
        patch.setattr(client, "send_message_batch", unavailable)
        answer = cloud.invoke("detect", first_use)

    assert answer == {"batchItemFailures": []}
    assert len(tries) == 2
    assert vars(caplog.records[-1])["lost"] == 1
    assert drops(cloud) == ["api_calls_down", "events_down"]
    assert logged_in() == []
    assert has_mark(cloud.ingest, "detect", sequence)


def test_many_logins_are_sent_ten_at_a_time_and_what_is_refused_is_named(cloud: Cloud) -> None:
    logins = [Login(account=f"a{n}", as_of=as_of_text(FIRST_MS)) for n in range(23)]
    client = boto3.client("sqs")

    left = LoginSender(client=client, url=LOGINS).send(logins)

    found: set[str] = set()
    while messages := client.receive_message(QueueUrl=LOGINS, MaxNumberOfMessages=10).get("Messages"):
        found |= {json.loads(message["Body"])["account"] for message in messages}
    assert (left, found) == ([], {one.account for one in logins})


def test_a_queue_that_does_not_answer_is_tried_twice_however_many_have_logged_in(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = [Login(account=f"a{n}", as_of=as_of_text(FIRST_MS)) for n in range(95)]
    client, tries = boto3.client("sqs"), []

    def unavailable(**asked: Any) -> Any:
        tries.append(asked)
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}, **SERVER_ERROR}, "SendMessageBatch")

    monkeypatch.setattr(client, "send_message_batch", unavailable)

    assert len(LoginSender(client=client, url=LOGINS).send(logins)) == 95
    assert len(tries) == 2


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
