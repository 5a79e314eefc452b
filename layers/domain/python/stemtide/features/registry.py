"""The features, each declared once: name, unit, windows, words and formula.

Serving, training, explanations and docs/features.md all read this list; its order is the vector's. Behind the
features that everybody has come those of the configured parts of the product and meters.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stemtide.features import formulas as f
from stemtide.features.cohorts import AGE_EDGES, MIN_ACCOUNTS, QUANTILES
from stemtide.features.configured_features import NO_SHAPE, Shape, of_shape
from stemtide.features.customer_features import CUSTOMER
from stemtide.features.feature import Feature
from stemtide.features.limit_features import LIMITS
from stemtide.features.long_features import LONG_TERM
from stemtide.features.peer_features import PEERS
from stemtide.features.peers import ACTIVE_DAYS, OF_NOTHING
from stemtide.features.people_features import PEOPLE
from stemtide.features.usage_at import DAYS, Distinct
from stemtide.features.usage_features import HISTORY, USAGE
from stemtide.features.view import ACTIVITY_HALF_LIVES, HALF_LIVES, LEVELS, SUMS, WEIGHT_UNIT

__all__ = ["BY_NAME", "DAYS", "FEATURES", "NAMES", "Feature", "Registry", "Shape", "registry"]

LAYOUT: Final = 3
"""Version of what the formulas are given: days, classification of events, distinct counts, profile."""

FEATURES: Final = (*USAGE, *PEOPLE, *LONG_TERM, *PEERS, *CUSTOMER, *LIMITS, HISTORY)
"""The features that everybody has, at the same places."""
NAMES: Final = tuple(feature.name for feature in FEATURES)
BY_NAME: Final = {feature.name: feature for feature in FEATURES}


@dataclass(frozen=True, slots=True)
class Registry:
    """The features of a configuration's shape, in the vector's order."""

    features: tuple[Feature, ...]
    names: tuple[str, ...]
    by_name: Mapping[str, Feature]
    hash: str
    """Changes with whatever changes a vector: a model with another hash must not be served."""


@lru_cache(maxsize=16)
def registry(shape: Shape = NO_SHAPE) -> Registry:
    """The registry of a shape."""
    features = (*FEATURES, *of_shape(shape))
    names = tuple(feature.name for feature in features)
    return Registry(features, names, dict(zip(names, features, strict=True)), _hash(features))


def _hash(features: tuple[Feature, ...]) -> str:
    kept = (LAYOUT, DAYS, SUMS, len(Distinct), HALF_LIVES, ACTIVITY_HALF_LIVES, LEVELS, WEIGHT_UNIT)
    places = (AGE_EDGES, QUANTILES, MIN_ACCOUNTS, ACTIVE_DAYS, sorted(OF_NOTHING.items()))
    frame = [str(part) for part in (*kept, f.TREND_DAYS, *places)]
    lines = [f"{e.name} {e.version} {e.unit} {e.dtype} {e.source} {e.windows}" for e in features]
    return hashlib.sha256("\n".join([*frame, *lines]).encode()).hexdigest()[:16]
