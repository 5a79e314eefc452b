"""The three features that moved a score most, in words."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from stemtide.scoring.assessment import Driver

if TYPE_CHECKING:
    from stemtide.features.feature import Feature

Floats = npt.NDArray[np.float64]
Baselines = Sequence[float | None]

COUNT: Final = 3


def drivers(
    features: Sequence["Feature"],
    values: Floats,
    contributions: Floats,
    baselines: Baselines,
    *,
    among: Sequence[int] | None = None,
) -> tuple[Driver, ...]:
    """Three drivers by falling absolute contribution, ties by the feature's name.

    Args:
        features: what the vector holds.
        values: the account's vector [F] in their order; NaN is unknown.
        contributions: to the margin [F].
        baselines: the features' typical values, None where unknown.
        among: the columns that may be named; None: all.
    """
    sizes = np.abs(contributions)
    if among is None:  # sorting all by size and name takes three times as long as the rest
        least = np.partition(sizes, -COUNT)[-COUNT]
        among = np.flatnonzero(sizes >= least).tolist()
    order = sorted(among, key=lambda i: (-sizes[i], features[i].name))
    return tuple(_driver(features[i], i, values, contributions, baselines) for i in order[:COUNT])


def _driver(
    feature: "Feature", i: int, values: Floats, contributions: Floats, baselines: Baselines
) -> Driver:
    value = float(values[i]) if math.isfinite(values[i]) else None
    return Driver(
        feature=feature.name,
        label=feature.label,
        value=value,
        unit=feature.unit,
        baseline=baselines[i],
        contribution=float(contributions[i]),
        text=feature.sentence(value, baselines[i]),
    )
