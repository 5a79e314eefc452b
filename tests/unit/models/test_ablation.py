"""Groups of features, and what leaving one out costs."""

import numpy as np
import pytest
from stemtide.features.registry import NAMES, Shape, registry
from stemtide.features.view import Floats
from stemtide_cli.errors import CliError

from models import feature_groups, learning, train
from models.ablation import ablations, over_refits
from models.dataset import Dataset
from models.evidence import Ablation
from models.feature_groups import BILLING, LONG, SUPPORT, grouped
from models.refit import Score, hidden, refitted, same_rounds
from models.resampling import draws_of
from tests.drawn_rows import drawn_rows

SHAPE = Shape(parts=("reports", "exports"), meters=("messages",))


def test_every_feature_is_in_one_group() -> None:
    named = [name for names in feature_groups.GROUPS.values() for name in names]
    limits = {name for name in NAMES if "limit" in name}

    assert len(named) == len(set(named))
    assert set(named) | limits == set(NAMES)
    assert sorted(name for names in grouped(NAMES).values() for name in names) == sorted(NAMES)


def test_features_of_a_configuration_are_in_a_group() -> None:
    groups = grouped(registry(SHAPE).names)

    assert {"reports_share_30d", "exports_share_30d"} <= set(groups[feature_groups.BREADTH])
    assert set(groups[feature_groups.PARTS]) == {
        f"{part}_{what}" for part in SHAPE.parts for what in ("total", "per_day_90d", "per_day_360d")
    }
    assert {"messages_limit_use", "messages_days_to_limit"} <= set(groups[feature_groups.LIMITS])


def test_a_feature_without_a_group_is_told() -> None:
    with pytest.raises(KeyError, match="name it in models/feature_groups"):
        feature_groups.group_of("phase_of_the_moon")


def linear(fit: Dataset, seed: int) -> Score:
    """A recipe that is quick: the difference of the classes' means, with some luck of the seed."""
    learning.require_positives(fit)
    filled = np.nan_to_num(fit.x)
    weight = filled[fit.y].mean(axis=0) - filled[~fit.y].mean(axis=0)
    weight += np.random.default_rng(seed).normal(scale=0.02, size=len(weight))

    def score(x: Floats) -> Floats:
        return np.asarray(np.nan_to_num(x) @ weight)

    return score


DECIDES = {"mrr": 1.5, "total_events": 0.6}


@pytest.fixture(scope="module")
def rows() -> tuple[Dataset, Dataset]:
    fit = drawn_rows(1500, weights=DECIDES, missing=0.0)
    return fit, drawn_rows(600, weights=DECIDES, missing=0.0, seed=4, first_day=19_500)


def measured(rows: tuple[Dataset, Dataset], seed: int = 1) -> dict[str, Ablation]:
    fit, test = rows
    draws = draws_of(test.accounts, seed=seed, draws=100)
    return {one.group: one for one in ablations(fit, test, draws, linear, seed=seed, refits=3)}


@pytest.fixture(scope="module")
def found(rows: tuple[Dataset, Dataset]) -> dict[str, Ablation]:
    return measured(rows)


def test_without_what_decides_the_model_falls_far(found: dict[str, Ablation]) -> None:
    one = found[BILLING]

    assert next(iter(found)) == BILLING
    assert one.auc_change is not None
    assert one.auc_change < -0.1
    assert one.auc_change_ci is not None
    assert one.auc_change_ci[0] < one.auc_change < one.auc_change_ci[1] < 0


def test_a_useless_group_changes_nearly_nothing(found: dict[str, Ablation]) -> None:
    for group in set(found) - {BILLING, LONG, SUPPORT}:
        change, interval = found[group].auc_change, found[group].auc_change_ci
        assert change is not None
        assert abs(change) < 0.02
        assert interval is not None
        assert interval[0] - 0.01 < 0 < interval[1] + 0.01


def test_what_was_never_known_cannot_be_left_out(found: dict[str, Ablation]) -> None:
    assert list(found)[-1] == SUPPORT
    assert found[SUPPORT].auc_roc is found[SUPPORT].auc_change is found[SUPPORT].auc_change_ci is None
    assert "nps_score" in found[SUPPORT].features


def test_ablations_are_the_same_for_the_same_seed(
    found: dict[str, Ablation], rows: tuple[Dataset, Dataset]
) -> None:
    assert measured(rows) == found
    assert measured(rows, seed=2) != found


def test_a_recipe_that_cannot_be_fitted_has_no_ablations(rows: tuple[Dataset, Dataset]) -> None:
    _, test = rows
    few = rows[0].where(np.arange(len(rows[0])) < 20)

    assert ablations(few, test, draws_of(test.accounts, seed=1, draws=5), linear, seed=1) == ()


def test_hidden_features_are_unknown_and_the_rest_stays(rows: tuple[Dataset, Dataset]) -> None:
    fit, _ = rows
    without = hidden(fit, ("mrr", "users_rank"))

    places = [NAMES.index(name) for name in ("mrr", "users_rank")]
    assert np.isnan(without.x[:, places]).all()
    np.testing.assert_array_equal(np.delete(without.x, places, 1), np.delete(fit.x, places, 1))
    assert not np.isnan(fit.x[:, places]).any()


def test_a_draw_averages_refits_with_replacement() -> None:
    changes = np.array([[0.0] * 400, [1.0] * 400])

    means = over_refits(changes, seed=1)

    assert set(means.tolist()) == {0.0, 0.5, 1.0}
    assert means.mean() == pytest.approx(0.5, abs=0.08)


def test_the_refitted_recipe_is_the_trained_one(rows: tuple[Dataset, Dataset]) -> None:
    fit, test = rows[0].where(np.arange(len(rows[0])) < 500), rows[1]
    trained = train.train(fit, seed=5, tries=0)

    [again] = refitted(same_rounds(trained), trained.fit, test, seed=5, refits=1)

    np.testing.assert_array_equal(again, trained.booster.predict(test.x, raw_score=True))
    with pytest.raises(CliError):
        same_rounds(trained)(fit.where(~fit.y), 5)
