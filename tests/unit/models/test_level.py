"""The level of log odds by now: exact against textbook filters, by simulation where it is averaged."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import multivariate_normal

from models import level
from models.level import STEADY, Level, Stretch, level_of, stretches_of


def filtered(seen: list[Stretch], walk: float, season: float, ahead: float) -> tuple[float, float, float]:
    """(log likelihood, mean, variance of a later stretch) by the Kalman filter, step by step."""
    mean, variance, log = 0.0, level.FAR**2, 0.0
    for before, now in zip([seen[0], *seen], seen, strict=False):
        variance += walk * (now.day - before.day)
        total = variance + season + now.variance
        log += multivariate_normal.logpdf(now.shift, mean, total)
        gain = variance / total
        mean, variance = mean + gain * (now.shift - mean), variance * (1 - gain)
    return log, mean, variance + walk * ahead + season


DRAWN = [
    Stretch(day=100.0, shift=0.3, variance=0.05),
    Stretch(day=131.5, shift=-0.2, variance=0.02),
    Stretch(day=190.0, shift=0.6, variance=0.09),
    Stretch(day=224.0, shift=0.8, variance=0.04),
]


@pytest.mark.parametrize("walk", [0.0, 0.002])
@pytest.mark.parametrize("season", [0.0, 0.1])
@pytest.mark.parametrize("far", [1.0, 0.6])
def test_a_known_walk_is_foretold_as_the_filter_does(
    monkeypatch: pytest.MonkeyPatch, walk: float, season: float, far: float
) -> None:
    monkeypatch.setattr(level, "FAR", far)
    monkeypatch.setattr(level, "WALKS", (walk,))
    monkeypatch.setattr(level, "SEASONS", (season,))
    monkeypatch.setattr(level, "_beforehand", lambda value, among: 0.0)

    found = level_of(DRAWN, ahead_days=50)

    _, mean, variance = filtered(DRAWN, walk, season, 50)
    assert found.shift == pytest.approx(mean)
    assert found.deviation == pytest.approx(np.sqrt(variance))


def test_what_is_not_known_is_weighed_by_how_well_it_explains_what_was_seen() -> None:
    all_of = [
        (filtered(DRAWN, walk, season, 60), (walk == 0) / 2 or 0.5 / 16, (season == 0) / 2 or 0.5 / 14)
        for walk in level.WALKS
        for season in level.SEASONS
    ]
    weight = np.array([np.exp(log) * by_walk * by_season for (log, *_), by_walk, by_season in all_of])
    weight /= weight.sum()
    means, variances = np.array([(mean, variance) for (_, mean, variance), *_ in all_of]).T

    found = level_of(DRAWN)

    assert found.shift == pytest.approx(weight @ means)
    assert found.deviation**2 == pytest.approx(weight @ (variances + means**2) - (weight @ means) ** 2)


def test_of_a_level_little_is_known_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """In log odds: it lies 1 away, walks 0.06 to 2.7 in a year, and a stretch strays 0.05 to 1.4 from it."""
    in_a_year, strayed = np.sqrt(np.array(level.WALKS) * 365), np.sqrt(level.SEASONS)
    assert in_a_year[[0, 1, -1]] == pytest.approx([0, 0.0604, 2.70], rel=0.01)
    assert strayed[[0, 1, -1]] == pytest.approx([0, 0.0548, 1.41], rel=0.01)

    monkeypatch.setattr(level, "WALKS", (0.0,))
    monkeypatch.setattr(level, "SEASONS", (0.0,))
    assert level_of([one._replace(variance=1e9) for one in DRAWN]).deviation == pytest.approx(1)


def test_two_stretches_tell_nothing() -> None:
    assert level_of(DRAWN[:2]) == STEADY == Level(shift=0.0, deviation=0.0)
    assert level_of(DRAWN[:3]) != STEADY
    assert STEADY.reach(0.9) == 0


def test_what_moved_for_good_is_the_level_and_what_strayed_once_is_not() -> None:
    def seen(*shifts: float) -> list[Stretch]:
        return [Stretch(day=30.0 * i, shift=shift, variance=0.01) for i, shift in enumerate(shifts)]

    steady = level_of(seen(*[0.02, -0.02] * 6))
    stepped = level_of(seen(*[0.0] * 6, *[-1.0] * 6))
    strayed = level_of(seen(*[0.0] * 6, -1.0, *[0.0] * 5))

    assert abs(steady.shift) < 0.03
    assert stepped.shift == pytest.approx(-1, abs=0.1)
    assert abs(strayed.shift) < 0.1
    assert steady.deviation < 0.1 < strayed.deviation
    assert level_of(seen(*[0.0] * 6, *[-1.0] * 6), ahead_days=400).deviation > stepped.deviation


def test_the_reach_is_that_of_a_normal_level() -> None:
    assert Level(shift=-0.3, deviation=0.2).reach(0.9) == pytest.approx(0.2 * 1.6449, rel=1e-4)
    assert Level(shift=-0.3, deviation=0.2).reach(0.8) == pytest.approx(0.2 * 1.2816, rel=1e-4)


def rows(
    expected: list[float], observed: list[int], *, days: int = 10, size: int = 400
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(y, probability, day): of each day so many rows with so many expected and observed positives."""
    y = np.concatenate([np.arange(size) < positives for positives in observed])
    p = np.repeat(np.array(expected) / size, size)
    return y, p, np.repeat(np.arange(len(expected)) * days + 1_000, size)


