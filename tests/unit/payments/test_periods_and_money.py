"""Periods by the calendar, amounts by the currency."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments import money
from payments.calendar import after, period_of
from payments.errors import ApiError

INSTANTS = st.integers(
    int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2090, 1, 1, tzinfo=UTC).timestamp())
)
INTERVALS = st.sampled_from(["day", "week", "month", "year"])


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("anchor", "interval", "count", "expected"),
    [
        ("2026-01-31T10:00", "month", 1, "2026-02-28T10:00"),
        ("2026-01-31T10:00", "month", 2, "2026-03-31T10:00"),
        ("2028-01-31T10:00", "month", 1, "2028-02-29T10:00"),
        ("2024-02-29T00:00", "year", 1, "2025-02-28T00:00"),
        ("2024-02-29T00:00", "year", 4, "2028-02-29T00:00"),
        ("2026-11-30T23:59:59", "month", 3, "2027-02-28T23:59:59"),
        ("2026-03-28T02:30", "week", 2, "2026-04-11T02:30"),
    ],
)
def test_a_day_that_a_month_lacks_is_its_last_one(
    anchor: str, interval: str, count: int, expected: str
) -> None:
    assert after(at(anchor), interval, count) == at(expected)


@given(anchor=INSTANTS, now=INSTANTS, interval=INTERVALS, every=st.integers(1, 6))
def test_an_instant_lies_in_exactly_one_period_of_its_anchor(
    anchor: int, now: int, interval: str, every: int
) -> None:
    now = max(now, anchor)

    start, end = period_of(anchor, interval, every, now)

    assert start <= now < end
    assert period_of(anchor, interval, every, end)[0] == end
    assert period_of(anchor, interval, every, end - 1) == (start, end)


@given(anchor=INSTANTS, interval=INTERVALS, every=st.integers(1, 3))
def test_periods_are_about_as_long_as_they_say(anchor: int, interval: str, every: int) -> None:
    start, end = period_of(anchor, interval, every, anchor)

    days = timedelta(seconds=end - start) / timedelta(days=1)
    low, high = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "year": (365, 366)}[interval]
    assert low * every <= days <= high * every


@given(
    amount=st.integers(0, 10**9),
    percent=st.integers(1, 10_000),
    currency=st.sampled_from(["usd", "jpy", "kwd", "isk"]),
)
def test_a_share_is_the_exact_one_rounded_to_what_the_currency_holds(
    amount: int, percent: int, currency: str
) -> None:
    unit = money.step(currency)
    amount = amount // unit * unit

    share = money.share(amount, percent / 100, currency)

    exact = Fraction(amount) * percent / 10_000
    assert share % unit == 0
    assert abs(share - exact) <= Fraction(unit, 2)
    assert 0 <= share <= amount


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (123456, "usd", "1,234.56 USD"),
        (5000, "jpy", "5,000 JPY"),
        (12340, "kwd", "12.340 KWD"),
        (500000, "isk", "5,000 ISK"),
    ],
)
def test_an_amount_is_shown_in_its_currencys_digits(amount: int, currency: str, shown: str) -> None:
    assert money.shown(amount, currency) == shown


@pytest.mark.parametrize("code", ["us", "dollars", "u$d", ""])
def test_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(ApiError):
        money.checked_currency(code)
