"""Calibration against scikit-learn, bins by hand, intervals that hold on later time."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from stemtide.scoring.manifest import Calibration

from models import calibrate
from models.calibrate import clopper_pearson, interval
from models.level import STEADY, Level, level_of, stretches_of
from models.spread import design_effect


def test_the_calibration_is_the_logistic_regression_on_platts_targets() -> None:
    rng = np.random.default_rng(3)
    margins = rng.normal(size=400) * 2
    y = rng.random(400) < expit(0.6 * margins - 1.5)
    high, low = (y.sum() + 1) / (y.sum() + 2), 1 / (400 - y.sum() + 2)
    goal = np.where(y, high, low)

    found = calibrate.platt(margins, y)

    theirs = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000).fit(
        np.tile(margins, 2)[:, None],
        np.repeat([1, 0], 400),
        sample_weight=np.concatenate([goal, 1 - goal]),
    )
    assert found.slope == pytest.approx(theirs.coef_[0, 0], rel=1e-3)
    assert found.intercept == pytest.approx(theirs.intercept_[0], rel=1e-3)
    assert calibrate.probabilities(margins, found) == pytest.approx(
        1 / (1 + np.exp(-(found.slope * margins + found.intercept)))
    )


def test_even_a_perfect_ranking_is_no_certainty() -> None:
    """Platt's smoothed targets: of five and five that are told apart, 6 in 7 and 1 in 7."""
    margins = np.repeat([-5.0, 5.0], 5)

    found = calibrate.platt(margins, margins > 0)

    assert calibrate.probabilities(np.array([-5.0, 5.0]), found) == pytest.approx([1 / 7, 6 / 7], abs=1e-4)


def test_a_model_that_ranks_the_wrong_way_round_is_flattened_not_turned() -> None:
    rng = np.random.default_rng(1)
    y = rng.random(400) < 0.2

    found = calibrate.platt(np.where(y, -1.0, 1.0) + rng.normal(size=400), y)

    assert found.slope == pytest.approx(calibrate.MIN_SLOPE)
    assert calibrate.probabilities(np.zeros(1), found)[0] == pytest.approx(y.mean(), abs=0.02)


@pytest.mark.parametrize(("slope", "expected"), [(0.009, True), (0.01, True), (0.011, False), (1.0, False)])
def test_a_calibration_is_flattened_where_its_slope_lies_at_the_bound(slope: float, expected: bool) -> None:
    assert calibrate.is_flattened(Calibration(slope=slope, intercept=0.0)) is expected


def each_its_own(rows: int) -> np.ndarray:
    """Accounts of a row each."""
    return np.array([f"acct-{i}" for i in range(rows)])


def test_bins_rise_hold_all_rows_and_have_enough_positives() -> None:
    rng = np.random.default_rng(2)
    probability = np.round(rng.beta(1, 12, size=4000), 3)
    y = rng.random(4000) < probability

    bins = calibrate.bins(probability, y, each_its_own(4000))

    assert 2 <= len(bins) <= calibrate.MAX_BINS
    assert [b.upper for b in bins] == sorted({b.upper for b in bins})
    assert bins[-1].upper == 1.0
    assert sum(b.rows for b in bins) == 4000
    assert sum(b.positives for b in bins) == y.sum()
    assert min(b.positives for b in bins) >= calibrate.MIN_POSITIVES
    assert bins[-1].rows < bins[0].rows, "the few at the top are told apart"
    assert all(b.low <= b.positives / b.rows <= b.high for b in bins)
    first = probability < bins[0].upper
    assert (bins[0].rows, bins[0].positives) == (first.sum(), y[first].sum())


def test_rows_of_one_probability_share_one_bin() -> None:
    y = np.arange(500) % 10 == 0

    [only] = calibrate.bins(np.full(500, 0.1), y, each_its_own(500))

    assert (only.rows, only.positives, only.upper) == (500, 50, 1.0)


