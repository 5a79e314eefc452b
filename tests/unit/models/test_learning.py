"""Growing: on whose rows, by which features, with how many rounds; and that nothing of it is luck."""

from dataclasses import replace

import lightgbm as lgb
import msgspec
import numpy as np
import pytest
from stemtide.features.peers import AGE, KNOWN_DAYS, PLACED
from stemtide.features.registry import NAMES
from stemtide_cli.errors import CliError

from models import learning, measures
from models.dataset import Dataset
from models.gate import RENEWAL
from models.recipes import (
    COURSES,
    MIN_ROUNDS,
    RENEWALS,
    SILENCES,
    UPGRADES,
    Recipe,
    offered,
)
from models.trees import trees_of
from tests.drawn_rows import drawn_rows, renewing_rows, with_column

DECIDES = {"active_days_30d": -1.5, "total_events": -0.8}


def of_rounds(recipe: Recipe, rounds: int) -> Recipe:
    return msgspec.structs.replace(recipe, rounds=rounds)


def raw(booster: lgb.Booster, x: np.ndarray, **options: int) -> np.ndarray:
    return np.asarray(booster.predict(x, raw_score=True, **options))


def used(booster: lgb.Booster) -> set[int]:
    """The places of the features that any tree splits by."""
    return set(np.flatnonzero(booster.feature_importance()).tolist())


def test_an_account_is_never_on_both_sides_of_a_fold() -> None:
    rows = drawn_rows(weights=DECIDES)

    fold_of = learning.folds(rows, seed=1)

    assert set(fold_of.tolist()) == set(range(learning.FOLDS))
    for account in np.unique(rows.accounts):
        assert len(np.unique(fold_of[rows.accounts == account])) == 1


def test_accounts_with_the_target_are_dealt_out_evenly_and_anew_for_another_seed() -> None:
    rows = drawn_rows(base=-3.0)

    fold_of = learning.folds(rows, seed=1)

    with_target = [len(np.unique(rows.accounts[rows.y & (fold_of == f)])) for f in range(learning.FOLDS)]
    all_of_them = [len(np.unique(rows.accounts[fold_of == f])) for f in range(learning.FOLDS)]
    assert max(with_target) - min(with_target) <= 1
    assert max(all_of_them) - min(all_of_them) <= 1
    assert not np.array_equal(fold_of, learning.folds(rows, seed=2))


@pytest.mark.parametrize("rows", [drawn_rows(weights=DECIDES), renewing_rows(700)], ids=["open", "gated"])
def test_a_rows_margin_is_by_a_booster_of_the_other_folds(rows: Dataset) -> None:
    recipe = of_rounds(learning.usual_recipes(rows)[0], 25)

    margins = learning.grow(rows, recipe, seed=3).margins

    fold_of = learning.folds(rows, seed=3)
    for fold in range(learning.FOLDS):
        out = fold_of == fold
        theirs = learning.train(rows.where(~out), recipe, 25, seed=3)
        np.testing.assert_allclose(margins[out], raw(theirs, rows.x[out]), rtol=0, atol=1e-12)


def test_outcomes_that_nothing_tells_of_are_ranked_only_by_who_has_seen_them() -> None:
    rows = drawn_rows(900, accounts=150)
    fit = replace(rows, y=np.random.default_rng(4).random(len(rows)) < 0.3, loss=False)

    grown = learning.grow(fit, of_rounds(UPGRADES, 30), seed=1)

    assert not np.isnan(grown.margins).any()
    assert measures.auc_roc(fit.y, grown.margins) < 0.6
    assert measures.auc_roc(fit.y, raw(grown.booster, fit.x)) > 0.65


