"""The anomaly score: how far from an account's own past, by what is usual."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.features.registry import BY_NAME
from stemtide.scoring.anomaly import (
    LEVELS,
    SIGNALS,
    UNUSUAL,
    Anomaly,
    Direction,
    UsualRange,
    anomaly_of,
    harmonic_means,
    quantiles_of,
    score_of,
    shares_of,
    tails_of,
)

RNG = np.random.default_rng(3)
SYMMETRIC = np.concatenate([half := np.abs(RNG.standard_t(3, size=2000)), -half])
NAMES = [signal.feature for signal in SIGNALS]
VOLUMES = [signal.feature for signal in SIGNALS if signal.is_volume]


def usual_of(rows: np.ndarray) -> UsualRange:
    """The usual range of rows [rows, SIGNALS]."""
    signals = {name: quantiles_of(rows[:, place]) for place, name in enumerate(NAMES)}
    alone = UsualRange(signals={name: q for name, q in signals.items() if q}, combined=())
    return UsualRange(signals=alone.signals, combined=quantiles_of(harmonic_means(tails_of(rows, alone)[0])))


ROWS = np.column_stack([RNG.permutation(SYMMETRIC) for _ in SIGNALS])
USUAL = usual_of(ROWS)
values = st.one_of(st.just(math.nan), st.floats(-1e6, 1e6))
vectors = st.fixed_dictionaries(dict.fromkeys(NAMES, values))


def share(vector: dict[str, float]) -> float:
    found = anomaly_of(vector, USUAL)
    return 1.0 if found is None else found.share


@given(vectors)
def test_a_score_is_whole_and_its_reasons_are_known(vector: dict[str, float]) -> None:
    found = anomaly_of(vector, USUAL)

    if all(math.isnan(value) for value in vector.values()):
        assert found is None
        return
    assert found is not None
    assert type(found.score) is int
    assert 0 <= found.score <= 100
    assert 0 < found.share <= 1
    assert 1 <= len(found.reasons) <= 3
    assert all(reason.value == vector[reason.feature] for reason in found.reasons)
    weights = [reason.weight for reason in found.reasons]
    assert weights == sorted(weights, reverse=True)


@given(vectors, st.sampled_from(NAMES), st.floats(0, 1e6), st.floats(0, 1e6))
def test_further_out_is_never_less_unusual(vector: dict[str, float], name: str, a: float, b: float) -> None:
    near, far = sorted((a, b))

    assert share(vector | {name: far}) <= share(vector | {name: near}) + 1e-12
    if name in VOLUMES:
        assert share(vector | {name: -far}) <= share(vector | {name: -near}) + 1e-12


@given(st.fixed_dictionaries({name: st.floats(-1e4, 1e4) for name in VOLUMES}))
def test_below_is_as_unusual_as_above(vector: dict[str, float]) -> None:
    up, down = (anomaly_of({n: sign * v for n, v in vector.items()}, USUAL) for sign in (1, -1))

    assert up is not None
    assert down is not None
    assert up.share == pytest.approx(down.share, rel=1e-6)


@given(vectors)
def test_one_row_and_many_say_the_same(vector: dict[str, float]) -> None:
    row = np.array([[vector[name] for name in NAMES]])
    many = shares_of(np.vstack([row, ROWS[:3], row]), USUAL)

    assert many[0] == many[-1] or math.isnan(many[0])
    assert math.isnan(many[0]) or many[0] == share(vector)


def test_the_share_is_that_of_usual_rows() -> None:
    found = shares_of(ROWS, USUAL)

    for level in (0.01, 0.1, 0.25):
        assert np.mean(found <= level) == pytest.approx(level, rel=0.15)


def test_the_score_names_shares() -> None:
    assert [score_of(s) for s in (1.0, 0.25, 0.1, 0.01, 0.0001, 1e-9)] == [0, 50, 68, 90, 99, 99]
    assert score_of(0.01) == UNUSUAL


def scored(**vector: float) -> Anomaly:
    found = anomaly_of(vector, USUAL)
    assert found is not None
    return found


def test_the_direction_is_that_of_the_weightiest_deviations() -> None:
    assert scored(events_deviation=-30.0, users_deviation=0.1).direction is Direction.DROP
    assert scored(events_deviation=30.0, users_deviation=-0.1).direction is Direction.SURGE
    assert scored(events_deviation=0.1, event_mix_shift=50.0).direction is Direction.SHIFT
    assert (
        scored(events_deviation=-6.0, users_deviation=-6.0, api_against_usual=7.0).direction is Direction.DROP
    )


def test_a_reason_is_a_sentence() -> None:
    first = scored(events_deviation=-30.0, users_deviation=0.1).reasons[0]

    assert first.feature == "events_deviation"
    assert first.label == BY_NAME["events_deviation"].label
    assert (
        first.text
        == "events of the last 7 days below its own 11-week baseline, by 30 times its usual variation"
    )
    assert first.weight > 0.9


def test_a_mix_cannot_be_too_much_the_same() -> None:
    assert scored(event_mix_shift=-100.0).score == 0
    assert scored(event_mix_shift=100.0).score > UNUSUAL


def test_beyond_all_that_was_seen_it_goes_on() -> None:
    scores = [scored(events_deviation=-value).share for value in (50.0, 100.0, 200.0)]

    assert scores[0] > scores[1] > scores[2]
    assert scores[1] / scores[2] == pytest.approx(4, rel=0.1)


def test_what_was_never_usual_says_nothing() -> None:
    rows = ROWS.copy()
    rows[:, NAMES.index("api_against_usual")] = np.nan
    usual = usual_of(rows)

    assert "api_against_usual" not in usual.signals
    assert anomaly_of({"api_against_usual": 1e6}, usual) is None
    assert anomaly_of({}, usual) is None
    assert anomaly_of({"events_deviation": 0.0}, UsualRange(signals={}, combined=())) is None


def test_ties_are_not_unusual() -> None:
    """Most accounts have exactly as many logins as usual: none."""
    rows = ROWS.copy()
    rows[:, 3] = np.where(np.arange(len(rows)) % 10 > 0, 0.0, 1.0)
    usual = usual_of(rows)
    row = np.full((1, len(SIGNALS)), np.nan)
    row[0, 3] = 0.0

    assert tails_of(row, usual)[0][0, 3] == 1.0
    assert shares_of(row, usual)[0] > 0.5


def test_quantiles_are_at_the_levels_of_the_known() -> None:
    known = np.arange(10_001.0)
    with_gaps = np.concatenate([known, [np.nan, np.inf]])

    assert quantiles_of(with_gaps) == pytest.approx([10_000 * level for level in LEVELS])
    assert quantiles_of(np.array([np.nan])) == ()
