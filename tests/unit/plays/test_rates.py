"""Rates of plays: intervals as in the papers, everybody in the group of the lot, cost per good outcome."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.calls import DAY_MS
from stemtide.dunning.ledger import Entry, Kind
from stemtide.plays.labels import Label
from stemtide.plays.play import Outcome
from stemtide.plays.rates import Arm, Rate, Verdict, needed, newcombe, rates, wilson
from stemtide.plays.telling import entry_tier
from stemtide.scoring.assessment import Tier

from tests.played import NOW, label_of, retention, win_back


@pytest.mark.parametrize(
    ("good", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_intervals_are_those_of_newcombes_table_i(good: int, n: int, low: float, high: float) -> None:
    assert wilson(good, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_differences_are_those_of_newcombes_table_ii(
    ours: tuple[int, int], theirs: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe(Arm(n=ours[1], good=ours[0]), Arm(n=theirs[1], good=theirs[0]))

    assert found == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("rate", "accounts"), [(0.5, 388), (0.6, 356)])
def test_the_accounts_that_are_needed_are_those_of_fleiss(rate: float, accounts: int) -> None:
    assert needed(rate) == accounts


@given(st.integers(0, 100), st.integers(1, 100), st.integers(0, 100), st.integers(1, 100))
def test_intervals_hold_what_was_seen_and_mirror_each_other(a: int, n: int, b: int, m: int) -> None:
    ours, theirs = Arm(n=n, good=min(a, n)), Arm(n=m, good=min(b, m))

    low, high = newcombe(ours, theirs)

    assert ours.rate is not None
    assert theirs.rate is not None
    difference = ours.rate - theirs.rate
    assert -1 - 1e-12 <= low <= difference + 1e-12
    assert difference - 1e-12 <= high <= 1 + 1e-12
    assert newcombe(theirs, ours) == pytest.approx((-high, -low))
    assert needed(theirs.rate) > 0


def labels(good: int, n: int, *, held_out: bool, number: int = 0, **more: Any) -> list[Label]:
    """Plays of which the first so many brought their customer back."""
    outcomes = [Outcome.REACTIVATED] * good + [Outcome.LOST] * (n - good)
    return [
        label_of(win_back(f"a{number}-{place}", held_out=held_out), outcome, NOW + DAY_MS, **more)
        for place, outcome in enumerate(outcomes)
    ]


def only(found: list[Rate]) -> Rate:
    [rate] = found
    return rate


def test_treated_stand_beside_those_held_out_and_the_cost_is_per_good_outcome() -> None:
    paid = labels(2, 2, held_out=False, number=1, cost=29_401, currency="EUR")
    free = labels(54, 68, held_out=False, number=2)

    found = only(rates([*paid, *free, *labels(48, 80, held_out=True)]))

    assert (found.journey, found.policy, found.tier) == ("win_back", "unpaid", None)
    assert (found.treated, found.held_out) == (Arm(n=70, good=56), Arm(n=80, good=48))
    assert found.difference == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert found.verdict is Verdict.HELPS
    assert found.cost == {"EUR": 58_802}
    assert found.cost_per_good == {"EUR": 1_050}  # 58,802 / 56 = 1,050.04


@pytest.mark.parametrize(
    ("treated", "held_out", "verdict"),
    [
        ((5, 10), (5, 10), Verdict.TOO_FEW),
        ((500, 1000), (500, 1000), Verdict.NO_DIFFERENCE),
        ((300, 1000), (500, 1000), Verdict.HARMS),
        ((0, 0), (5, 10), Verdict.TOO_FEW),
        ((5, 10), (0, 0), Verdict.TOO_FEW),
    ],
)
def test_what_is_too_few_to_tell_is_said(
    treated: tuple[int, int], held_out: tuple[int, int], verdict: Verdict
) -> None:
    found = only(rates([*labels(*treated, held_out=False), *labels(*held_out, held_out=True)]))

    assert found.verdict is verdict
    assert (found.interval is None) == (0 in (treated[1], held_out[1]))
    assert found.cost_per_good == (None if not treated[0] else {})


def test_a_play_that_was_stopped_before_its_first_act_counts_among_the_treated() -> None:
    stopped = labels(0, 1, held_out=False, halted_ms=NOW, halt_reason="opted_out")

    assert not stopped[0].is_treated
    assert only(rates(stopped)).treated == Arm(n=1, good=0)


def test_the_tier_in_which_an_account_came_in_is_that_of_its_first_entry() -> None:
    first = Entry(seq=1, at_ms=NOW, kind=Kind.OPENED, reason="high")
    risen = Entry(seq=2, at_ms=NOW + DAY_MS, kind=Kind.ESCALATED, reason="critical")

    assert entry_tier([first, risen]) is Tier.HIGH
    assert entry_tier([]) is None


def test_accounts_at_risk_are_compared_by_the_tier_in_which_they_came_in() -> None:
    """Whoever is held out rises into no tier: by the highest one the worst of the treated would stand beside
    nobody, and the best beside all."""
    risen = label_of(retention("risen", tier=Tier.CRITICAL), Outcome.CHURNED, NOW, entry_tier=Tier.HIGH)
    kept = label_of(retention("kept"), Outcome.SAVED, NOW)
    held = label_of(retention("held", held_out=True), Outcome.SAVED, NOW)

    found = only(rates([risen, kept, held]))

    assert (found.journey, found.tier) == ("retention", "high")
    assert (found.treated, found.held_out) == (Arm(n=2, good=1), Arm(n=1, good=1))
