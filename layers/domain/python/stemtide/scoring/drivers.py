"""The three features that moved a score most, in words."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from stemtide.features.registry import FEATURES
from stemtide.scoring.assessment import Driver

Floats = npt.NDArray[np.float64]
Baselines = Sequence[float | None]

COUNT: Final = 3
ALL: Final = tuple(range(len(FEATURES)))


def drivers(
    values: Floats, contributions: Floats, baselines: Baselines, *, among: Sequence[int] = ALL
) -> tuple[Driver, ...]:
    """Three drivers by falling absolute contribution, ties by the feature's name.

    Args:
        values: the account's vector [F] in the registry's order; NaN is unknown.
        contributions: to the margin [F].
        baselines: the features' typical values, None where unknown.
        among: the columns that may be named.
    """
    sizes = np.abs(contributions).tolist()
    order = sorted(among, key=lambda i: (-sizes[i], FEATURES[i].name))
    return tuple(_driver(i, values, contributions, baselines) for i in order[:COUNT])


def _driver(i: int, values: Floats, contributions: Floats, baselines: Baselines) -> Driver:
    feature = FEATURES[i]
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
