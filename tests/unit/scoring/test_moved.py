"""What moved from one score to the next, in numbers and in words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.features.registry import BY_NAME, FEATURES, NAMES, registry
from stemtide.features.then_and_now import shown, then_and_now
from stemtide.scoring import movement
from stemtide.scoring.artefact import Model
from stemtide.scoring.assess import assess_fully
from stemtide.scoring.assessment import Assessment, Basis
from stemtide.scoring.movement import moved_between, packed

from tests.scoring_models import exported, rows, trained
from tests.unit.scoring.test_assess import AS_OF, vector

X = rows(400)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return exported(Path(tmp_path_factory.mktemp("models")) / "v1", trained(X))


@dataclass(frozen=True, kw_only=True)
class Given:
    """A score as it is kept."""

    assessment: Assessment
    as_of_ms: int = AS_OF
    vector: bytes = b""
    contributions: bytes = b""
    registry: str = registry().hash


def given_score(model: Model | None, values: Any, **changes: Any) -> Given:
    [found] = assess_fully(model, [vector(values)])
    kept = {"vector": values.astype("<f8").tobytes(), "contributions": packed(found.contributions)}
    return Given(assessment=found.assessment, **{**kept, **changes})


@pytest.mark.parametrize("by", ["model", "rules"])
def test_the_three_features_whose_contributions_changed_most_are_named(model: Model, by: str) -> None:
    scorer = model if by == "model" else None
    for one, other in zip(X[:60], X[60:120], strict=True):
        before, now = given_score(scorer, one), given_score(scorer, other)

        moved = moved_between(before, now, registry())

        [was], [is_] = assess_fully(scorer, [vector(one)]), assess_fully(scorer, [vector(other)])
        change = is_.contributions - was.contributions
        largest = np.sort(np.abs(change))[::-1][:3]
        largest = largest[largest > movement.LEAST]
        assert np.abs([m.change for m in moved.features]) == pytest.approx(largest, abs=1e-5)
        assert (moved.score_then, moved.score_now) == (was.assessment.score, is_.assessment.score)
        assert (moved.tier_then, moved.tier_now, moved.note) == (
            was.assessment.tier,
            is_.assessment.tier,
            None,
        )
        for feature in moved.features:
            at = NAMES.index(feature.feature)
            assert feature.change == pytest.approx(change[at], abs=1e-5)
            assert feature.then == (None if np.isnan(one[at]) else one[at])
            assert feature.now == (None if np.isnan(other[at]) else other[at])
            assert feature.text == then_and_now(FEATURES[at], feature.then, feature.now)


def test_the_model_explains_the_whole_way_of_the_margin(model: Model) -> None:
    [was, is_] = assess_fully(model, [vector(X[0]), vector(X[1])])

    margins = model.predict(X[:2]).margin

    assert (is_.contributions - was.contributions).sum() == pytest.approx(margins[1] - margins[0], abs=1e-9)


def test_the_same_vector_has_moved_nothing(model: Model) -> None:
    once = given_score(model, X[0])

    assert moved_between(once, once, registry()).features == ()


def test_scores_that_cannot_be_compared_say_why_and_name_no_features(model: Model) -> None:
    by_model, by_rules = given_score(model, X[0]), given_score(None, X[1])
    other = Given(
        assessment=Assessment(basis=Basis.MODEL, completeness=1.0, score=7, model_version="v0"),
        contributions=b"",
    )
    nothing = Given(assessment=Assessment(basis=Basis.NOT_ENOUGH_DATA, completeness=0.0))
    older = given_score(model, X[1], registry="another")
    expected = [
        ((by_rules, by_model), movement.BY_RULES_THEN),
        ((by_model, by_rules), movement.BY_MODEL_THEN),
        ((other, by_model), "scored by another model since"),
        ((nothing, by_model), movement.NO_SCORE_THEN),
        ((by_model, nothing), movement.NO_SCORE_NOW),
        ((older, by_model), movement.OTHER_FEATURES),
    ]

    for (before, now), note in expected:
        moved = moved_between(before, now, registry())
        assert (moved.note, moved.features) == (note, ())
        assert (moved.score_then, moved.score_now) == (before.assessment.score, now.assessment.score)


@pytest.mark.parametrize(
    ("feature", "then", "now", "text"),
    [
        ("api_calls_7d", 412.0, 120.0, "API calls, 7 days: 412 then, 120 now"),
        ("api_change_7d", 0.05, -0.62, "API calls, week over week: up 5 % then, down 62 % now"),
        ("usage_trend_ratio_7d_30d", 1.0, 0.4, "Daily active users, 7 against 30 days: 100 % then, 40 % now"),
        ("days_since_last_login", 0.0, 12.0, "Days since the last login: 0 then, 12 now"),
        ("seat_utilization", None, 0.5, "Seats in use, 30 days: unknown then, 50 % now"),
        ("events_deviation", -0.4, -2.34, "-0.4 then, -2.3 now"),
        ("events_deviation", -0.04, 0.03, "just below 0 then, less than 0.1 now"),
        ("events_deviation", -0.04, -0.03, "usual weeks: just below 0 then and now"),
        ("avg_dau_7d", 0.04, 0.03, "7-day average: less than 0.1 then and now"),
        ("users_change", 0.001, 0.002, "up less than 1 % then and now"),
        ("downgraded_last_period", 0.0, 1.0, "Downgraded with the running term: no then, yes now"),
        ("ticket_sentiment_30d", 0.25, -0.5, "0.25 then, -0.5 now"),
        ("nps_score", 9.0, 9.0, "Latest NPS answer: 9 then and now"),
        ("avg_events_7d", 412.2, 412.4, "Events, 7-day average: about 412 then and now"),
        ("events_change_7d", 0.0, 0.001, "unchanged then, up less than 1 % now"),
    ],
)
def test_then_and_now_in_words(feature: str, then: float | None, now: float | None, text: str) -> None:
    assert then_and_now(BY_NAME[feature], then, now).endswith(text)


@given(st.sampled_from(FEATURES), st.floats(-1e9, 1e9) | st.none())
def test_every_value_of_every_feature_has_words(feature: Any, value: float | None) -> None:
    text = shown(feature, value)

    assert text
    assert "nan" not in text
    assert not text.startswith("--")
