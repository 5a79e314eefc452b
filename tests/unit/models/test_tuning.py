"""The search for a recipe: what it is judged on, and that it is kept only where it is clearly better."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from stemtide.features.configured_features import Shape
from stemtide_cli.errors import CliError

from models import learning, tuning
from models.dataset import Dataset
from models.feature_groups import BILLING
from models.gate import RENEWAL
from models.recipes import FAMILIES, MIN_ROUNDS, RENEWALS, SILENCES, Recipe
from tests.drawn_rows import drawn_rows, renewing_rows, with_column

HORIZON = 30


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a search takes a second."""
    monkeypatch.setattr(tuning, "MAX_ROUNDS", 40)
    monkeypatch.setattr(learning, "MAX_ROUNDS", 40)


def planted(rows: int = 900, *, seed: int = 3) -> Dataset:
    """Rows of the usual family's features, and of one that decides and is not among them."""
    return drawn_rows(rows, weights={"mrr": 2.5}, base=-1.0, missing=0.0, seed=seed)


def noise(seed: int = 3) -> Dataset:
    return drawn_rows(900, base=-1.0, seed=seed)


def losses(rows: Dataset, recipe: Recipe) -> float:
    """The search's own measure."""
    tests = tuning._tests(rows, 1)
    curves = [tuning._curve(rows.where(fit), rows.where(out), recipe, 1) for fit, out in tests]
    return float(np.sum(curves, axis=0)[MIN_ROUNDS - 1 :].min())


def test_recipes_are_judged_on_later_days_of_accounts_that_they_did_not_see() -> None:
    rows = drawn_rows(1500)

    tests = tuning._tests(rows, seed=1)

    assert len(tests) == learning.FOLDS
    for fit, out in tests:
        assert rows.day[fit].max() + HORIZON < rows.day[out].min(), "no outcome is judged that was fitted"
        assert not set(rows.accounts[fit]) & set(rows.accounts[out])
        assert rows.y[fit].any()
    judged = np.sum([out for _, out in tests], axis=0)
    assert set(judged.tolist()) == {0, 1}, "every later row is judged once, no earlier one ever"
    cut = rows.day[judged == 1].min()
    assert np.array_equal(judged == 1, rows.day >= cut)


def test_outcomes_that_become_known_after_the_horizon_are_not_fitted_before_that() -> None:
    rows = drawn_rows(1500)
    rows = replace(rows, known_on=rows.day + HORIZON + 14)

    for fit, out in tuning._tests(rows, seed=1):
        assert rows.outcome_days()[fit].max() < rows.day[out].min()
        assert rows.outcome_days()[fit].max() == rows.day[out].min() - 10 - 6


@pytest.mark.parametrize("early", [True, False])
def test_with_too_few_positives_on_either_side_nothing_is_judged(early: bool) -> None:
    rows = drawn_rows(1500)
    tests = tuning._tests(rows, seed=1)
    judged = np.any([out for _, out in tests], axis=0)
    fitted = np.any([fit for fit, _ in tests], axis=0)
    some = rows.y.copy()
    some[np.flatnonzero(rows.y & (fitted if early else judged))[tuning.MIN_EITHER - 1 :]] = False

    assert tuning._tests(replace(rows, y=some), seed=1) == []


def test_the_curve_is_the_loss_of_the_rows_left_out_after_each_round() -> None:
    for rows in (planted(), renewing_rows(1500)):
        [(fit, out), *_] = tuning._tests(rows, seed=1)
        recipe = learning.usual_recipes(rows)[0]

        curve = tuning._curve(rows.where(fit), rows.where(out), recipe, 1)

        way_in = learning.gate(rows.where(fit))
        judged = learning.behind(rows.where(out), way_in)
        assert (way_in is None) == (RENEWAL not in _decisive(rows))
        assert len(curve) == 40
        for rounds in (1, 25, 40):
            booster = learning.train(rows.where(fit), recipe, rounds, seed=1)
            margins = np.asarray(booster.predict(judged.x, raw_score=True))
            expected = np.logaddexp(0, np.where(judged.y, -1, 1) * margins).sum()
            assert curve[rounds - 1] == pytest.approx(expected, rel=1e-6)