@pytest.mark.parametrize(("positives", "rows"), [(0, 40), (3, 40), (40, 40), (17, 1000)])
def test_clopper_pearson_leaves_five_per_cent_on_either_side(positives: int, rows: int) -> None:
    low, high = calibrate.clopper_pearson(positives, rows)

    if positives:
        assert binom.sf(positives - 1, rows, low) == pytest.approx(0.05)
    if positives < rows:
        assert binom.cdf(positives, rows, high) == pytest.approx(0.05)
    assert 0 <= low <= positives / rows <= high <= 1


def made_bins(positives: list[int]) -> tuple[calibrate.Bin, ...]:
    """Bins of 100 rows of 10 %, 45 of 20 % and 30 of 40 %, of which so many happened, in no order."""
    p = np.repeat([0.1, 0.2, 0.4], [100, 45, 30])
    y = np.concatenate([np.arange(rows) < n for rows, n in zip((100, 45, 30), positives, strict=True)])
    order = np.random.default_rng(1).permutation(175)
    accounts = np.array([f"acct-{i}" for i in range(175)])
    return calibrate.bins(p[order], y[order], accounts)


def shapes(found: tuple[calibrate.Bin, ...]) -> list[tuple[float, int, int]]:
    return [(one.upper, one.rows, one.positives) for one in found]


TENTH, FIFTH = 1 / 7, 0.28989794855663564
"""Half way in log odds from 10 % to 20 % (odds of 1/9 and 1/4: 1/6), and from there to 40 %."""


def test_bins_expect_equally_many_positives() -> None:
    found = made_bins([8, 8, 8])

    assert shapes(found) == [(TENTH, 100, 8), (FIFTH, 45, 8), (1.0, 30, 8)]
    assert [(one.low, one.high) for one in found] == [clopper_pearson(8, rows) for rows in (100, 45, 30)]


def test_a_bin_with_too_few_positives_is_one_with_the_next() -> None:
    assert shapes(made_bins([7, 17, 8])) == [(FIFTH, 145, 24), (1.0, 30, 8)]
    assert shapes(made_bins([8, 7, 9])) == [(TENTH, 100, 8), (1.0, 75, 16)]
    assert shapes(made_bins([8, 9, 7])) == [(TENTH, 100, 8), (1.0, 75, 16)]
    assert shapes(made_bins([4, 20, 6])) == [(1.0, 175, 30)]
    assert shapes(made_bins([3, 3, 3])) == [(1.0, 175, 9)]
    assert shapes(made_bins([0, 0, 0])) == [(1.0, 175, 0)]


def test_there_is_a_bin_for_every_eight_positives() -> None:
    """A thousand rows, of which one happens for each 35th of what is expected: four bins of a quarter."""
    p = np.linspace(0.02, 0.05, 1000)
    accounts = np.array([f"acct-{i}" for i in range(1000)])
    share = np.cumsum(p) / p.sum()
    quarters = share.searchsorted([0.25, 0.5, 0.75])
    y = np.diff(np.floor(35.5 * share), prepend=0.0) > 0

    found = calibrate.bins(p, y, accounts)

    assert np.cumsum([one.rows for one in found])[:-1].tolist() == quarters.tolist()
    ends = [calibrate.half_way(p[start - 1], p[start]) for start in quarters.tolist()]
    assert [one.upper for one in found] == [*ends, 1.0]


def test_there_are_ten_bins_at_most() -> None:
    p = np.linspace(0.4, 0.6, 2000)
    accounts = np.array([f"acct-{i}" for i in range(2000)])

    found = calibrate.bins(p, np.arange(2000) % 2 == 0, accounts)

    assert len(found) == calibrate.MAX_BINS == 10
    expected = np.cumsum(p)
    starts = np.cumsum([0, *(one.rows for one in found)])[:-1]
    shares = [expected[start - 1] / expected[-1] for start in starts[1:]]
    assert shares == pytest.approx(np.arange(1, 10) / 10, abs=1e-3)


