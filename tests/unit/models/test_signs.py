"""Signs: of features that there are, and kept by whatever is learnt."""

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest
from stemtide.features.registry import NAMES

from models import learning
from models.dataset import Dataset
from models.recipes import Recipe
from models.signs import LESS_LIKELY, MORE_LIKELY, signs
from tests.drawn_rows import drawn_rows

ALL = Recipe(family="everything", leaves=16, leaf_share=0.01, l2=1.0, feature_share=0.5, bins=63)
SIGNED = sorted(LESS_LIKELY | MORE_LIKELY)


def test_every_signed_feature_exists_and_has_one_sign() -> None:
    assert set(NAMES) >= LESS_LIKELY | MORE_LIKELY
    assert not LESS_LIKELY & MORE_LIKELY


def test_the_signs_are_those_of_a_loss_and_upgrades_are_free() -> None:
    names = ("avg_dau_30d", "mrr", "days_since_last_event", "not_in_the_registry")

    assert signs(names, loss=True) == [-1, 0, 1, 0]
    assert signs(names, loss=False) == [0, 0, 0, 0]


@pytest.fixture(scope="module")
def misleading() -> Dataset:
    """Rows in which all that speaks against leaving led to it, by luck."""
    against = {name: 0.25 if name in LESS_LIKELY else -0.25 for name in SIGNED}
    rows = drawn_rows(900, weights=against, base=-0.5)
    drawn = np.random.default_rng(7).normal(size=rows.x.shape)
    never_known = np.isnan(rows.x).all(axis=0)
    return replace(rows, x=np.where(never_known, drawn, rows.x))


def steps(booster: lgb.Booster, rows: Dataset, name: str) -> np.ndarray:
    """How the margins of some rows change along a feature's known values, all others as they are."""
    place = rows.names.index(name)
    known = rows.x[~np.isnan(rows.x[:, place]), place]
    grid = np.concatenate([[-1e9], np.quantile(known, np.linspace(0, 1, 40)), [1e9]])
    x = np.repeat(rows.x[:25], len(grid), axis=0)
    x[:, place] = np.tile(grid, 25)
    return np.diff(np.asarray(booster.predict(x, raw_score=True)).reshape(25, -1), axis=1)


def test_a_loss_moves_one_way_along_every_signed_feature(misleading: Dataset) -> None:
    booster = learning.train(misleading, ALL, 60, seed=1)

    for name, sign in zip(SIGNED, signs(SIGNED, loss=True), strict=True):
        assert (sign * steps(booster, misleading, name) >= -1e-12).all(), name


def test_without_signs_the_same_rows_teach_the_opposite(misleading: Dataset) -> None:
    booster = learning.train(replace(misleading, loss=False), ALL, 60, seed=1)

    wrong = [
        name
        for name, sign in zip(SIGNED, signs(SIGNED, loss=True), strict=True)
        if (sign * steps(booster, misleading, name) < -1e-6).any()
    ]
    assert len(wrong) > 0.8 * len(SIGNED)