def _decisive(rows: Dataset) -> tuple[str, ...]:
    return (RENEWAL,) if learning.gate(rows) is not None else ()


def test_rows_that_cannot_leave_judge_nothing() -> None:
    rows = renewing_rows()
    shut = rows.where(rows.x[:, rows.names.index(RENEWAL)] > HORIZON)

    assert tuning._curve(rows, shut, RENEWALS, 1).tolist() == [0.0] * 40


def test_margins_that_are_compared_are_of_boosters_that_saw_neither_the_account_nor_the_time() -> None:
    rows = planted()
    tests = tuning._tests(rows, 1)
    recipe = msgspec.structs.replace(SILENCES, family="everything")

    found = tuning._margins(rows, tests, recipe, 1)

    judged = np.any([out for _, out in tests], axis=0)
    assert np.array_equal(~np.isnan(found), judged)
    curves = [tuning._curve(rows.where(fit), rows.where(out), recipe, 1) for fit, out in tests]
    best = int(np.argmin(np.sum(curves, axis=0)[MIN_ROUNDS - 1 :])) + MIN_ROUNDS
    for fit, out in tests:
        booster = learning.train(rows.where(fit), recipe, best, seed=1)
        np.testing.assert_allclose(found[out], np.asarray(booster.predict(rows.x[out], raw_score=True)))


def test_a_family_that_decides_is_found() -> None:
    rows = planted()
    said: list[str] = []

    grown = tuning.grown(rows, seed=1, tries=6, say=said.append)

    assert BILLING in FAMILIES[grown.recipe.family]
    assert BILLING not in FAMILIES[SILENCES.family]
    assert said[:2] == ["choosing the recipe: 1 of 6", "choosing the recipe: 2 of 6"]
    assert len(said) == 6
    assert MIN_ROUNDS <= (grown.recipe.rounds or 0) <= 40


@pytest.mark.parametrize(
    ("decides", "expected"), [({"reports_total": -2.0}, RENEWALS), ({"active_days_30d": -2.0}, SILENCES)]
)
def test_of_products_sold_by_the_term_the_usual_recipe_is_the_one_that_fits(
    decides: dict[str, float], expected: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "_is_better", lambda *_, **__: False)
    rows = replace(drawn_rows(900, weights=decides, missing=0.0, shape=Shape(("reports",))), of_terms=True)
    said: list[str] = []

    grown = tuning.grown(rows, seed=1, tries=1, say=said.append)

    assert msgspec.structs.replace(grown.recipe, rounds=None) == expected
    assert said[0] == "choosing among the usual recipes"


def test_where_nothing_tells_of_the_target_the_usual_recipe_stays() -> None:
    found = [tuning.grown(noise(seed), seed=seed, tries=4).recipe for seed in range(1, 9)]

    assert [msgspec.structs.replace(recipe, rounds=None) for recipe in found] == [SILENCES] * 8


def test_what_is_found_is_never_worse_than_the_usual_by_the_searchs_own_measure() -> None:
    for rows in (noise(), renewing_rows(900, rate=0.4)):
        usual = learning.usual_recipes(rows)[0]

        found = tuning._found(rows, tuning._tests(rows, 1), usual, seed=1, tries=4, say=lambda _: None)

        assert losses(rows, found) <= losses(rows, usual) + 1e-9


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_few_tries_begin_with_the_usual_recipe(tries: int) -> None:
    rows = noise()
    tests = tuning._tests(rows, 1)

    found = tuning._found(rows, tests, SILENCES, seed=1, tries=tries, say=lambda _: None)

    assert losses(rows, found) <= losses(rows, SILENCES)
    if tries == 1:
        assert found == SILENCES


