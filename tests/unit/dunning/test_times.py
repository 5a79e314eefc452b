"""When a card is tried: never before it is planned, in the customer's day, on a near payday."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.config_dunning import Policy
from stemtide.dunning.declines import DAY_MS, LACKS_FUNDS
from stemtide.dunning.times import planned, try_at

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kolkata")
]
NO_PAYDAY = Policy(paydays=())


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def local(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(zone)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("2026-05-04T03:00+02:00", "2026-05-04T09:00+02:00"),  # at night: in the morning
        ("2026-05-04T09:00+02:00", "2026-05-04T09:00+02:00"),
        ("2026-05-04T22:00+02:00", "2026-05-05T09:00+02:00"),  # in the evening: the next morning
        ("2028-02-28T22:00+01:00", "2028-02-29T09:00+01:00"),  # a leap day
        ("2026-03-29T01:30+01:00", "2026-03-29T09:00+02:00"),  # the night in which clocks go forward
        ("2026-10-25T02:30+02:00", "2026-10-25T09:00+01:00"),  # and back
    ],
)
def test_a_try_is_made_from_the_hour_on_in_the_customers_day(plan: str, expected: str) -> None:
    assert try_at(ms(plan), zone=BERLIN, policy=NO_PAYDAY, code=None) == ms(expected)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("2026-05-13T03:00+02:00", "2026-05-15T09:00+02:00"),
        ("2026-05-29T03:00+02:00", "2026-06-01T09:00+02:00"),
        ("2026-05-05T03:00+02:00", "2026-05-05T09:00+02:00"),  # none is near
        ("2026-05-11T03:00+02:00", "2026-05-11T09:00+02:00"),  # four days: a day too far
        ("2026-05-12T03:00+02:00", "2026-05-15T09:00+02:00"),  # three: just near
        ("2026-05-15T03:00+02:00", "2026-05-15T09:00+02:00"),
    ],
)
def test_for_lack_of_funds_a_near_payday_is_awaited(plan: str, expected: str) -> None:
    assert try_at(ms(plan), zone=BERLIN, policy=Policy(), code=LACKS_FUNDS) == ms(expected)
    assert try_at(ms(plan), zone=BERLIN, policy=Policy(), code="do_not_honor") < ms("2026-06-01T09:00+02:00")


def test_a_payday_that_the_month_lacks_is_its_last_day() -> None:
    at_ms = try_at(ms("2026-02-26T03:00+01:00"), zone=BERLIN, policy=Policy(paydays=(31,)), code=LACKS_FUNDS)

    assert at_ms == ms("2026-02-28T09:00+01:00")


@given(
    st.integers(0, 2**41), st.sampled_from(ZONES), st.integers(0, 23), st.sampled_from([None, LACKS_FUNDS])
)
def test_a_try_is_never_early_and_at_most_a_day_and_a_payday_late(
    plan_ms: int, zone: ZoneInfo, hour: int, code: str | None
) -> None:
    policy = Policy(retry_hour=hour)

    at_ms = try_at(plan_ms, zone=zone, policy=policy, code=code)

    # a day of 25 hours, and Samoa skipped one
    assert (
        plan_ms
        <= at_ms
        <= plan_ms + (policy.payday_within_days * (code is not None) + 1) * DAY_MS + 2 * DAY_MS
    )
    assert local(at_ms, zone).hour >= hour or at_ms == plan_ms


def test_retries_are_planned_in_order_and_then_no_more() -> None:
    policy = Policy(retry_days=(5.0, 1.0))

    assert [planned(0, number, policy) for number in (0, 1, 2, 3)] == [None, DAY_MS, 5 * DAY_MS, None]
