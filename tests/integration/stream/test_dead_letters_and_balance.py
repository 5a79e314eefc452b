"""What a consumer gave up on, and whether everything is accounted for."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from stemtide.calls import DAY_MS
from stemtide.progress import Hole
from stemtide.store.archive_objects import ArchiveDays
from stemtide.store.consumer_marks import has_mark
from stemtide.store.consumer_progress import read_progress
from stemtide.store.counters import read_counters
from stemtide.store.dead_letters import read_waiting
from stemtide.store.ledger import query_all, read_lanes
from stemtide.store.quarantine import get_payload, list_quarantined, mark_released

from tests.stream_cloud import Cloud
from tests.stream_memory import one_by_one
from tests.streams import ARRIVAL, call, event, record

EVENTS = Path(__file__).parents[2] / "events"
MAPPING = "4f0d6f4e-7c5a-4d5e-9a51-6c2c5f0f7f3a"
KEY = f"aws/lambda/{MAPPING}/shardId-000000000000/2026/03/14/2026-03-14T18.00.06-d94b2f5c+1"


def give_up(cloud: Cloud, lost: dict[str, Any], *, consumer: str = "Aggregate") -> None:
    """What Lambda does with a delivery after the last retry."""
    letter = json.loads((EVENTS / "s3_on_failure_object.json").read_text()) | {"payload": json.dumps(lost)}
    function = letter["requestContext"]["functionArn"].replace("Aggregate", consumer)
    letter["requestContext"]["functionArn"] = function
    cloud.s3.put_object(Bucket="dead", Key=KEY, Body=json.dumps(letter).encode())
    cloud.invoke("dead_letters", json.loads((EVENTS / "s3_object_created.json").read_text()))


def in_minutes(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    """Records of a call each, two to the minute."""
    return [
        record(call(f"m-{at}"), at=at, arrival=ARRIVAL + timedelta(seconds=30 * at))
        for at in range(start, start + count)
    ]


def unbalanced(printed: str) -> tuple[float, float, float]:
    """The metrics that the balance function printed: calls, lanes compared, lanes not compared."""
    (line,) = [line for line in printed.splitlines() if "CloudWatchMetrics" in line]
    metrics = json.loads(line)
    names = ("UnbalancedEvents", "LanesCompared", "LanesNotCompared")
    calls, compared, left = (metrics[name][0] for name in names)
    return calls, compared, left


def test_row_10_a_delivery_that_was_given_up_is_registered_once_with_its_payload_and_balances(
    cloud: Cloud,
) -> None:
    records = [record(call(f"m-{at}"), at=at) for at in range(4)]
    lost = event(record({"batch": [call("m-7"), call("m-8")]}, at=4), record(b"poison", at=5))
    cloud.deliver(event(*records))
    cloud.invoke("archive", lost)

    give_up(cloud, lost)
    give_up(cloud, lost)

    [waiting] = read_waiting(cloud.ingest)
    arrival_ms = int(ARRIVAL.timestamp() * 1000)
    assert (waiting.arrivals, waiting.id) == ((arrival_ms, arrival_ms), KEY.rpartition("/")[2])
    assert json.loads(cloud.s3.get_object(Bucket="dead", Key=waiting.key)["Body"].read())["payload"]
    (row,) = query_all(cloud.ingest, "dead#2026-03-14")
    assert (row["consumer"], row["events"], row["records"]) == ("aggregate", 3, 2)
    assert row["condition"] == "RetryAttemptsExhausted"
    counters = read_counters(cloud.ingest)
    assert counters.public() == {
        "in": 7,
        "applied": 4,
        "duplicate": 0,
        "quarantined": 0,
        "forwarded": 0,
        "dead": 3,
    }
    assert counters.settled


def test_a_delivery_that_was_counted_before_it_was_given_up_is_not_dead(cloud: Cloud) -> None:
    records = [record(call(f"m-{at}"), at=at) for at in range(4)]
    cloud.deliver(event(*records[:3]))

    give_up(cloud, event(*records[2:]))

    cloud.invoke("archive", event(records[3]))
    counters = read_counters(cloud.ingest)
    assert (counters.applied, counters.dead, counters.received) == (3, 1, 4)
    assert counters.unbalanced == 0


def test_progress_names_what_the_archive_gave_up_and_trusts_no_lane_before_that_is_registered(
    cloud: Cloud,
) -> None:
    records = [record(call(f"m-{at}"), at=at) for at in range(4)]
    numbers = [int(one["kinesis"]["sequenceNumber"]) for one in records]
    cloud.deliver(event(*records[:2]))
    cloud.invoke("aggregate", event(*records[2:]))
    cloud.invoke("archive", event(records[3]))
    [lane] = read_counters(cloud.ingest).lanes

    unregistered = read_progress(cloud.ingest)
    give_up(cloud, event(records[2]), consumer="Archive")
    registered = read_progress(cloud.ingest)

    day = int(ARRIVAL.timestamp() * 1000) // DAY_MS
    assert (unregistered.aggregate, unregistered.archive) == ({lane.lane: numbers[3]}, {})
    assert (registered.aggregate, registered.archive) == ({lane.lane: numbers[3]}, {lane.lane: numbers[3]})
    assert (unregistered.holes, list(registered.holes)) == (
        [],
        [Hole(lane.lane, numbers[2], numbers[2], day, day)],
    )


def test_changes_of_a_table_that_were_given_up_are_registered_and_are_no_lost_calls(cloud: Cloud) -> None:
    cloud.deliver(event(record(call("m-1"), at=1)))
    letter = json.loads((EVENTS / "s3_on_failure_table_object.json").read_text())
    cloud.s3.put_object(Bucket="dead", Key=KEY, Body=json.dumps(letter).encode())

    cloud.invoke("dead_letters", json.loads((EVENTS / "s3_object_created.json").read_text()))

    (row,) = query_all(cloud.ingest, "dead#2026-03-14")
    assert (row["consumer"], row["records"], row["events"]) == ("profile", 1, 0)
    assert row["lane"] == "stemtide-data-TablesAccounts-1A2B/shardId-00000001773489600000-f3d1c2a4"
    assert has_mark(cloud.ingest, "profile", "800000000003126276362")
    counters = read_counters(cloud.ingest)
    assert (counters.dead, counters.unbalanced) == (0, 0)


def test_the_hourly_check_reports_once_an_hour_and_sees_a_loss(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.deliver(event(record(call("m-1"), at=1)))
    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T13:07:00Z"})
    balanced = unbalanced(capsys.readouterr().out)
    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T13:07:00Z"})
    repeated = capsys.readouterr().out
    cloud.ingest.update_item(
        Key={"pk": "lane#aggregate", "sk": read_counters(cloud.ingest).lanes[0].lane},
        UpdateExpression="SET applied = :none",
        ExpressionAttributeValues={":none": 0},
    )

    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T16:07:00Z"})

    assert balanced == (0, 1, 0)
    assert "CloudWatchMetrics" not in repeated
    assert unbalanced(capsys.readouterr().out) == (1, 1, 0)
    assert len(list(query_all(cloud.ingest, "job#balance"))) == 4


def test_consumers_at_different_records_are_compared_at_their_last_common_minute(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    records = in_minutes(12)
    cloud.invoke("archive", event(*records[:7]))
    cloud.invoke("archive", event(*records[5:]))
    cloud.invoke("aggregate", event(*records[:3]))
    cloud.invoke("aggregate", event(*records[3:8], *records[9:10]))

    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T13:07:00Z"})

    before = unbalanced(capsys.readouterr().out)
    (archived,), (counted,) = (read_lanes(cloud.ingest, name) for name in ("archive", "aggregate"))
    assert [point.calls for point in archived.checkpoints] == [0, 2, 4, 6, 8, 10]
    assert counted.checkpoints[:4] == archived.checkpoints[:4]
    assert before == (0, 1, 0)

    cloud.invoke("aggregate", event(*records[10:11]))
    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T14:07:00Z"})

    assert unbalanced(capsys.readouterr().out) == (1, 1, 0)
    public = read_counters(cloud.ingest).public()
    assert public == {
        "in": 12,
        "applied": 10,
        "duplicate": 0,
        "quarantined": 0,
        "forwarded": 0,
        "dead": 0,
    }


def test_ledger_rows_without_checkpoints_are_read_and_compared_once_they_have_some(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    records = in_minutes(9)
    cloud.invoke("archive", event(*records[:4]))
    cloud.invoke("aggregate", event(*records[:2]))
    for consumer in ("archive", "aggregate"):
        (row,) = read_lanes(cloud.ingest, consumer)
        key = {"pk": f"lane#{consumer}", "sk": row.lane}
        cloud.ingest.update_item(Key=key, UpdateExpression="REMOVE checkpoints")
        assert read_lanes(cloud.ingest, consumer)[0].checkpoints == ()
    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T13:07:00Z"})
    without = unbalanced(capsys.readouterr().out)

    cloud.invoke("archive", event(*records[4:]))
    cloud.invoke("aggregate", event(*records[2:8]))
    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T14:07:00Z"})

    assert without == (0, 0, 1)
    assert unbalanced(capsys.readouterr().out) == (0, 1, 0)


def test_a_ledger_row_stays_small(cloud: Cloud) -> None:
    for minute in range(40):
        arrival = ARRIVAL + timedelta(minutes=minute)
        cloud.deliver(event(record(call(f"m-{minute}"), at=minute << 120, arrival=arrival)))

    (item,) = query_all(cloud.ingest, "lane#archive")
    (row,) = read_lanes(cloud.ingest, "archive")
    assert [point.calls for point in row.checkpoints] == list(range(8, 40))
    assert len(bytes(item["checkpoints"])) < 1_000


def test_the_archive_has_every_byte_and_equal_bytes_for_equal_records(cloud: Cloud) -> None:
    records = [record(call("m-1"), at=1), record(b"\xff\x00", at=2, key="bee"), record(call("m-2"), at=3)]
    cloud.invoke("archive", event(*records))
    (found,) = cloud.s3.list_objects_v2(Bucket="archive")["Contents"]
    body = cloud.s3.get_object(Bucket="archive", Key=found["Key"])["Body"].read()

    cloud.invoke("archive", event(*records))
    cloud.invoke("archive", event(*records[1:]))

    assert cloud.s3.get_object(Bucket="archive", Key=found["Key"])["Body"].read() == body
    assert json.loads(gzip.decompress(body).splitlines()[1])["data_b64"] == "/wA="
    days = ArchiveDays(client=cloud.s3, bucket="archive", side_by_side=one_by_one)
    read = [(lane, one.key, one.bytes) for lane, one in days.records("2026-03-14")]
    (lane,) = {lane for lane, _, _ in read}
    assert lane == read_counters(cloud.ingest).lanes[0].lane
    assert [one for _, _, one in read] == [
        json.dumps(call("m-1")).encode(),
        b"\xff\x00",
        json.dumps(call("m-2")).encode(),
    ]


def test_the_quarantine_is_listed_by_page_with_payloads_of_any_size(cloud: Cloud) -> None:
    large = json.dumps(call("m-x", messageId=None, properties={"text": "x" * 40_000})).encode()
    poison = [large, b"\xff", *(b"{%d" % number for number in range(9))]
    cloud.deliver(event(*(record(content, at=at) for at, content in enumerate(poison))))

    rows, cursor = [], None
    while True:
        page = list_quarantined(cloud.ingest, limit=4, cursor=cursor)
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            break

    payloads = sorted(get_payload(cloud.ingest, cloud.s3, "archive", row.id) or b"" for row in rows)
    assert payloads == sorted(poison)
    (missing,) = list_quarantined(cloud.ingest, day="2026-03-14", reason="missing_message_id").rows
    assert (missing.account, missing.bytes, missing.payload) == ("acme", len(large), None)
    assert mark_released(cloud.ingest, missing.id, "2026-03-15T00:00:00Z")
    assert not mark_released(cloud.ingest, missing.id, "2026-03-16T00:00:00Z")