def test_without_tries_or_without_anything_to_judge_by_nothing_is_searched() -> None:
    def refuse(text: str) -> None:
        raise AssertionError(text)

    without = tuning.grown(planted(), seed=1, tries=0, say=refuse)
    short = tuning.grown(planted(240), seed=1, tries=5, say=refuse)

    assert without.recipe.family == short.recipe.family == SILENCES.family


def test_the_same_seed_finds_the_same() -> None:
    rows = planted()

    one, same = (tuning.grown(rows, seed=5, tries=3) for _ in range(2))

    assert one.recipe == same.recipe
    assert one.booster.model_to_string() == same.booster.model_to_string()


def test_better_is_only_what_exceeds_what_luck_gives_so_many_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 accounts of a row each; what ours gains on theirs has a known mean and spread: of one try two
    standard errors are asked, of 24 three."""
    rows = replace(drawn_rows(400, accounts=400), y=np.ones(400, dtype=np.bool_))
    base = np.full(400, 2.0)
    other = msgspec.structs.replace(SILENCES, leaves=2)

    def better(mean: float, tries: int) -> bool:
        gains = mean + np.tile([0.1, -0.1], 200)  # standard error: 0.1 / 20
        ours = -np.log(np.expm1(np.logaddexp(0, -base) + 0.2 - gains))
        theirs = -np.log(np.expm1(np.logaddexp(0, -base) + 0.2)) * np.ones(400)
        said = {SILENCES: theirs, other: ours}
        monkeypatch.setattr(tuning, "_margins", lambda rows, tests, recipe, seed: said[recipe])
        return tuning._is_better(rows, [], other, SILENCES, seed=1, tries=tries)

    assert [better(mean, 1) for mean in (-0.05, 0.0, 0.0095, 0.0105, 0.05)] == [False] * 3 + [True] * 2
    assert [better(mean, 24) for mean in (0.0105, 0.0145, 0.0165, 0.05)] == [False] * 2 + [True] * 2
    assert not tuning._is_better(rows, [], SILENCES, SILENCES, seed=1, tries=1)


def test_the_standard_error_is_over_accounts_not_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same gains, but each account's said ten times over: no more is known than by its first row."""
    rows = replace(drawn_rows(1000, accounts=100), y=np.ones(1000, dtype=np.bool_))
    other = msgspec.structs.replace(SILENCES, leaves=2)
    gains = 0.015 + 0.1 * np.where(np.arange(1000) % 100 % 2, 1.0, -1.0)  # 1.5 errors over accounts
    said = {SILENCES: np.full(1000, 2.0), other: -np.log(np.expm1(np.log1p(np.exp(-2.0)) + 0.2 - gains))}
    said[SILENCES] = -np.log(np.expm1(np.log1p(np.exp(-2.0)) + 0.2)) * np.ones(1000)
    monkeypatch.setattr(tuning, "_margins", lambda rows, tests, recipe, seed: said[recipe])

    assert not tuning._is_better(rows, [], other, SILENCES, seed=1, tries=1)
    alone = replace(rows, accounts=np.array([f"acct-{i}" for i in range(1000)]))
    assert tuning._is_better(alone, [], other, SILENCES, seed=1, tries=1)


def test_of_many_rows_whole_accounts_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "LARGE", 1000)
    many, few = drawn_rows(4000, accounts=400), drawn_rows(1000)

    drawn = tuning._drawn(many, seed=1)

    assert tuning._drawn(few, seed=1) is few
    assert len(drawn) == pytest.approx(1000, rel=0.15)
    for account in np.unique(drawn.accounts):
        assert (drawn.accounts == account).sum() == (many.accounts == account).sum()


def test_too_few_positives_are_refused_before_anything_is_searched() -> None:
    rows = replace(noise(), y=np.arange(900) < 9)

    with pytest.raises(CliError, match="happened in 9 of 900"):
        tuning.grown(rows, seed=1, tries=3)


def test_where_no_renewal_is_known_the_search_goes_without_a_gate() -> None:
    rows = with_column(planted(), RENEWAL, np.full(900, np.nan))

    assert tuning.grown(rows, seed=1, tries=2).booster.num_trees() >= MIN_ROUNDS
