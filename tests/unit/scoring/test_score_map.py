"""The map from probability to score: monotone, whole, and a tier begins exactly at its knot."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stemtide.scoring.assessment import Tier, is_at_risk, tier_of
from stemtide.scoring.manifest import Knot
from stemtide.scoring.score_map import score_map, to_score

MULTIPLES = (1.5, 3.0, 6.0)


@pytest.mark.parametrize(
    ("tier", "first", "last"),
    [(Tier.LOW, 0, 24), (Tier.MEDIUM, 25, 49), (Tier.HIGH, 50, 74), (Tier.CRITICAL, 75, 100)],
)
def test_tiers_are_cut_at_25_50_and_75(tier: Tier, first: int, last: int) -> None:
    assert {tier_of(score) for score in range(first, last + 1)} == {tier}


def test_at_risk_begins_at_65() -> None:
    assert [is_at_risk(score) for score in (0, 64, 65, 100)] == [False, False, True, True]


@st.composite
def maps(draw: st.DrawFn) -> tuple[Knot, ...]:
    rate = draw(st.floats(1e-6, 1 - 1e-6))
    multiples = sorted(draw(st.lists(st.floats(0.01, 999), min_size=3, max_size=3, unique=True)))
    try:
        return score_map(rate, multiples)
    except ValueError:
        assume(False)
        raise


probabilities = st.floats(0, 1)


@given(maps(), probabilities, probabilities)
def test_a_higher_probability_never_has_a_lower_score(knots: tuple[Knot, ...], a: float, b: float) -> None:
    low, high = sorted((a, b))

    assert to_score(low, knots) <= to_score(high, knots)


@given(maps(), probabilities)
def test_a_score_is_a_whole_number_from_0_to_100(knots: tuple[Knot, ...], p: float) -> None:
    score = to_score(p, knots)

    assert type(score) is int
    assert 0 <= score <= 100


@given(maps())
def test_a_tier_begins_exactly_at_its_knot(knots: tuple[Knot, ...]) -> None:
    for knot in knots[1:-1]:
        assert to_score(knot.probability, knots) == knot.score
        assert to_score(math.nextafter(knot.probability, 0), knots) < knot.score


@given(maps())
def test_only_certainty_is_100_and_only_the_impossible_may_be_nothing(knots: tuple[Knot, ...]) -> None:
    assert to_score(0.0, knots) == 0
    assert to_score(1.0, knots) == 100
    assert to_score(math.nextafter(1.0, 0), knots) == 99


def test_the_cuts_are_multiples_of_the_base_rates_odds() -> None:
    knots = score_map(0.02, MULTIPLES)

    odds = [knot.probability / (1 - knot.probability) for knot in knots[1:-1]]
    assert odds == pytest.approx([multiple * 0.02 / 0.98 for multiple in MULTIPLES])
    assert tier_of(to_score(0.02, knots)) is Tier.LOW
    assert tier_of(to_score(0.12, knots)) is Tier.CRITICAL


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_base_rate_without_odds_has_no_map(rate: float) -> None:
    with pytest.raises(ValueError, match="base rate"):
        score_map(rate, MULTIPLES)


@pytest.mark.parametrize("multiples", [(1, 1, 2), (3, 2, 1), (0, 1, 2), (1, 2), (1, 2, math.inf)])
def test_multiples_that_do_not_rise_make_no_map(multiples: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="multiples"):
        score_map(0.1, multiples)


@pytest.mark.parametrize("p", [-0.01, 1.01, float("nan")])
def test_what_is_no_probability_has_no_score(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        to_score(p, score_map(0.1, MULTIPLES))