def test_a_stretch_is_of_a_horizon_and_of_enough_positives() -> None:
    y, p, day = rows([10] * 7, [12, 8, 10, 20, 20, 20, 0])

    found = stretches_of(y, p, day, horizon_days=30, effect=1.5)

    variance = 400 * 0.025 * 0.975
    assert [one.day for one in found] == pytest.approx([1010, 1040, 1060])
    rates = [(n / 1.5 + 0.5) / (size / 1.5 + 1) for n, size in ((30, 1200), (60, 1200), (0, 400))]
    assert [one.shift for one in found] == pytest.approx([logit(rate) - logit(0.025) for rate in rates])
    assert [one.variance for one in found] == pytest.approx([1.5 / (n * variance) for n in (3, 3, 1)])
    short = stretches_of(y, p, day, horizon_days=10, effect=1.0)
    assert [one.day for one in short] == pytest.approx([1000 + 10 * i for i in range(7)])
    few = stretches_of(*rows([2] * 7, [2] * 7), horizon_days=10, effect=1.0)
    assert [one.day for one in few] == pytest.approx([1010, 1045]), "three days make 5, and one is left over"


def test_a_stretch_tells_enough_with_a_variance_of_five() -> None:
    """20 rows of one half have it, 19 have a quarter less."""

    def middles(size: int, days: int) -> list[float]:
        drawn = rows([size / 2] * days, [size // 2] * days, size=size)
        return [one.day for one in stretches_of(*drawn, horizon_days=10, effect=1.0)]

    assert middles(20, 3) == [1000, 1010, 1020]
    assert middles(19, 3) == [1010], "the third is left over"
    assert middles(19, 4) == [1005, 1025]
    assert middles(19, 1) == [1000], "all that there is, however little it tells"


def test_a_row_counts_what_it_weighs() -> None:
    y, p, day = rows([40] * 6, [20, 60, 50, 40, 40, 80])
    twice = [np.repeat(each, 2) for each in (y, p, day)]

    halved = stretches_of(*twice, horizon_days=20, effect=1.0, counts=np.full(len(twice[0]), 0.5))

    whole = stretches_of(y, p, day, horizon_days=20, effect=1.0)
    assert len(whole) == 3
    assert np.array(halved) == pytest.approx(np.array(whole))


def test_the_latest_level_is_nearer_to_what_comes_than_the_mean_of_all_times() -> None:
    """Rates that walk: what is foretold of a later one against what no level says, which is 0."""
    rng = np.random.default_rng(3)
    ours = means = 0.0
    held = []
    for _ in range(60):
        moved = np.cumsum(rng.normal(0, 0.25, 14))
        moved -= moved[:12].mean()
        p = expit(logit(0.05) + 0.4 * rng.normal(size=(14, 1000)))
        y = rng.random((14, 1000)) < expit(logit(p) + moved[:, None])
        day = np.repeat(np.arange(12) * 30, 1000)
        found = level_of(
            stretches_of(y[:12].ravel(), p[:12].ravel(), day, horizon_days=30, effect=1.0), ahead_days=60
        )
        ours += (found.shift - moved[13]) ** 2
        means += moved[13] ** 2
        held.append(abs(moved[13] - found.shift) <= found.reach(0.9))

    assert ours < 0.5 * means
    assert 0.8 <= np.mean(held) <= 1


@pytest.mark.parametrize("moved", [-2.0, -0.7, 0.0, 0.7, 2.0])
def test_a_stretchs_shift_is_that_of_its_log_odds_however_far(moved: float) -> None:
    p = np.repeat(np.linspace(0.01, 0.2, 40), 500)
    y = np.concatenate([np.arange(500) < round(500 * expit(logit(one) + moved)) for one in p[::500]])

    [found] = stretches_of(y, p, np.full(len(p), 1_000), horizon_days=30, effect=1.0)

    assert found.shift == pytest.approx(moved, abs=0.03)


def test_where_every_probability_is_0_or_1_there_is_no_stretch() -> None:
    y, _, day = rows([40] * 3, [1, 2, 3])

    assert stretches_of(y, y.astype(np.float64), day, horizon_days=10, effect=1.0) == []


def test_the_latest_stretches_are_enough() -> None:
    many = [Stretch(day=30.0 * i, shift=(-1.0) ** i / 9, variance=0.01) for i in range(200)]

    assert level_of(many) == level_of(many[-60:])


def test_days_of_one_time_are_one_stretch() -> None:
    y, p, day = rows([40] * 4, [40] * 4)

    assert len(stretches_of(y, p, day * 0, horizon_days=10, effect=1.0)) == 1
    for earlier, later in pairwise(stretches_of(y, p, day, horizon_days=10, effect=1.0)):
        assert earlier.day < later.day
