"""Made-up rows of accounts over time, in which what decides is known."""

from dataclasses import replace

import numpy as np
from scipy.special import expit
from stemtide.features.configured_features import NO_SHAPE, Shape
from stemtide.features.registry import registry

from models.dataset import Dataset


def drawn_rows(
    rows: int = 600,
    *,
    weights: dict[str, float] | None = None,
    base: float = -1.5,
    accounts: int = 120,
    first_day: int = 19_000,
    missing: float = 0.1,
    shape: Shape = NO_SHAPE,
    seed: int = 3,
) -> Dataset:
    """Rows of standard normal features, of which the weighted ones make the target likelier.

    A tenth of all values is unknown, and all of what support and NPS would tell.
    """
    names = registry(shape).names
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(rows, len(names))), 3)
    margin = np.full(rows, base)
    for name, weight in (weights or {}).items():
        margin += weight * x[:, names.index(name)]
    x[rng.random(x.shape) < missing] = np.nan
    for name in ("support_tickets_30d", "urgent_tickets_30d", "avg_csat", "ticket_sentiment_30d"):
        x[:, names.index(name)] = np.nan
    for name in ("ticket_sentiment_trend", "nps_score"):
        x[:, names.index(name)] = np.nan
    return Dataset(
        accounts=np.array([f"acct-{i % accounts:03}" for i in range(rows)]),
        day=np.arange(rows, dtype=np.int64) // accounts * 10 + first_day,
        x=x,
        y=rng.random(rows) < expit(margin),
        horizon_days=30,
        shape=shape,
    )


def with_column(rows: Dataset, name: str, values: np.ndarray) -> Dataset:
    """The rows with another column."""
    x = rows.x.copy()
    x[:, rows.names.index(name)] = values
    return replace(rows, x=x)


def renewing_rows(
    rows: int = 1200,
    *,
    within: float = 0.3,
    rate: float = 0.25,
    outside: float = 0.002,
    unknown: float = 0.05,
    weights: dict[str, float] | None = None,
    seed: int = 3,
) -> Dataset:
    """Rows of which a share has a renewal within the horizon of 30 days: hardly any of the others leaves.

    Args:
        unknown: the share of rows in which it is not known when; they leave as those within do.
        weights: what besides makes those within leave.
    """
    made = drawn_rows(rows, weights=weights, base=float(np.log(rate / (1 - rate))), seed=seed)
    rng = np.random.default_rng(seed + 1000)
    is_within = rng.random(rows) < within
    days = np.where(is_within, rng.integers(0, 31, rows), rng.integers(31, 366, rows)).astype(np.float64)
    days[rng.random(rows) < unknown] = np.nan
    leaves = np.where(is_within | np.isnan(days), made.y, rng.random(rows) < outside)
    return replace(with_column(made, "days_to_renewal", days), y=leaves.astype(np.bool_))
