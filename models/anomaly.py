"""What is usual, for the anomaly score: quantiles of the fit rows."""

import numpy as np
from stemtide.features.view import Floats
from stemtide.scoring.anomaly import SIGNALS, UsualRange, harmonic_means, quantiles_of, tails_of

from models.dataset import Dataset


def usual_range(fit: Dataset) -> UsualRange:
    """The usual range of rows; signals of which none is known are left out, and tell nothing later."""
    rows = signals_of(fit)
    quantiles = {signal.feature: quantiles_of(rows[:, place]) for place, signal in enumerate(SIGNALS)}
    alone = UsualRange(signals={name: found for name, found in quantiles.items() if found}, combined=())
    means = harmonic_means(tails_of(rows, alone)[0])
    return UsualRange(signals=alone.signals, combined=quantiles_of(means))


def signals_of(rows: Dataset) -> Floats:
    """[rows, SIGNALS]."""
    return np.ascontiguousarray(rows.x[:, [rows.names.index(signal.feature) for signal in SIGNALS]])
