"""Champion and challenger compared: agreement, ranks, and who told better who left."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.as_of import end_of_day_ms
from stemtide.scoring.assessment import Assessment, Basis, Tier, Trigger, tier_of
from stemtide.store.record_keys import StoredScore

from models.material import Told
from models.targets import BaseTerm
from models.versus import Pair, agreement, outcome, pairs_of, rank_correlation, ranking

DAY = 20_526
NIGHT = end_of_day_ms(DAY)


def assessed(score: int | None, probability: float | None = None) -> Assessment:
    tier = None if score is None else tier_of(score)
    return Assessment(
        basis=Basis.MODEL, completeness=1.0, score=score, tier=tier, probability=probability, horizon_days=30
    )


def stored(score: int | None, **changes: Any) -> StoredScore:
    about = {"account": "a", "as_of_ms": NIGHT, "scored_at_ms": 1, "trigger": Trigger.SCHEDULE}
    return StoredScore(
        **{**about, "assessment": assessed(score), "model_version": "v1", "vector": b"", **changes}
    )


def pair(account: str, champion: int, challenger: int, *, night: int = NIGHT) -> Pair:
    return Pair(account=account, as_of_ms=night, champion=assessed(champion), challenger=assessed(challenger))


def test_pairs_are_of_the_same_instant_and_trigger_and_have_a_score_on_both_sides() -> None:
    champion = [
        stored(10),
        stored(20, as_of_ms=NIGHT + 1, trigger=Trigger.MANUAL),
        stored(None, as_of_ms=NIGHT + 2),
    ]
    challenger = [stored(30), stored(40, as_of_ms=NIGHT + 1), stored(50, as_of_ms=NIGHT + 2)]

    [found] = pairs_of(champion, challenger)

    assert (found.champion.score, found.challenger.score) == (10, 30)


def test_of_several_versions_at_an_instant_the_accounts_score_is_the_one_given_last() -> None:
    champion = [stored(20, scored_at_ms=9, model_version="v2"), stored(10, scored_at_ms=1)]

    [found] = pairs_of(champion, [stored(30)])

    assert found.champion.score == 20


def test_agreement_tells_moves_of_the_last_night_and_shares_of_all() -> None:
    before = end_of_day_ms(DAY - 1)
    pairs = [
        pair("a", 10, 80, night=before),
        pair("a", 10, 30),
        pair("b", 60, 60),
        pair("c", 80, 10),
    ]

    found = agreement(pairs)

    assert (found["pairs"], found["accounts"], found["nights"], found["same_tier"]) == (4, 3, 2, 0.25)
    assert [one["account"] for one in found["would_move_up"]] == ["a"]
    assert [(one["account"], one["tier"], one["would_be"]) for one in found["would_move_down"]] == [
        ("c", "critical", "low")
    ]
    assert found["tiers"] == {
        "low": {"critical": 1, "medium": 1},
        "high": {"high": 1},
        "critical": {"low": 1},
    }


def test_nothing_to_compare_says_so() -> None:
    assert agreement([]) == {"pairs": 0, "nights": 0}


@given(
    st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), min_size=2, max_size=30)
)
def test_the_rank_correlation_is_spearmans(values: list[tuple[float, float]]) -> None:
    from scipy.stats import spearmanr

    a, b = np.array(values).T

    found = rank_correlation(a, b)

    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert found is None
    else:
        assert found == pytest.approx(float(spearmanr(a, b).statistic), abs=1e-12)


def term(start: int, ends: int | None) -> BaseTerm:
    return BaseTerm(start=start, ends=ends, tier=0)


def of(told: list[Told], *, last_day: int = DAY + 60) -> bool | None:
    return outcome(told, as_of_ms=NIGHT, horizon_days=30, last_day=last_day)


def test_an_outcome_is_whether_the_subscription_ended_within_the_horizon() -> None:
    running = Told(day=DAY - 100, terms=(term(DAY - 100, None),))

    assert of([running]) is False
    assert of([running, Told(day=DAY + 10, terms=(term(DAY - 100, DAY + 10),))]) is True
    assert of([running, Told(day=DAY + 45, terms=(term(DAY - 100, DAY + 45),))]) is False


def test_an_outcome_that_nobody_knows_yet_or_that_cannot_come_is_none() -> None:
    running = Told(day=DAY - 100, terms=(term(DAY - 100, None),))
    ended = Told(day=DAY - 50, terms=(term(DAY - 100, DAY - 50),))

    assert of([running], last_day=DAY + 29) is None
    assert of([running], last_day=DAY + 30) is False
    assert of([]) is None
    assert of([running, ended]) is None
    assert of([Told(day=DAY + 1, terms=(term(DAY - 100, None),))]) is None  # heard of only later


def test_ranking_measures_both_on_the_same_known_outcomes() -> None:
    rng = np.random.default_rng(7)
    left = rng.random(400) < 0.2
    good = (left * 30 + rng.integers(0, 60, 400)).tolist()
    noise = rng.integers(0, 100, 400).tolist()
    pairs = [pair(f"a{i}", noise[i], good[i]) for i in range(400)] + [pair("unknown", 1, 99)]
    outcomes: dict[tuple[str, int], bool | None] = {(f"a{i}", NIGHT): bool(left[i]) for i in range(400)}

    found = ranking(pairs, outcomes | {("unknown", NIGHT): None})

    assert (found["known"], found["left"], found["waiting"]) == (400, int(left.sum()), 1)
    assert found["challenger"]["auc_roc"] > 0.7 > found["champion"]["auc_roc"]
    low, high = found["difference"]["ci"]
    assert 0 < low < found["difference"]["auc_roc"] < high
    assert found["difference"]["auc_roc"] == pytest.approx(
        found["challenger"]["auc_roc"] - found["champion"]["auc_roc"]
    )


@pytest.mark.parametrize("label", [True, False, None])
def test_without_both_outcomes_there_is_no_auc(label: bool | None) -> None:
    found = ranking([pair("a", 1, 2)], {("a", NIGHT): label})

    assert (found["champion"], found["challenger"], found["difference"]) == (None, None, None)


def test_tiers_are_ordered_from_low_to_critical() -> None:
    assert list(Tier) == [Tier.LOW, Tier.MEDIUM, Tier.HIGH, Tier.CRITICAL]