@pytest.mark.parametrize("gated", [False, True])
def test_margins_after_each_round_are_those_of_the_booster(gated: bool) -> None:
    rows = renewing_rows(700) if gated else drawn_rows(weights=DECIDES)
    booster = learning.train(rows, learning.usual_recipes(rows)[0], 30, seed=1)

    staged = learning._staged(booster, rows.x[:50], 30, gated=gated)

    assert staged.shape == (30, 50)
    for rounds in (1, 7, 30):
        expected = raw(booster, rows.x[:50], num_iteration=rounds + gated)
        np.testing.assert_allclose(staged[rounds - 1], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gated", [False, True])
def test_rounds_in_which_nothing_could_be_split_leave_the_margins_as_they_were(gated: bool) -> None:
    rows = renewing_rows(700) if gated else drawn_rows(weights=DECIDES)
    booster = learning.train(rows, learning.usual_recipes(rows)[0], 3, seed=1)

    staged = learning._staged(booster, rows.x[:50], 9, gated=gated)

    np.testing.assert_allclose(staged[1], raw(booster, rows.x[:50], num_iteration=2 + gated), atol=1e-12)
    for later in staged[2:]:
        np.testing.assert_allclose(later, raw(booster, rows.x[:50]), rtol=0, atol=1e-12)


def test_every_feature_is_masked_in_some_row_and_no_row_is_changed() -> None:
    rows = drawn_rows(40, missing=0.0)

    more = learning.masked(rows, seed=9)

    assert len(more) == 44
    assert np.isnan(more.x).any(axis=0).all()
    np.testing.assert_array_equal(more.x[:40], rows.x)
    for copy in range(40, 44):
        known = ~np.isnan(more.x[copy])
        [source] = np.flatnonzero((rows.x[:, known] == more.x[copy, known]).all(axis=1))
        assert (more.accounts[copy], more.day[copy], more.y[copy]) == (
            rows.accounts[source],
            rows.day[source],
            rows.y[source],
        )


@pytest.mark.parametrize("rows", [drawn_rows(weights=DECIDES, missing=0.0), renewing_rows(unknown=0.0)])
def test_the_export_finds_that_every_split_knows_missing_values(rows: Dataset) -> None:
    """In the rows nothing is missing, but in live ones everything may be; the export refuses what was not
    taught it."""
    deep = of_rounds(msgspec.structs.replace(UPGRADES, leaves=16, l2=1.0), 60)

    trees = trees_of(learning.grow(rows, deep, seed=1).booster, features=NAMES)

    assert len(trees) >= 60


@pytest.mark.parametrize("family", ["habits", "parts and plan", "habits and plan", "not by part"])
def test_trees_use_only_what_is_offered(family: str) -> None:
    rows = drawn_rows(weights=DECIDES | {"mrr": 1.0, "nps_score": 1.0, "plans_above": 1.0})
    recipe = Recipe(family=family, leaves=6, leaf_share=0.01, l2=1.0, feature_share=0.7, bins=31)

    booster = learning.train(rows, recipe, 40, seed=1)

    assert booster.feature_name() == list(NAMES)
    assert len(used(booster)) > 5
    assert used(booster) <= set(offered(recipe, NAMES))


def test_what_is_never_known_takes_no_share_of_the_features_that_a_tree_looks_at() -> None:
    """A tenth of the features of which one is known: it is in every tree."""
    rows = drawn_rows(weights={"mrr": 1.5}, missing=0.0)
    only = np.full_like(rows.x, np.nan)
    only[:, NAMES.index("mrr")] = rows.x[:, NAMES.index("mrr")]
    recipe = Recipe(family="everything", leaves=2, leaf_share=0.01, l2=1.0, feature_share=0.1, bins=31)

    booster = learning.train(replace(rows, x=only), recipe, 30, seed=1)

    assert booster.num_trees() == 30
    assert used(booster) == {NAMES.index("mrr")}


def test_where_nothing_is_known_everybody_gets_the_base_rate() -> None:
    rows = drawn_rows(base=-1.0)
    nothing = replace(rows, x=np.full_like(rows.x, np.nan))

    grown = learning.grow(nothing, SILENCES, seed=1)

    rate = (raw(grown.booster, nothing.x[:3]) + 0.0).tolist()
    assert rate == pytest.approx([np.log(rows.y.mean() / (1 - rows.y.mean()))] * 3, abs=0.05)
    assert not np.isnan(grown.margins).any()


def test_the_rounds_of_a_recipe_are_grown() -> None:
    rows, gated = drawn_rows(weights=DECIDES), renewing_rows(700)

    found = learning.grow(rows, of_rounds(SILENCES, 33), seed=1)
    behind = learning.grow(gated, of_rounds(RENEWALS, 33), seed=1)

    assert (found.booster.num_trees(), found.recipe.rounds) == (33, 33)
    assert (behind.booster.num_trees(), behind.recipe.rounds) == (34, 33)


def test_without_rounds_those_are_grown_that_generalise_best_to_accounts_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learning, "MAX_ROUNDS", 70)
    rows = replace(drawn_rows(400, weights={"mrr": 0.9}, base=-0.5), loss=False)
    greedy = Recipe(family="everything", leaves=16, leaf_share=0.01, l2=1.0, feature_share=0.7, bins=31)

    found = learning.grow(rows, greedy, seed=1)

    best = found.recipe.rounds
    assert best is not None
    assert MIN_ROUNDS < best < 70
    assert found.recipe == of_rounds(greedy, best)
    losses = {
        rounds: np.logaddexp(0, np.where(rows.y, -1, 1) * grown.margins).mean()
        for rounds in (best - 3, best, best + 3)
        for grown in (learning.grow(rows, of_rounds(greedy, rounds), seed=1),)
    }
    assert min(losses, key=lambda rounds: losses[rounds]) == best


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    rows = renewing_rows(700)

    one, same, other = (learning.grow(rows, of_rounds(RENEWALS, 25), seed=seed) for seed in (1, 1, 2))

    assert one.booster.model_to_string() == same.booster.model_to_string()
    assert np.array_equal(one.margins, same.margins)
    assert one.booster.model_to_string() != other.booster.model_to_string()


