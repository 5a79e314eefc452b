"""One call: what is accepted, and the first reason against what is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stemtide.calls import Bounds, Call, Reason, Rejection, day_of, exceeds_depth, iso_of, parse_call

from tests.streams import ARRIVAL, call

ARRIVAL_MS = int(ARRIVAL.timestamp() * 1000)
BOUNDS = Bounds(max_lateness=timedelta(days=180))


def parse(obj: object, **changes: Any) -> Call | Rejection:
    return parse_call(obj, arrival_ms=ARRIVAL_MS, bounds=BOUNDS, **changes)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        ([], Reason.NOT_AN_OBJECT),
        ("track", Reason.NOT_AN_OBJECT),
        (call(properties={"a": nested(31)}), Reason.TOO_DEEP),
        (call(type=None), Reason.BAD_TYPE),
        (call(type="Track"), Reason.BAD_TYPE),
        (call(type=["track"]), Reason.BAD_TYPE),
        (call(event=None), Reason.MISSING_EVENT),
        (call(event=""), Reason.MISSING_EVENT),
        (call(event=5), Reason.BAD_EVENT),
        (call(event="x" * 129), Reason.BAD_EVENT),
        (call(event="\ud800"), Reason.BAD_EVENT),
        (call(context=None), Reason.MISSING_ACCOUNT),
        (call(context={}), Reason.MISSING_ACCOUNT),
        (call(context="acme"), Reason.MISSING_ACCOUNT),
        (call(context={"groupId": ""}), Reason.MISSING_ACCOUNT),
        (call(context={"groupId": 7}), Reason.BAD_ACCOUNT),
        (call(context={"groupId": "a b"}), Reason.BAD_ACCOUNT),
        (call(context={"groupId": "acme\n"}), Reason.BAD_ACCOUNT),
        (call(context={"groupId": "x" * 129}), Reason.BAD_ACCOUNT),
        (call(context={"groupId": "zoë"}), Reason.BAD_ACCOUNT),
        (call(messageId=None), Reason.MISSING_MESSAGE_ID),
        (call(messageId=""), Reason.MISSING_MESSAGE_ID),
        (call(messageId=17), Reason.BAD_MESSAGE_ID),
        (call(messageId="x" * 257), Reason.BAD_MESSAGE_ID),
        (call(messageId="\udfff"), Reason.BAD_MESSAGE_ID),
        (call(userId=None), Reason.MISSING_USER),
        (call(userId=12), Reason.MISSING_USER),
        (call(userId="\ud800"), Reason.MISSING_USER),
        (call(timestamp="yesterday"), Reason.BAD_TIMESTAMP),
        (call(timestamp=1710417600), Reason.BAD_TIMESTAMP),
        (call(timestamp="2026-02-30T00:00:00Z"), Reason.BAD_TIMESTAMP),
        (call(timestamp="0001-01-01T00:00:00+02:00"), Reason.BAD_TIMESTAMP),
        (call(timestamp="0001-01-01T00:00:00Z"), Reason.TOO_LATE),
        (call(timestamp="9999-12-31T23:59:59Z"), Reason.IN_THE_FUTURE),
        (call(timestamp="9999-12-31T23:59:59-01:00"), Reason.BAD_TIMESTAMP),
        (call(timestamp="2026-03-14T13:00:00Z"), Reason.IN_THE_FUTURE),
        (call(timestamp="2026-03-14T12:10:00.001Z"), Reason.IN_THE_FUTURE),
        (call(timestamp="2025-09-15T11:59:59.999Z"), Reason.TOO_LATE),
        (call(properties=[1]), Reason.BAD_PROPERTIES),
        (call(traits="x"), Reason.BAD_PROPERTIES),
        (call(properties={str(n): n for n in range(65)}), Reason.BAD_PROPERTIES),
        (call(properties={"k" * 129: 1}), Reason.BAD_PROPERTIES),
        (call(properties={"count": 0}), Reason.BAD_COUNT),
        (call(properties={"count": -1}), Reason.BAD_COUNT),
        (call(properties={"count": 2.5}), Reason.BAD_COUNT),
        (call(properties={"count": 2.0}), Reason.BAD_COUNT),
        (call(properties={"count": True}), Reason.BAD_COUNT),
        (call(properties={"count": 10_000_001}), Reason.BAD_COUNT),
    ],
)
def test_what_cannot_be_counted_has_its_reason(obj: object, reason: Reason) -> None:
    rejected = parse(obj)

    assert isinstance(rejected, Rejection)
    assert rejected.reason is reason
    assert rejected.detail.isprintable()


def test_a_track_call_counts_under_its_event() -> None:
    parsed = parse(call("m-9", properties={"count": 12}))

    assert parsed == Call(
        account="acme",
        name="Report Viewed",
        message_id="m-9",
        user="ann",
        at_ms=ARRIVAL_MS - 60_000,
        weight=12,
        type="track",
    )


@pytest.mark.parametrize("kind", ["identify", "page", "screen", "group", "alias"])
def test_other_calls_count_under_their_type(kind: str) -> None:
    parsed = parse(call(type=kind, event=None))

    assert isinstance(parsed, Call)
    assert parsed.name == kind


def test_a_group_call_names_its_account_itself_and_needs_no_user() -> None:
    parsed = parse(call(type="group", groupId="bee", userId=None))

    assert isinstance(parsed, Call)
    assert (parsed.account, parsed.user) == ("bee", None)


def test_a_reserved_event_speaks_for_the_account_without_a_user() -> None:
    parsed = parse(call(event="Subscription Started", userId=None))

    assert isinstance(parsed, Call)
    assert parsed.user is None


def test_an_anonymous_id_stands_in_for_an_absent_user() -> None:
    parsed = parse(call(userId=None, anonymousId="anon-1"))

    assert isinstance(parsed, Call)
    assert parsed.user == "anon-1"


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (None, ARRIVAL),
        ("2026-03-14T11:00:00", datetime(2026, 3, 14, 11, tzinfo=UTC)),
        ("2026-03-14T13:00:00+02:00", datetime(2026, 3, 14, 11, tzinfo=UTC)),
        ("2026-03-14T00:30:00+01:00", datetime(2026, 3, 13, 23, 30, tzinfo=UTC)),
        ("2026-03-14T12:10:00Z", datetime(2026, 3, 14, 12, 10, tzinfo=UTC)),
        ("2025-09-15T12:00:00Z", datetime(2025, 9, 15, 12, tzinfo=UTC)),
        ("2026-03-13T23:59:59.9999999Z", datetime(2026, 3, 13, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2026-03-14T00:59:59.999999999+01:00", datetime(2026, 3, 13, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_the_time_is_the_timestamp_in_utc_or_the_arrival(timestamp: str | None, expected: datetime) -> None:
    parsed = parse(call(timestamp=timestamp))

    assert isinstance(parsed, Call)
    assert parsed.at_ms == int(expected.timestamp() * 1000)


def test_a_replay_may_be_late() -> None:
    parsed = parse(call(timestamp="2019-01-01T00:00:00Z"), late_ok=True)

    assert isinstance(parsed, Call)
    assert day_of(parsed.at_ms) == "2019-01-01"


@pytest.mark.parametrize("count", ["3", None, [3]])
def test_a_count_that_is_no_number_is_a_property_like_any_other(count: object) -> None:
    parsed = parse(call(properties={"count": count}))

    assert isinstance(parsed, Call)
    assert parsed.weight == 1


def test_details_are_cut() -> None:
    rejected = parse(call(type="x" * 5000))

    assert isinstance(rejected, Rejection)
    assert len(rejected.detail) < 300


def test_depth_counts_the_outermost_level() -> None:
    assert not exceeds_depth(nested(32), limit=32)
    assert exceeds_depth(nested(33), limit=32)


def test_instants_have_milliseconds_and_days_begin_at_utc_midnight() -> None:
    assert iso_of(0) == "1970-01-01T00:00:00.000Z"
    assert (day_of(-1), day_of(0)) == ("1969-12-31", "1970-01-01")