def test_bins_know_the_design_effect_and_the_level_of_their_rows() -> None:
    rng = np.random.default_rng(4)
    day = np.repeat(np.arange(10), 300)
    accounts = np.array([f"acct-{i % 300}" for i in range(3000)])
    p = np.round(np.tile(rng.beta(1, 9, 300), 10), 3)
    luck = np.repeat(rng.random(300)[None], 10, axis=0).ravel()
    y = luck < expit(logit(np.clip(p, 0.001, 0.9)) + 0.9 * rng.normal(size=10)[day])
    order = np.argsort(p, kind="stable")

    moved = calibrate.moved_by_now(p, y, accounts, day, horizon_days=1)
    found = calibrate.bins(p, y, accounts, moved=moved)

    still = calibrate.bins(p, y, accounts)
    place = np.searchsorted([one.upper for one in still][:-1], p[order], side="right")
    effect = design_effect(y[order], place, accounts[order])
    assert effect > 1
    seen = stretches_of(y, p, day, horizon_days=1, effect=effect)
    assert moved == level_of(seen, ahead_days=9 + 1 + 60 - seen[-1].day), "60 days after the last outcome"
    assert moved.deviation > 0.2
    assert [(one.low, one.high) for one in found] == [
        interval(one.positives, one.rows, effect=effect, moved=moved) for one in found
    ]
    assert [(one.rows, one.positives) for one in found] == [(one.rows, one.positives) for one in still]
    assert [logit(one.upper) for one in found[:-1]] == pytest.approx(
        [logit(one.upper) + moved.shift for one in still[:-1]]
    )
    assert found[-1].upper == 1


def test_a_row_is_in_the_same_bin_before_and_after_the_level_has_moved() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(1, 9, 3000)
    y, moved = rng.random(3000) < p, Level(shift=-0.7, deviation=0.1)
    line = calibrate.platt(logit(p), y)
    now = calibrate.moved_calibration(line, moved)

    still, found = (calibrate.bins(p, y, np.arange(3000).astype(str), moved=one) for one in (STEADY, moved))

    inside = [
        np.searchsorted([one.upper for one in bins][:-1], own, side="right")
        for bins, own in ((still, p), (found, expit(logit(p) + moved.shift)))
    ]
    np.testing.assert_array_equal(*inside)
    assert (now.slope, now.intercept) == (line.slope, line.intercept - 0.7)


def moving(deviation: float) -> Level:
    return Level(shift=0.0, deviation=deviation)


CASES = [(1, 40), (3, 40), (17, 1000), (39, 40), (20, 40)]


@pytest.mark.parametrize(("positives", "rows"), [*CASES, (0, 40), (40, 40)])
def test_an_interval_holds_the_rate_and_grows_with_effect_and_uncertainty(positives: int, rows: int) -> None:
    assert interval(positives, rows) == clopper_pearson(positives, rows)
    before: dict[float, tuple[float, float]] = {}
    for effect in (1.0, 1.5, 4.0, 11.0):
        low, high = clopper_pearson(positives / effect, rows / effect)
        for moved in (0.0, 0.1, 0.5, 2.0):
            found = interval(positives, rows, effect=effect, moved=moving(moved))
            assert 0 <= found[0] <= low + 1e-12
            assert high - 1e-12 <= found[1] <= 1
            assert low <= positives / rows <= high
            narrower = before.get(moved, found)
            assert found[0] <= narrower[0] + 1e-12
            assert found[1] >= narrower[1] - 1e-12
            low, high = found
            before[moved] = found


@pytest.mark.parametrize(("positives", "rows"), CASES)
@pytest.mark.parametrize("level", [0.8, 0.9])
def test_uncertainty_adds_in_squares_to_the_log_odds(positives: int, rows: int, level: float) -> None:
    effect, moved = 1.7, Level(shift=0.3, deviation=0.4)
    middle = logit((positives / effect + 0.5) / (rows / effect + 1))
    plain = logit(clopper_pearson(positives / effect, rows / effect, level))

    found = logit(interval(positives, rows, effect=effect, moved=moved, level=level))

    assert np.square(found - middle - moved.shift) == pytest.approx(
        np.square(plain - middle) + moved.reach(level) ** 2, rel=1e-8
    )


def test_where_none_or_all_happened_the_end_stays() -> None:
    low, high = interval(0, 40, moved=moving(0.5))
    assert (low, interval(40, 40, moved=moving(0.5))[1]) == (0.0, 1.0)
    assert high > clopper_pearson(0, 40)[1]
    assert interval(40, 40, moved=moving(0.5))[0] == pytest.approx(1 - high)


