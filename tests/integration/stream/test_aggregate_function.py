"""The aggregate function against DynamoDB, Kinesis and S3."""

from datetime import date

from stemtide.store.counters import read_counters
from stemtide.store.quarantine import list_quarantined
from stemtide.store.usage import read_days

from tests.stream_cloud import Cloud
from tests.streams import call, event, failed, record

DAY = date(2026, 3, 14)


def test_calls_are_counted_by_account_and_day(cloud: Cloud) -> None:
    batch = {"batch": [call("m-2", userId="bob"), call("m-3", timestamp="2026-03-13T23:59:59Z")]}

    response = cloud.deliver(event(record(call("m-1"), at=1), record(batch, at=2)))

    assert response == failed()
    before, day = read_days(cloud.usage, "acme", date(2026, 3, 1), DAY)
    assert (before.date, before.events, before.active_users) == (date(2026, 3, 13), 1, 1)
    assert (day.date, day.events, day.active_users) == (DAY, 2, 2)
    assert day.by_event == {"Report Viewed": 2}


def test_the_neighbours_of_poison_are_counted(cloud: Cloud) -> None:
    poison = [
        b"{not json",
        b'{"type": "track", "value": NaN}',
        b" " * 300 * 1024,
        b"\xff\xfe",
        b"[]",
    ]
    calls = [call("m-x", context=None), call("m-y", timestamp="2026-03-14T13:00:00Z")]
    records = [
        record(content, at=at) for at, content in enumerate([call("m-1"), *poison, *calls, call("m-2")])
    ]

    response = cloud.deliver(event(*records))

    assert response == failed()
    assert [day.events for day in read_days(cloud.usage, "acme", DAY, DAY)] == [2]
    reasons = sorted(row.reason for row in list_quarantined(cloud.ingest).rows)
    assert reasons == sorted(
        ["invalid_json"] * 3 + ["too_large", "not_an_object", "missing_account", "in_the_future"]
    )
    counters = read_counters(cloud.ingest)
    assert (counters.received, counters.applied, counters.quarantined) == (9, 2, 7)
    assert counters.settled
    assert counters.unbalanced == 0


def test_a_redelivery_changes_nothing(cloud: Cloud) -> None:
    records = [
        record(call("m-1"), at=1),
        record(call("m-1"), at=2),
        record(b"poison", at=3),
        record(call("m-2", context={"groupId": "other"}), at=4),
    ]
    cloud.deliver(event(*records))
    usage, ingest = cloud.usage.scan()["Items"], cloud.ingest.scan()["Items"]

    response = cloud.deliver(event(*records))

    assert response == failed()
    assert cloud.usage.scan()["Items"] == usage
    assert cloud.ingest.scan()["Items"] == ingest
    assert len(cloud.sent()) == 1


def test_a_redelivery_after_a_cold_start_with_other_bounds_applies_only_the_suffix(cloud: Cloud) -> None:
    records = [record(call(f"m-{at}"), at=at) for at in range(5)]
    cloud.deliver(event(*records[:3]))
    cloud.functions["aggregate"].ports.cache_clear()

    cloud.deliver(event(*records[1:]))

    assert [day.events for day in read_days(cloud.usage, "acme", DAY, DAY)] == [5]
    counters = read_counters(cloud.ingest)
    assert counters.applied == 5
    assert counters.unbalanced == 0


def test_a_call_under_a_foreign_key_goes_back_into_the_stream_under_its_own(cloud: Cloud) -> None:
    cloud.deliver(event(record(call("m-1"), at=1, key="someone-else")))

    (sent,) = cloud.sent()

    assert sent["PartitionKey"] == "acme"
    assert read_days(cloud.usage, "acme", DAY, DAY) == []
    again = record(sent["Data"], at=2, key=sent["PartitionKey"])
    cloud.deliver(event(again))
    assert [day.events for day in read_days(cloud.usage, "acme", DAY, DAY)] == [1]
    counters = read_counters(cloud.ingest)
    assert counters.public() == {
        "in": 2,
        "applied": 1,
        "duplicate": 0,
        "quarantined": 0,
        "forwarded": 1,
        "dead": 0,
    }


def test_many_users_move_to_an_item_of_their_own_and_are_still_counted(cloud: Cloud) -> None:
    batches = [
        {"batch": [call(f"m-{batch}-{user}", userId=f"user-{batch}-{user}") for user in range(20)]}
        for batch in range(5)
    ]
    for at, batch in enumerate(batches):
        cloud.deliver(event(record(batch, at=at)))

    (day,) = read_days(cloud.usage, "acme", DAY, DAY)

    assert day.active_users == 100
    assert day.events == 100
    sorts = [item["day"] for item in cloud.usage.scan()["Items"]]
    assert sorted(sorts) == ["2026-03-14", "2026-03-14#users"]


def test_usage_expires_counted_from_arrival(cloud: Cloud) -> None:
    cloud.deliver(event(record(call("m-1", timestamp="2026-01-05T00:00:00Z"), at=1)))

    (item,) = cloud.usage.scan()["Items"]

    assert item["day"] == "2026-01-05"
    assert item["expires_at"] == 1773489600 + 400 * 86400
