"""Why an account's score is another than the one before it."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np

from stemtide.as_of import as_of_text
from stemtide.features.feature import Feature
from stemtide.features.registry import Registry
from stemtide.features.then_and_now import then_and_now
from stemtide.scoring.assessment import Assessment, Basis
from stemtide.scoring.moved import Moved, MovedFeature

COUNT: Final = 3
LEAST: Final = 1e-5
"""Contributions are kept as float32: a smaller difference is none."""
OTHER_MODEL: Final = "scored by another model since"
OTHER_FEATURES: Final = "the features are others than then"
NO_SCORE_THEN: Final = "there was not enough data for a score then"
NO_SCORE_NOW: Final = "there is not enough data for a score now"
BY_RULES_THEN: Final = "scored by rules then, by a model now"
BY_MODEL_THEN: Final = "scored by a model then, by rules now"


class GivenScore(Protocol):
    """A score as it was given and kept: `contributions` are float32 and `vector` float64, little-endian, both
    of the features that `registry` (a hash) stands for."""

    @property
    def assessment(self) -> Assessment: ...
    @property
    def as_of_ms(self) -> int: ...
    @property
    def vector(self) -> bytes: ...
    @property
    def contributions(self) -> bytes: ...
    @property
    def registry(self) -> str: ...


def packed(contributions: Any) -> bytes:
    """Contributions as they are kept with a score (None: nothing)."""
    return b"" if contributions is None else contributions.astype("<f4").tobytes()


def moved_between(before: GivenScore, now: GivenScore, known: Registry) -> Moved:
    """What moved from one score to the next.

    Args:
        known: the features in use; scores of others are not taken apart.
    """
    note = _why_not(before, now, known)
    then, is_ = before.assessment, now.assessment
    return Moved(
        since=as_of_text(before.as_of_ms),
        score_then=then.score,
        score_now=is_.score,
        tier_then=then.tier,
        tier_now=is_.tier,
        features=() if note else _most_moved(before, now, known.features),
        note=note,
    )


def _why_not(before: GivenScore, now: GivenScore, known: Registry) -> str | None:
    then, is_ = before.assessment, now.assessment
    if then.basis is Basis.NOT_ENOUGH_DATA:
        return NO_SCORE_THEN
    if is_.basis is Basis.NOT_ENOUGH_DATA:
        return NO_SCORE_NOW
    if then.basis is not is_.basis:
        return BY_RULES_THEN if then.basis is Basis.RULES else BY_MODEL_THEN
    if then.model_version != is_.model_version:
        return OTHER_MODEL
    return None if before.registry == now.registry == known.hash else OTHER_FEATURES


def _most_moved(before: GivenScore, now: GivenScore, features: Sequence[Feature]) -> tuple[MovedFeature, ...]:
    change = np.frombuffer(now.contributions, "<f4").astype(np.float64)
    change -= np.frombuffer(before.contributions, "<f4")
    then, is_ = (np.frombuffer(one.vector, "<f8").tolist() for one in (before, now))
    sizes = np.abs(change)
    moved = np.flatnonzero(sizes >= LEAST).tolist()
    order = sorted(moved, key=lambda i: (-sizes[i], features[i].name))
    return tuple(
        _feature(features[i], _known(then[i]), _known(is_[i]), float(change[i])) for i in order[:COUNT]
    )


def _feature(feature: Feature, then: float | None, now: float | None, change: float) -> MovedFeature:
    return MovedFeature(
        feature=feature.name,
        label=feature.label,
        unit=feature.unit,
        then=then,
        now=now,
        change=round(change, 6),
        text=then_and_now(feature, then, now),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
