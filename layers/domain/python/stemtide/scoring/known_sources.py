"""What is known of accounts by source, and whether each source was fresh: part of what a score says."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stemtide.config_sources import Source
from stemtide.scoring.assessment import KnownSource
from stemtide.sources import source_of

if TYPE_CHECKING:
    from stemtide.features.feature import Feature
    from stemtide.features.vectors import Vector
    from stemtide.features.view import Floats

Fresh = Mapping[Source, bool | None]
"""Which sources were fresh at an instant; None, or left out: nobody knows."""


class _BySource(NamedTuple):
    """Which of the features [F, S] hang on which source, and how many [S]."""

    features: "Sequence[Feature]"
    belongs: "Floats"
    counts: "Floats"


SOURCES: Final = tuple(Source)
_remembered: list[_BySource] = []
"""Of the features that were asked for last: a process has one registry."""


def known_sources(vectors: Sequence["Vector"], fresh: Mapping[int, Fresh]) -> list[tuple[KnownSource, ...]]:
    """Every source of each vector, in the order of `Source`.

    Args:
        vectors: all of the same features.
        fresh: by instant, epoch ms.
    """
    if not vectors:
        return []
    of = _by_source(vectors[0].features)
    known = ~np.isnan(np.stack([vector.values for vector in vectors]))
    shares = (known @ of.belongs / np.maximum(of.counts, 1)).tolist()
    told = [count > 0 for count in of.counts.tolist()]
    return [
        _sources(row, fresh.get(vector.as_of_ms, {}), told)
        for vector, row in zip(vectors, shares, strict=True)
    ]


def _by_source(features: "Sequence[Feature]") -> _BySource:
    for found in _remembered:
        if found.features is features:
            return found
    of = [source_of(feature.name, feature.source) for feature in features]
    belongs = np.array([[source is one for one in SOURCES] for source in of], dtype=float)
    found = _BySource(features, belongs, belongs.sum(axis=0))
    _remembered[:] = [found]
    return found


def _sources(shares: Sequence[float], fresh: Fresh, told: Sequence[bool]) -> tuple[KnownSource, ...]:
    return tuple(
        KnownSource(source=source, completeness=share if has else None, fresh=fresh.get(source))
        for source, share, has in zip(SOURCES, shares, told, strict=True)
    )
