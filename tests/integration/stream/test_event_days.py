"""What the aggregates note of when events happened, as Lambda runs them; and how far they are behind."""

import time
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stemtide.calls import DAY_MS, day_number, timestamp_ms
from stemtide.event_days import QUARTER_MS, QUARTERS, REACH_MS, quarters_of
from stemtide.store import event_days as store_event_days
from stemtide.store.event_days import KEY, EventDayNotes, read_event_days
from stemtide.store.stream_lag import aggregates_lag_ms
from stemtide.store.usage import read_days

from tests.stream_cloud import Cloud, Context
from tests.streams import call, event, failed, record

DAY = day_number("2026-11-22")
MINUTE = 60_000
BUSY = ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")


def at(text: str) -> int:
    return timestamp_ms(f"2026-11-22T{text}Z") // QUARTER_MS


def noted(cloud: Cloud, as_of_ms: int = (DAY + 1) * DAY_MS) -> set[int]:
    return set(read_event_days(cloud.ingest, as_of_ms).quarters)


class Writes:
    """The writes to the days' rows from now on; those after the first `taken` are refused."""

    def __init__(self, cloud: Cloud, patch: pytest.MonkeyPatch, *, taken: int = 1_000_000) -> None:
        self.days: list[str] = []
        client = cloud.ingest.meta.client
        update = client.update_item

        def counted(**asked: Any) -> Any:
            if asked["Key"]["pk"] == KEY:
                self.days.append(asked["Key"]["sk"])
                if len(self.days) > taken:
                    raise BUSY
            return update(**asked)

        patch.setattr(client, "update_item", counted)


class Said:
    """What was said of days that wait."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, str | None]] = []

    def __call__(self, days: int, error: Exception | None) -> None:
        self.waiting.append((days, None if error is None else type(error).__name__))


def test_a_day_keeps_the_quarters_of_all_who_note_in_whatever_order(cloud: Cloud) -> None:
    for text in ("12:00:00", "09:10:00", "15:30:00", "09:00:00"):
        EventDayNotes(cloud.ingest).note({at(text)})

    assert noted(cloud) == {at("09:00:00"), at("12:00:00"), at("15:30:00")}


def test_a_process_writes_a_day_once_a_quarter_of_an_hour(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, notes = Writes(cloud, monkeypatch), EventDayNotes(cloud.ingest)

    for second in range(0, 3600, 10):
        notes.note(quarters_of([timestamp_ms("2026-11-22T12:00:00Z") + second * 1000]))

    assert len(seen.days) == 4
    assert noted(cloud) == {at("12:00:00") + number for number in range(4)}


def test_a_replay_of_years_writes_each_day_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that each go through all of 1,500 days, as a log of many accounts has them."""
    seen, notes = Writes(cloud, monkeypatch), EventDayNotes(cloud.ingest, monotonic=lambda: 0.0)
    years = [(DAY - ago) * QUARTERS for ago in range(1500)]

    for _ in range(5):
        notes.note(years)

    assert len(seen.days) == 1500


def test_what_a_process_remembers_is_bounded_and_the_longest_ago_written_gives_way(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_event_days, "REMEMBERED_DAYS", 3)
    seen, notes = Writes(cloud, monkeypatch), EventDayNotes(cloud.ingest)

    for ago in (3, 2, 1, 0, 0, 1, 2):
        notes.note([(DAY - ago) * QUARTERS])
    notes.note([(DAY - 3) * QUARTERS])

    assert len(seen.days) == 4 + 1


def test_what_is_refused_waits_is_told_and_is_written_with_the_next_delivery(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Said()
    notes = EventDayNotes(cloud.ingest, say_waiting=said)
    with monkeypatch.context() as patch:
        seen = Writes(cloud, patch, taken=2)
        notes.note([(DAY - ago) * QUARTERS for ago in range(5)])
    notes.note([])

    assert seen.days == ["2026-11-22", "2026-11-21", "2026-11-20"]  # the newest first, and no further
    assert said.waiting == [(3, "ThrottledError")]
    assert noted(cloud) == {(DAY - ago) * QUARTERS for ago in range(5)}


@pytest.mark.parametrize("slow", [True, False])
def test_notes_end_when_their_time_or_the_callers_is_up(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    clock = iter(range(1000))
    said, seen = Said(), Writes(cloud, monkeypatch)
    notes = EventDayNotes(
        cloud.ingest, say_waiting=said, monotonic=lambda: float(next(clock)) if slow else 0.0
    )

    notes.note([(DAY - ago) * QUARTERS for ago in range(50)], spent=lambda: not slow and len(seen.days) == 1)

    assert len(seen.days) == 1
    assert said.waiting == [(49, None)]


def test_only_days_that_concern_an_instant_are_read(cloud: Cloud) -> None:
    reach = REACH_MS // DAY_MS
    EventDayNotes(cloud.ingest).note(
        [day * QUARTERS for day in (DAY - reach - 1, DAY - reach, DAY - 20, DAY, DAY + 1)]
    )

    found = noted(cloud, DAY * DAY_MS + 1)

    assert found == {day * QUARTERS for day in (DAY - reach, DAY - 20, DAY)}


def test_a_stream_without_records_has_no_lag_and_an_uncounted_record_has_its_age(cloud: Cloud) -> None:
    now_ms = int(time.time() * 1000)

    assert aggregates_lag_ms(cloud.kinesis, "events", cloud.ingest, now_ms=now_ms) == 0

    cloud.kinesis.put_record(StreamName="events", PartitionKey="a", Data=b"{}")
    later = now_ms + 90 * MINUTE

    lag = aggregates_lag_ms(cloud.kinesis, "events", cloud.ingest, now_ms=later)
    assert 89 * MINUTE < lag <= 90 * MINUTE + 5000


def test_the_aggregates_note_when_what_they_count_happened_and_a_redelivery_changes_nothing(
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
    found = noted(cloud, timestamp_ms("2026-03-15T00:00:00Z"))
    cloud.functions["aggregate"].ports.cache_clear()
    cloud.deliver(event(*records))

    times = [timestamp_ms(f"2026-03-{text}Z") for text in ("13T22:15:00", "14T06:00:00", "14T09:30:00")]
    assert found == quarters_of(times)
    assert noted(cloud, timestamp_ms("2026-03-15T00:00:00Z")) == found


def test_a_delivery_whose_quarters_cannot_be_noted_counts_and_the_next_one_notes_them(
    cloud: Cloud, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = record(call("m-1", timestamp="2026-03-14T06:00:00Z"), at=1), record(call("m-2"), at=2)

    def throttled(table: Any, day: int, numbers: set[int]) -> None:
        raise BUSY

    with monkeypatch.context() as patch:
        patch.setattr(store_event_days, "add_quarters", throttled)
        first = cloud.functions["aggregate"].handler(event(one), Context())
    counted = read_days(cloud.usage, "acme", date(2026, 3, 1), date(2026, 3, 31))
    before = noted(cloud, timestamp_ms("2026-03-15T00:00:00Z"))
    cloud.functions["aggregate"].handler(event(two), Context())

    assert first == failed()
    assert [day.events for day in counted] == [1]
    assert before == set()
    assert [vars(said)["days"] for said in caplog.records] == [1]
    assert quarters_of([timestamp_ms("2026-03-14T06:00:00Z")]) < noted(
        cloud, timestamp_ms("2026-03-15T00:00:00Z")
    )
