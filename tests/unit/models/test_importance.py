"""What moves the scores: contributions add up, and the beeswarm is some of them."""

from dataclasses import replace

import numpy as np
import pytest

from models import train
from models.importance import SWARM_FEATURES, importance_and_swarm, value_ranks
from tests.drawn_rows import drawn_rows


@pytest.fixture(scope="module")
def trained() -> train.Trained:
    upgrades = replace(drawn_rows(500, weights={"mrr": 1.5}), loss=False)  # they are offered all features
    return train.train(upgrades, seed=1, tries=0)


def test_the_shares_are_those_of_mean_absolute_contributions(trained: train.Trained) -> None:
    test = drawn_rows(300, seed=8)
    contributions = trained.booster.predict(test.x, pred_contrib=True)[:, :-1]

    importance, _ = importance_and_swarm(trained.booster, test, seed=1)

    assert importance[0].feature == "mrr"
    assert importance[0].label == "Monthly recurring revenue"
    assert sum(one.share for one in importance) == pytest.approx(1)
    for one in importance:
        mean = np.abs(contributions[:, test.names.index(one.feature)]).mean()
        assert one.mean_abs_contribution == pytest.approx(mean)
    assert [one.share for one in importance] == sorted((one.share for one in importance), reverse=True)


def test_the_beeswarm_shows_the_first_features_of_the_same_rows(trained: train.Trained) -> None:
    test = drawn_rows(700, seed=8)

    importance, swarm = importance_and_swarm(trained.booster, test, seed=1)

    assert [one.feature for one in swarm] == [one.feature for one in importance[:SWARM_FEATURES]]
    assert {len(one.contributions) for one in swarm} == {len(one.value_ranks) for one in swarm} == {500}
    mrr = swarm[0]
    known = [i for i, rank in enumerate(mrr.value_ranks) if rank is not None]
    assert len(known) < 500
    pairs = np.array([(mrr.value_ranks[i], mrr.contributions[i]) for i in known], dtype=np.float64)
    assert np.corrcoef(pairs.T)[0, 1] > 0.8
    assert importance_and_swarm(trained.booster, test, seed=1) == (importance, swarm)


def test_ranks_go_from_0_to_1_with_ties_in_the_middle() -> None:
    assert value_ranks(np.array([3.0, np.nan, 1.0, 3.0, 9.0])) == (0.5, None, 0.0, 0.5, 1.0)
    assert value_ranks(np.array([np.nan, 2.0])) == (None, 0.5)
