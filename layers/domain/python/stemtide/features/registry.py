"""The features, each declared once: name, unit, windows, words and formula.

Serving, training, explanations and docs/features.md all read this list; its order is the vector's.
"""

import hashlib
from functools import lru_cache
from typing import Final

from stemtide.features import formulas as f
from stemtide.features.customer_features import CUSTOMER
from stemtide.features.feature import Feature
from stemtide.features.usage_features import HISTORY, USAGE
from stemtide.features.view import DAYS, DISTINCT, HALF_LIVES, SUMS, WEIGHT_UNIT

__all__ = ["BY_NAME", "DAYS", "FEATURES", "NAMES", "Feature", "registry_hash"]

LAYOUT: Final = 1
"""Version of what the formulas are given: days, classification of events, distinct counts, profile."""


FEATURES: Final = (*USAGE, *CUSTOMER, HISTORY)
NAMES: Final = tuple(feature.name for feature in FEATURES)
BY_NAME: Final = {feature.name: feature for feature in FEATURES}


@lru_cache(maxsize=1)
def registry_hash() -> str:
    """Changes with whatever changes a vector: a model with another hash must not be served."""
    frame = [str(part) for part in (LAYOUT, DAYS, SUMS, DISTINCT, HALF_LIVES, WEIGHT_UNIT, f.TREND_DAYS)]
    lines = [f"{e.name} {e.version} {e.unit} {e.dtype} {e.source} {e.windows}" for e in FEATURES]
    return hashlib.sha256("\n".join([*frame, *lines]).encode()).hexdigest()[:16]
