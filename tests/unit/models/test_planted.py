"""Anomalies planted into a history: what changes, and that they are found."""

import numpy as np
import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.config_schema import Company, Config
from stemtide.features.history import AccountHistory, Counter, Day, history_of
from stemtide.features.registry import NAMES
from stemtide.scoring.anomaly import SIGNALS, Direction, anomaly_of
from stemtide.users import NOBODY, union, user_hash

from models.anomaly import signals_of, usual_range
from models.dataset import Dataset
from models.histories import feature_matrix
from models.material import Material
from models.planted import Plant, planted, trial

CONFIG = Config(company=Company(name="made", time_zone="UTC", currency="USD"))
TYPES = ("create_report", "view", "share_link", "export_all")
LAST = 19_100


def used(name: str, seed: int) -> AccountHistory:
    """An account that is used alike every day of a quarter."""
    rng = np.random.default_rng(seed)
    somebody = union(NOBODY, [user_hash(f"{name}-{i}") for i in range(3)])
    days = [
        Day(day, dict(zip(TYPES, (rng.poisson((40, 25, 12, 6)) + 1).tolist(), strict=True)), somebody)
        for day in range(LAST - 100, LAST + 1)
    ]
    return history_of(name, days, events=CONFIG.events)


NAMED = {f"acct-{i:02}": used(f"acct-{i:02}", i) for i in range(30)}
MATERIAL = Material(
    config=CONFIG,
    fingerprint="made",
    histories=NAMED,
    facts={},
    terms={},
    enrolments={},
    courses={},
    clocks={},
    first_day=LAST - 100,
    last_day=LAST,
    last_term_start=None,
)


def rows_of(days: range, histories: dict[str, AccountHistory] = NAMED) -> Dataset:
    pairs = [(name, day) for day in days for name in histories]
    asked = [(name, end_of_day_ms(day)) for name, day in pairs]
    return Dataset(
        accounts=np.array([name for name, _ in pairs]),
        day=np.array([day for _, day in pairs], dtype=np.int64),
        x=feature_matrix(histories, MATERIAL.standing_at, asked),
        y=np.zeros(len(pairs), dtype=np.bool_),
        horizon_days=30,
    )


@pytest.fixture(scope="module")
def fit() -> Dataset:
    return rows_of(range(LAST - 50, LAST - 10, 4))


def test_a_planted_drop_and_surge_change_the_last_week_only() -> None:
    history, rng = NAMED["acct-00"], np.random.default_rng(1)

    for plant, factor in ((Plant.DROP, 0.3), (Plant.SURGE, 3.0)):
        changed = planted(history, LAST - 2, plant, rng)
        week = slice(-9, -2)
        ratio = changed.counters[week, Counter.EVENTS].sum() / history.counters[week, Counter.EVENTS].sum()
        assert ratio == pytest.approx(factor, rel=0.05)
        unchanged = np.r_[0 : len(history.days) - 9, len(history.days) - 2 : len(history.days)]
        np.testing.assert_array_equal(changed.counters[unchanged], history.counters[unchanged])
        assert changed.users is history.users


def test_a_day_of_which_some_system_told_and_which_saw_no_use_stays_as_it_was() -> None:
    somebody = union(NOBODY, [user_hash("crm")])
    told = [Day(day, {"group": 1}, somebody) for day in range(LAST - 40, LAST - 20)]
    used_since = [Day(day, {"view": 40}, somebody) for day in range(LAST - 20, LAST + 1)]
    history = history_of("acme", told + used_since, events=CONFIG.events)

    changed = planted(history, LAST, Plant.DROP, np.random.default_rng(1))

    np.testing.assert_array_equal(changed.counters[:-7], history.counters[:-7])


def test_a_planted_shift_has_as_many_events_of_other_types() -> None:
    history = NAMED["acct-00"]
    changed = planted(history, LAST, Plant.SHIFT, np.random.default_rng(1))

    np.testing.assert_array_equal(changed.counters, history.counters)
    month, before = changed.counts.by_event(30, LAST), history.counts.by_event(30, LAST)
    assert sorted(month.values()) == sorted(before.values())
    assert month != before
    assert changed.counts.by_event(60, LAST - 30) == history.counts.by_event(60, LAST - 30)


@pytest.mark.parametrize(
    ("plant", "direction"),
    [(Plant.DROP, Direction.DROP), (Plant.SURGE, Direction.SURGE), (Plant.SHIFT, Direction.SHIFT)],
)
def test_what_was_planted_is_named(fit: Dataset, plant: Plant, direction: Direction) -> None:
    changed = {"acct-00": planted(NAMED["acct-00"], LAST, plant, np.random.default_rng(1))}
    row = rows_of(range(LAST, LAST + 1), changed).x[0]

    found = anomaly_of(dict(zip(NAMES, row.tolist(), strict=True)), usual_range(fit))

    assert found is not None
    assert found.is_unusual
    assert found.direction is direction
    assert found.reasons[0].text


def test_the_planted_are_ranked_above_the_usual(fit: Dataset) -> None:
    test = rows_of(range(LAST - 6, LAST + 1, 6))

    found = trial(MATERIAL, fit, test, CONFIG, seed=1)

    assert {plant: one.rows for plant, one in found.items()} == dict.fromkeys(Plant, 60)
    assert all(one.auc > 0.95 for one in found.values())
    assert all(one.flagged > 0.8 for one in found.values())
    assert all(one.flagged_unplanted < 0.1 for one in found.values())


def test_signals_are_the_features_they_are_named_by(fit: Dataset) -> None:
    for place, signal in enumerate(SIGNALS):
        np.testing.assert_array_equal(signals_of(fit)[:, place], fit.x[:, NAMES.index(signal.feature)])