def test_numbers_of_independent_rows_need_not_be_whole() -> None:
    between = clopper_pearson(2.5, 21.0)

    assert clopper_pearson(2, 21)[0] < between[0] < clopper_pearson(3, 21)[0]
    assert clopper_pearson(2, 21)[1] < between[1] < clopper_pearson(3, 21)[1]
    assert clopper_pearson(0, 21)[0] == 0
    assert clopper_pearson(21, 21)[1] == 1


@pytest.mark.parametrize("highest", [0.3, 0.6])
def test_nine_in_ten_intervals_hold_the_rate_of_a_later_time(highest: float) -> None:
    """Accounts of four rows of which each tells the same again as likely as not, in periods that move:
    hardly, somewhat or much. How much is not known; with nothing moving nearly all hold, with much fewer."""
    rng = np.random.default_rng(11)
    accounts = np.array([f"acct-{i // 4}" for i in range(2400)])
    day = np.repeat(np.arange(8), 300)
    held = []
    for tau in (0.0, 0.2, 0.4, 0.7) * 60:
        rate = expit(logit(rng.uniform(0.05, highest)) + tau * rng.normal(size=9))
        drawn = np.repeat(rng.random(600), 4)
        y = np.where(rng.random(2400) < 0.7, drawn, rng.random(2400)) < rate[day]
        place = np.zeros(2400, dtype=np.int64)
        effect = design_effect(y, place, accounts)
        seen = stretches_of(y, np.full(2400, y.mean()), day, horizon_days=1, effect=effect)
        low, high = interval(int(y.sum()), 2400, effect=effect, moved=level_of(seen, ahead_days=1))
        held.append(low <= rate[8] <= high)

    assert 0.84 <= np.mean(held) <= 0.97


@pytest.mark.parametrize(("weight", "rows"), [(1.0, [100, 100]), (0.6, [60, 60]), (0.5, [100])])
def test_positives_that_count_in_part_are_that_much_of_the_eight_that_a_bin_needs(
    weight: float, rows: list[int]
) -> None:
    p, y = np.repeat([0.2, 0.25], 100), np.tile(np.arange(100) < 15, 2)

    found = calibrate.bins(p, y, each_its_own(200), weight=np.full(200, weight))

    assert [one.rows for one in found] == rows


def test_two_half_rows_make_the_bins_of_one_row() -> None:
    rng = np.random.default_rng(7)
    p = np.round(rng.beta(1, 9, 3000), 3)
    y = rng.random(3000) < p
    accounts, day = np.array([f"acct-{i % 400}" for i in range(3000)]), np.arange(3000) // 300
    halves = [np.tile(each, 2) for each in (p, y, accounts, day)]
    half = np.full(6000, 0.5)

    moved = calibrate.moved_by_now(p, y, accounts, day, horizon_days=2)
    of_halves = calibrate.moved_by_now(*halves, horizon_days=2, weight=half)
    whole = calibrate.bins(p, y, accounts, moved=moved)
    found = calibrate.bins(*halves[:3], moved=moved, weight=half)

    assert moved.deviation > 0
    assert (of_halves.shift, of_halves.deviation) == pytest.approx((moved.shift, moved.deviation))

    assert [(one.upper, one.rows, one.positives) for one in found] == [
        (one.upper, one.rows, one.positives) for one in whole
    ]
    for one, other in zip(found, whole, strict=True):
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-9)


def test_rows_that_hardly_count_leave_the_bins_alone() -> None:
    rng = np.random.default_rng(8)
    p = np.round(rng.beta(1, 9, 3000), 3)
    y = rng.random(3000) < p
    treated = np.arange(3000) % 3 == 0
    rows = [p, y | treated, each_its_own(3000)]

    without = calibrate.bins(*(each[~treated] for each in rows))
    found = calibrate.bins(*rows, weight=np.where(treated, 1e-9, 1.0))

    assert [(one.rows, one.positives) for one in found] == [(one.rows, one.positives) for one in without]
    for one, other in zip(found, without, strict=True):
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-5)