def test_a_fold_without_anybody_who_may_leave_has_margins_too() -> None:
    """All open rows are those of three accounts: two folds have none."""
    rows = renewing_rows(600, unknown=0.0)
    is_open = rows.x[:, NAMES.index(RENEWAL)] <= 30
    accounts = np.where(is_open, [f"big-{i % 3}" for i in range(600)], rows.accounts)
    crowded = replace(rows, accounts=accounts)
    fold_of = learning.folds(crowded, seed=1)

    found = learning.grow(crowded, of_rounds(RENEWALS, 25), seed=1)

    assert len(np.unique(fold_of[is_open])) == 3
    assert np.isfinite(found.margins).all()
    assert found.margins[is_open].min() > found.margins[~is_open].max()


def test_a_fold_of_which_the_others_have_no_positives_has_no_margins() -> None:
    rows = drawn_rows()
    alone = replace(rows, y=rows.accounts == rows.accounts[0], loss=False)
    often = alone.where(np.sort(np.concatenate([np.arange(600), np.flatnonzero(alone.y).repeat(3)])))

    found = learning.grow(often, of_rounds(UPGRADES, 25), seed=1)

    assert often.positives >= learning.MIN_POSITIVES
    assert np.isnan(found.margins).any()
    assert np.isnan(found.margins[often.y]).all()


@pytest.mark.parametrize(
    ("positives", "refused"), [(9, True), (10, False), (590, False), (591, True), (600, True)]
)
def test_a_target_must_have_happened_and_not_happened(positives: int, refused: bool) -> None:
    rows = replace(drawn_rows(), y=np.arange(600) < positives)

    if refused:
        with pytest.raises(CliError, match=f"happened in {positives} of 600"):
            learning.require_positives(rows)
    else:
        learning.require_positives(rows)


def test_the_usual_recipe_is_that_of_the_sort_of_target() -> None:
    rows = renewing_rows()
    unknown = with_column(rows, RENEWAL, np.full(len(rows), np.nan))

    assert learning.usual_recipes(rows) == (RENEWALS, SILENCES)
    assert learning.usual_recipes(unknown) == (SILENCES,)
    assert learning.usual_recipes(replace(unknown, of_terms=True)) == (RENEWALS, SILENCES)
    assert learning.usual_recipes(replace(rows, loss=False)) == (UPGRADES,)


def aged(within: float, *, name: str = AGE) -> Dataset:
    """Rows of ten snapshots, ten days apart, in which ages differ by so many days at most."""
    rows = with_column(drawn_rows(1200), KNOWN_DAYS, np.full(1200, 5.0))
    spread = np.tile(np.linspace(0, within, 120), 10)
    return with_column(with_column(rows, AGE, np.full(1200, np.nan)), name, rows.day - 19_000 + spread)


@pytest.mark.parametrize("name", [AGE, KNOWN_DAYS])
def test_where_all_began_together_what_counts_is_the_place_among_peers(name: str) -> None:
    course, mixed = aged(8, name=name), aged(12, name=name)  # quartiles 4 and 6 apart, over all rows 45 to 50

    assert learning.began_together(course)
    assert not learning.began_together(mixed)
    assert learning.usual_recipes(course) == (COURSES,)
    assert learning.usual_recipes(mixed) == (SILENCES,)
    assert learning.usual_recipes(replace(course, of_terms=True)) == (RENEWALS, SILENCES)
    assert {course.names[i] for i in offered(COURSES, course.names)} == set(PLACED)


def test_known_days_of_use_that_are_at_their_end_tell_no_age() -> None:
    """In a log of years nearly all have as many days as are counted, whenever they began."""
    mixed = aged(60, name=KNOWN_DAYS)
    days = mixed.x[:, mixed.names.index(KNOWN_DAYS)]
    rng = np.random.default_rng(1)
    old = with_column(mixed, KNOWN_DAYS, np.where(rng.random(len(mixed)) < 0.8, 90.0, np.minimum(days, 89)))
    latecomers = with_column(mixed, KNOWN_DAYS, np.where(rng.random(len(mixed)) < 0.2, 3.0, 90.0))
    course = aged(8, name=KNOWN_DAYS)
    later = np.where(course.day >= 19_050, 90.0, course.x[:, course.names.index(KNOWN_DAYS)])

    assert not learning.began_together(old)
    assert not learning.began_together(latecomers), "of one age, as far as is known"
    assert learning.began_together(with_column(course, KNOWN_DAYS, later)), "its first snapshots tell"
    assert not learning.began_together(course.where(np.arange(1200) % 120 < 19)), "nineteen tell nothing"


def test_at_a_single_snapshot_nobody_is_said_to_have_begun_together() -> None:
    assert not learning.began_together(aged(0).where(np.arange(120)))
    assert not learning.began_together(with_column(aged(0), AGE, np.full(1200, 9.0)))
