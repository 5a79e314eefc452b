"""What is said of an account: by the model, by rules, or that it is too early."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.config_sources import Source
from stemtide.features.registry import BY_NAME, FEATURES, NAMES
from stemtide.features.vectors import Vector
from stemtide.profile import Profile
from stemtide.scoring import rules
from stemtide.scoring.artefact import Model
from stemtide.scoring.assess import assess, assess_fully
from stemtide.scoring.assessment import Basis, Confidence, Interval, KnownSource, Tier, tier_of
from stemtide.scoring.confidence import bin_of, confidence, lowered_by
from stemtide.scoring.drivers import drivers
from stemtide.scoring.manifest import Bin, Seen
from stemtide.scoring.score_map import to_score

from tests.scoring_models import MANIFEST_OF_TRAINING, WIDTH, Floats, exported, rows, trained

TODAY = 19_000
AS_OF = end_of_day_ms(TODAY)
X = rows(600)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return exported(Path(tmp_path_factory.mktemp("models")) / "v1", trained(X))


def vector(
    values: Floats | None = None, *, days: int | None = 90, tenure: int | None = 200, **known: Any
) -> Vector:
    """An account used until today since `days` days (None: never), a customer for `tenure` days."""
    x = np.full(WIDTH, np.nan) if values is None else values.copy()
    for name, value in known.items():
        x[NAMES.index(name)] = value
    return Vector(
        account="a",
        as_of_ms=AS_OF,
        values=x,
        features=FEATURES,
        profile=Profile(since_ms=None if tenure is None else AS_OF - tenure * 86_400_000),
        last_active_day=None if days is None else TODAY,
        first_day=None if days is None else TODAY - days + 1,
        completeness=float(np.mean(~np.isnan(x))),
    )


@pytest.mark.parametrize("by", ["model", "rules"])
def test_a_new_customer_without_use_is_not_scored(model: Model, by: str) -> None:
    given = model if by == "model" else None

    for tenure in (None, 0, 13):
        [found] = assess(given, [vector(X[0], days=None, tenure=tenure)])
        assert found.basis is Basis.NOT_ENOUGH_DATA
        assert (found.score, found.tier, found.probability, found.drivers) == (None, None, None, ())
    [found] = assess(given, [vector(X[0], days=None, tenure=14)])
    assert found.basis is Basis(by)
    [found] = assess(given, [vector(X[0], days=1, tenure=0)])
    assert found.basis is Basis(by)


def test_the_model_gives_probability_score_tier_interval_and_version(model: Model) -> None:
    vectors = [vector(x) for x in X[:300]]

    found = assess(model, vectors)

    probabilities = model.predict(X[:300]).probability
    assert [f.probability for f in found] == probabilities.tolist()
    for one in found:
        assert one.basis is Basis.MODEL
        assert one.model_version == "v1"
        assert one.horizon_days == 30
        assert one.probability is not None
        assert one.score == to_score(one.probability, model.manifest.score_map)
        assert one.tier is tier_of(one.score)
        below = next(b for b in MANIFEST_OF_TRAINING.bins if one.probability < b.upper)
        assert one.interval == Interval(low=below.low, high=below.high, accounts=below.rows)
    assert len({f.tier for f in found}) >= 3


def test_assessments_come_in_the_order_of_the_vectors(model: Model) -> None:
    vectors = [vector(X[i], days=None if i % 3 == 0 else 90, tenure=0) for i in range(30)]

    together = assess(model, vectors)

    assert together == [assess(model, [one])[0] for one in vectors]


def test_nobody_to_assess_is_nothing() -> None:
    assert assess(None, []) == []


@pytest.mark.parametrize(("probability", "place"), [(0, 0), (0.099, 0), (0.1, 1), (0.3, 2), (0.9, 2), (1, 2)])
def test_a_bin_begins_at_the_uppermost_of_the_one_before_and_the_last_holds_all_above(
    probability: float, place: int
) -> None:
    bins = [Bin(upper=upper, rows=9, positives=1, low=0, high=1) for upper in (0.1, 0.3, 1.0)]

    assert bin_of(probability, bins) is bins[place]


def test_drivers_are_the_three_largest_contributions_of_the_model(model: Model) -> None:
    found = assess(model, [vector(x) for x in X[:100]])

    contributions = model.explain(X[:100])
    for one, row, x in zip(found, contributions, X[:100], strict=True):
        order = np.argsort(-np.abs(row), kind="stable")[:3]
        assert [abs(d.contribution) for d in one.drivers] == pytest.approx(np.abs(row[order]).tolist())
        for driver in one.drivers:
            i = NAMES.index(driver.feature)
            assert driver.contribution == pytest.approx(row[i], abs=1e-12)
            assert driver.value == (None if np.isnan(x[i]) else x[i])
            assert driver.baseline == MANIFEST_OF_TRAINING.medians[i]
            assert driver.label == BY_NAME[driver.feature].label
            assert driver.text == BY_NAME[driver.feature].sentence(driver.value, driver.baseline)


def test_equal_contributions_are_ordered_by_name() -> None:
    contributions = np.zeros(WIDTH)
    contributions[[5, 3, 8, 1]] = [0.5, -0.5, 0.5, -0.5]

    found = drivers(FEATURES, np.zeros(WIDTH), contributions, (None,) * WIDTH)

    assert [d.feature for d in found] == sorted(NAMES[i] for i in (5, 3, 8, 1))[:3]


GOOD = Interval(low=0.09, high=0.14, accounts=400)


def sources(**fresh: bool | None) -> list[KnownSource]:
    return [KnownSource(source=Source(name), completeness=1.0, fresh=at) for name, at in fresh.items()]


@pytest.mark.parametrize(
    ("interval", "reasons", "grade"),
    [
        (GOOD, (), Confidence.HIGH),
        (GOOD, ("incomplete",), Confidence.MEDIUM),
        (GOOD, ("short_history",), Confidence.MEDIUM),
        (GOOD, ("stale:crm",), Confidence.MEDIUM),
        (GOOD, ("stale:crm", "stale:billing", "stale:nps"), Confidence.MEDIUM),
        (GOOD, ("incomplete", "stale:crm", "stale:nps"), Confidence.LOW),
        (GOOD, ("incomplete", "short_history", "stale:crm"), Confidence.LOW),
        (Interval(low=0.05, high=0.15, accounts=400), (), Confidence.MEDIUM),
        (Interval(low=0.09, high=0.14, accounts=60), (), Confidence.MEDIUM),
        (Interval(low=0.01, high=0.15, accounts=400), (), Confidence.LOW),
        (Interval(low=0.09, high=0.14, accounts=40), (), Confidence.LOW),
        (Interval(low=0.09, high=0.14, accounts=40), ("stale:crm",), Confidence.LOW),
        (Interval(low=0.0, high=0.0, accounts=400), ("incomplete", "short_history"), Confidence.LOW),
    ],
)
def test_confidence_is_the_intervals_grade_lowered_once_by_each_kind_of_reason(
    interval: Interval, reasons: tuple[str, ...], grade: Confidence
) -> None:
    assert confidence(interval, lowered_by=reasons) is grade


@pytest.mark.parametrize(
    ("completeness", "days", "fresh", "reasons"),
    [
        (0.75, 14, {}, ()),
        (0.74, 14, {}, ("incomplete",)),
        (0.75, 13, {}, ("short_history",)),
        (1.0, 90, {"crm": True, "nps": None}, ()),
        (0.5, 3, {"crm": False, "nps": False}, ("incomplete", "short_history", "stale:crm", "stale:nps")),
    ],
)
def test_what_is_missing_short_or_stale_speaks_against_a_score(
    completeness: float, days: int, fresh: dict[str, bool | None], reasons: tuple[str, ...]
) -> None:
    assert lowered_by(sources(**fresh), completeness=completeness, history_days=days) == reasons


def test_every_assessment_says_what_is_known_by_source_and_what_was_fresh_at_its_instant(
    model: Model,
) -> None:
    known = {"nps_score": 9.0, "account_age_days": 3.0, "mrr": 10.0}
    given = [vector(**known), vector(**known, days=None, tenure=0)]
    fresh = {AS_OF: {Source.BILLING: False, Source.NPS: True}}

    for by in (model, None):
        for one in assess(by, given, fresh=fresh):
            shares = {source.source.value: source.completeness for source in one.sources}
            assert shares == {"stream": 0, "tickets": 0, "crm": 1 / 2, "billing": 1 / 11, "nps": 1}
            heard = {source.source.value: source.fresh for source in one.sources}
            assert heard == {"stream": None, "tickets": None, "crm": None, "billing": False, "nps": True}
    [early] = assess(model, given[:1], fresh={AS_OF - 1: {Source.BILLING: False}})
    assert {source.fresh for source in early.sources} == {None}


def test_a_stale_source_costs_the_model_one_grade_and_the_rules_none(model: Model) -> None:
    given = [vector(x) for x in X[:50]]
    order = [Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH]
    stale = {AS_OF: {Source.BILLING: False, Source.CRM: False}}

    for before, after in zip(assess(model, given), assess(model, given, fresh=stale), strict=True):
        assert before.confidence is not None
        assert after.confidence is order[max(order.index(before.confidence) - 1, 0)]
        assert after.confidence_lowered_by == (
            *before.confidence_lowered_by,
            "stale:crm",
            "stale:billing",
        )
        assert after.probability == before.probability
    for one in assess(None, given, fresh=stale):
        assert (one.confidence, one.confidence_lowered_by) == (Confidence.LOW, ())


HEALTHY = {
    "days_since_last_event": 0,
    "events_change_7d": 0.1,
    "usage_trend_ratio_7d_30d": 1.0,
    "active_days_30d": 25,
    "seat_utilization": 0.8,
    "history_days": 90,
}
SILENT = {
    "days_since_last_event": 25,
    "days_since_last_login": 30,
    "usage_trend_ratio_7d_30d": 0.0,
    "active_days_30d": 2,
    "seat_utilization": 0.1,
    "users_change": -0.9,
    "history_days": 90,
}


def test_rules_score_a_healthy_account_low_and_a_silent_one_critical() -> None:
    healthy, falling, silent = assess(
        None,
        [
            vector(**HEALTHY),
            vector(**HEALTHY | {"events_change_7d": -0.8, "api_change_7d": -0.9}),
            vector(**SILENT),
        ],
    )

    assert (healthy.score, healthy.tier) == (0, Tier.LOW)
    assert (falling.score, falling.tier) == (35, Tier.MEDIUM)
    assert silent.tier is Tier.CRITICAL
    for one in (healthy, falling, silent):
        assert one.basis is Basis.RULES
        assert (one.probability, one.interval, one.model_version, one.horizon_days) == (
            None,
            None,
            None,
            None,
        )
        assert one.confidence is Confidence.LOW
        assert len(one.drivers) == 3


def test_a_drivers_contribution_by_rules_is_its_points_in_tiers() -> None:
    [found] = assess(None, [vector(**HEALTHY | {"events_change_7d": -0.5, "days_to_renewal": 10})])

    assert [(d.feature, d.contribution) for d in found.drivers[:2]] == [
        ("days_to_renewal", pytest.approx(10 / 25)),
        ("events_change_7d", pytest.approx(10 / 25)),
    ]
    assert found.score == 20
    assert found.drivers[1].text == "events down 50 % against the week before"


def test_a_customer_who_never_began_is_at_risk_by_rules() -> None:
    [found] = assess(None, [vector(days=None, tenure=40, history_days=0)])

    assert found.tier is Tier.HIGH
    assert found.drivers[0].feature == "history_days"


def test_points_are_never_negative_and_a_score_never_exceeds_100() -> None:
    worst = vector(**{rule.feature: rule.full for rule in rules.RULES})
    x = np.concatenate([rows(500) * 100, worst.values[None]])

    points = rules.points(x)

    assert points.min() >= 0
    assert not np.isnan(points).any()
    assert {type(rules.score(row)) for row in points} == {int}
    assert max(rules.score(row) for row in points) == 100
    assert rules.score(points[-1]) == 100


def test_the_documented_table_of_rules_is_the_one_that_scores() -> None:
    text = (Path(__file__).parents[3] / "docs" / "scoring.md").read_text()

    for rule in rules.RULES:
        assert (
            f"| `{rule.feature}` | {rule.start:g} | {rule.full:g} | {rule.points:g} | {rule.reason} |" in text
        )


def test_an_account_younger_than_the_model_has_seen_is_scored_by_rules(tmp_path: Path) -> None:
    model = exported(tmp_path / "v1", trained(X), seen=Seen(history_days=21, tenure_days=60))
    given = [
        vector(X[0], days=20, tenure=200),
        vector(X[1], days=21, tenure=60),
        vector(X[2], days=90, tenure=59),
        vector(X[3], days=90, tenure=None),
        vector(X[4], days=None, tenure=3),
    ]

    found = assess(model, given)

    kinds = [Basis.RULES, Basis.MODEL, Basis.RULES, Basis.MODEL, Basis.NOT_ENOUGH_DATA]
    assert [one.basis for one in found] == kinds
    assert found[0] == assess(None, given[:1])[0]
    assert found[1] == assess(model, given[1:2])[0]


def test_who_is_known_for_fewer_days_than_configured_is_scored_by_rules(model: Model) -> None:
    found = assess(model, [vector(X[0], days=13), vector(X[0], days=14)], least_history_days=14)

    assert [(one.basis, one.model_version) for one in found] == [(Basis.RULES, None), (Basis.MODEL, "v1")]


def test_every_score_says_which_rules_gave_points(model: Model) -> None:
    falling = vector(**HEALTHY | {"events_change_7d": -0.5, "days_to_renewal": 10, "api_change_7d": -0.9})

    [by_model], [by_rules] = assess(model, [falling]), assess(None, [falling])

    assert [(one.rule, one.points) for one in by_rules.rules] == [
        ("api_change_7d", 15),
        ("days_to_renewal", 10),
        ("events_change_7d", 10),
    ]
    assert by_rules.score == 35
    assert (by_model.basis, by_model.rules) == (Basis.MODEL, by_rules.rules)
    [healthy] = assess(None, [vector(**HEALTHY)])
    assert healthy.rules == ()


def test_contributions_add_up_to_the_margin_or_the_points(model: Model) -> None:
    vectors = [vector(x) for x in X[:50]]

    by_model, by_rules = assess_fully(model, vectors), assess_fully(None, vectors)

    for one, margin in zip(by_model, model.predict(X[:50]).margin, strict=True):
        assert one.contributions is not None
        assert one.contributions.sum() + model.manifest.expected_margin == pytest.approx(margin, abs=1e-9)
    for one in by_rules:
        assert one.contributions is not None
        points = sum(rule.points for rule in one.assessment.rules)
        assert one.contributions.sum() * rules.POINTS_PER_UNIT == pytest.approx(points)
    [nothing] = assess_fully(model, [vector(days=None, tenure=0)])
    assert nothing.contributions is None
