"""Which discount a customer is offered: by examples, and what no offer ever does."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.calls import DAY_MS
from stemtide.config_plays import Cause, Offers
from stemtide.plays.offers import NoOffer, Terms, personal_offer, terms_of

from tests.plays import START, WIN_BACK

POLICY = Offers(
    percents=(25, 10, 20),
    months=3,
    gross_margin_pct=75,
    margin_floor_pct=60,
    max_cost_months=1.0,
    min_tenure_days=60,
)


def offered(**changes: Any) -> Terms | NoOffer:
    return personal_offer(msgspec.structs.replace(WIN_BACK, **changes), POLICY)


@pytest.mark.parametrize(
    ("changes", "percent"),
    [
        ({"since_ms": START - 100 * DAY_MS}, 10),
        ({}, 20),
        ({"cause": Cause.TOO_EXPENSIVE, "since_ms": START - 100 * DAY_MS}, 20),
        ({"cause": Cause.TOO_EXPENSIVE}, 25),
        ({"cause": Cause.SWITCHED_SERVICE}, 25),
    ],
    ids=["new", "long", "dear", "long and dear", "long and gone elsewhere"],
)
def test_what_speaks_for_a_customer_raises_the_discount(changes: dict[str, Any], percent: int) -> None:
    found = offered(**changes)

    assert isinstance(found, Terms)
    assert found.percent == percent


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"no_offer": True}, "held_out"),
        ({"customer": None}, "no_customer"),
        ({"mrr": None}, "price_unknown"),
        ({"mrr": 0}, "price_unknown"),
        ({"currency": None}, "price_unknown"),
        ({"since_ms": START - 59 * DAY_MS}, "too_new"),
        ({"since_ms": None}, "too_new"),
    ],
)
def test_who_gets_none_is_told_why(changes: dict[str, Any], reason: str) -> None:
    assert offered(**changes) == NoOffer(reason)


def test_below_the_least_price_there_is_none() -> None:
    assert personal_offer(WIN_BACK, Offers(min_mrr=4_901)) == NoOffer("below_min_mrr")


def test_the_margin_floor_lowers_the_discount_and_then_forbids_it() -> None:
    """25 % cost of service: of 80 % price are left (80 - 25) / 80 = 68.75 %, of 75 % are left 66.7 %."""
    dear = msgspec.structs.replace(WIN_BACK, cause=Cause.TOO_EXPENSIVE)
    wide, narrow = (msgspec.structs.replace(POLICY, margin_floor_pct=floor) for floor in (67, 75))

    lowered = personal_offer(dear, wide)

    assert isinstance(lowered, Terms)
    assert lowered.percent == 20
    assert personal_offer(dear, narrow) == NoOffer("margin_floor")


def test_the_cost_cap_lowers_the_discount_and_then_forbids_it() -> None:
    half, tenth = (msgspec.structs.replace(POLICY, max_cost_months=cap) for cap in (0.5, 0.1))

    lowered = personal_offer(WIN_BACK, half)

    assert isinstance(lowered, Terms)
    assert (lowered.percent, lowered.cost) == (10, 1_470)
    assert personal_offer(WIN_BACK, tenth) == NoOffer("cost_cap")


@given(
    mrr=st.integers(1, 10**9),
    days=st.integers(0, 2000),
    cause=st.none() | st.sampled_from(Cause),
    percents=st.lists(st.integers(1, 90), min_size=1, max_size=6).map(tuple),
    months=st.integers(1, 24),
    gross=st.integers(1, 100),
    floor=st.integers(0, 99),
    cap=st.floats(0.01, 12),
)
def test_no_offer_is_below_the_floor_or_above_the_cap(
    mrr: int,
    days: int,
    cause: Cause | None,
    percents: tuple[int, ...],
    months: int,
    gross: int,
    floor: int,
    cap: float,
) -> None:
    policy = Offers(
        percents=percents,
        months=months,
        gross_margin_pct=gross,
        margin_floor_pct=floor,
        max_cost_months=cap,
    )
    play = msgspec.structs.replace(WIN_BACK, mrr=mrr, since_ms=START - days * DAY_MS, cause=cause)

    found = personal_offer(play, policy)

    assert found == personal_offer(play, policy)
    if isinstance(found, Terms):
        price = Fraction(100 - found.percent, 100)
        assert (price - Fraction(100 - gross, 100)) / price >= Fraction(floor, 100)
        assert Fraction(found.percent * months, 100) <= Fraction(round(cap * 100), 100)
        assert found.percent in percents
        assert days >= policy.min_tenure_days


@given(percent=st.integers(1, 90), months=st.integers(1, 24), mrr=st.integers(1, 10**12))
def test_a_discount_is_rounded_against_the_company_to_the_minor_unit(
    percent: int, months: int, mrr: int
) -> None:
    found = terms_of(percent, months, mrr)

    off = Fraction(mrr * percent, 100)
    assert 0 <= mrr - found.price - off < 1
    assert found.cost == (mrr - found.price) * months
