"""What the aggregates note of the days of events, as Lambda runs them; and how far they are behind."""

import time
from datetime import date
from typing import Any

import pytest
from stemtide.calls import DAY_MS, day_number, timestamp_ms
from stemtide.event_days import Span
from stemtide.ports import UnavailableError
from stemtide.store.event_days import KEY, EventDayNotes, read_event_days
from stemtide.store.stream_lag import aggregates_lag_ms
from stemtide.store.usage import read_days

from tests.stream_cloud import Cloud, Context
from tests.streams import call, event, failed, record

DAY = day_number("2026-11-22")
MINUTE = 60_000


def at(text: str) -> int:
    return timestamp_ms(f"2026-11-22T{text}Z")


def days_of(cloud: Cloud) -> dict[int, Span]:
    return dict(read_event_days(cloud.ingest, (DAY + 1) * DAY_MS).days)


def writes(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The writes to the days' rows from now on."""
    seen: list[str] = []
    client = cloud.ingest.meta.client
    update = client.update_item

    def noted(**asked: Any) -> Any:
        if asked["Key"]["pk"] == KEY:
            seen.append(asked["Key"]["sk"])
        return update(**asked)

    monkeypatch.setattr(client, "update_item", noted)
    return seen


def test_a_day_keeps_its_first_and_newest_event_in_whatever_order_they_are_told(cloud: Cloud) -> None:
    for text in ("12:00:00", "09:00:00", "15:30:00", "10:00:00"):
        EventDayNotes(cloud.ingest).note({DAY: Span(at(text), at(text))})

    assert days_of(cloud) == {DAY: Span(at("09:00:00"), at("15:30:00"))}


def test_a_process_writes_a_day_again_when_it_has_moved_by_a_minute(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, notes = writes(cloud, monkeypatch), EventDayNotes(cloud.ingest)

    for seconds in range(0, 300, 10):
        moment = at("12:00:00") + seconds * 1000
        notes.note({DAY: Span(moment, moment)})

    assert len(seen) == 2 + 4  # both ends, then once a minute
    assert days_of(cloud)[DAY].last_ms >= at("12:04:50") - MINUTE


def test_a_note_that_was_not_written_is_written_the_next_time(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = EventDayNotes(cloud.ingest)
    client = cloud.ingest.meta.client

    def throttled(**_: Any) -> Any:
        raise UnavailableError("ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(client, "update_item", throttled)
        with pytest.raises(UnavailableError):
            notes.note({DAY: Span(at("12:00:00"), at("12:00:00"))})
    notes.note({DAY: Span(at("12:00:00"), at("12:00:00"))})

    assert days_of(cloud) == {DAY: Span(at("12:00:00"), at("12:00:00"))}


def test_only_days_that_concern_an_instant_are_read(cloud: Cloud) -> None:
    notes = EventDayNotes(cloud.ingest)
    for day in (DAY - 200, DAY - 20, DAY, DAY + 1):
        notes.note({day: Span(day * DAY_MS, day * DAY_MS + 5)})

    assert sorted(read_event_days(cloud.ingest, DAY * DAY_MS + 1).days) == [DAY - 20, DAY]


def test_a_stream_without_records_has_no_lag_and_an_uncounted_record_has_its_age(cloud: Cloud) -> None:
    now_ms = int(time.time() * 1000)

    assert aggregates_lag_ms(cloud.kinesis, "events", cloud.ingest, now_ms=now_ms) == 0

    cloud.kinesis.put_record(StreamName="events", PartitionKey="a", Data=b"{}")
    later = now_ms + 90 * MINUTE

    lag = aggregates_lag_ms(cloud.kinesis, "events", cloud.ingest, now_ms=later)
    assert 89 * MINUTE < lag <= 90 * MINUTE + 5000


def test_the_aggregates_note_the_days_of_what_they_counted_and_a_redelivery_changes_nothing(
    cloud: Cloud,
) -> None:
    records = [
        record(call("m-1", timestamp="2026-03-13T22:15:00Z"), at=1),
        record(call("m-2", timestamp="2026-03-14T06:00:00Z"), at=2),
        record(
            call("m-3", timestamp="2026-03-14T09:30:00Z", context={"groupId": "other"}), at=3, key="other"
        ),
    ]

    cloud.deliver(event(*records))
    noted = read_event_days(cloud.ingest, timestamp_ms("2026-03-15T00:00:00Z")).days
    cloud.functions["aggregate"].ports.cache_clear()
    cloud.deliver(event(*records))

    evening, morning, later = (
        timestamp_ms(f"2026-03-{text}Z") for text in ("13T22:15:00", "14T06:00:00", "14T09:30:00")
    )
    assert noted == {evening // DAY_MS: Span(evening, evening), morning // DAY_MS: Span(morning, later)}
    assert read_event_days(cloud.ingest, timestamp_ms("2026-03-15T00:00:00Z")).days == noted


def test_a_delivery_whose_days_cannot_be_noted_comes_again_and_counts_once(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(*_: Any) -> None:
        raise UnavailableError("ThrottlingException")

    one = record(call("m-1"), at=1)
    with monkeypatch.context() as patch:
        patch.setattr("stemtide.store.event_days.EventDayNotes.note", throttled)
        cloud.functions["aggregate"].ports.cache_clear()
        first = cloud.functions["aggregate"].handler(event(one), Context())
    cloud.functions["aggregate"].ports.cache_clear()
    again = cloud.functions["aggregate"].handler(event(one), Context())

    assert (first, again) == (failed(one), failed())
    assert [day.events for day in read_days(cloud.usage, "acme", date(2026, 3, 1), date(2026, 3, 31))] == [1]
