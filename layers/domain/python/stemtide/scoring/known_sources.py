"""What is known of accounts by source, and whether each source was fresh: part of what a score says."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stemtide.config_sources import Source
from stemtide.scoring.assessment import KnownSource
from stemtide.sources import source_of

if TYPE_CHECKING:
    from stemtide.features.vectors import Vector

Fresh = Mapping[Source, bool | None]
"""Which sources were fresh at an instant; None, or left out: nobody knows."""


def known_sources(vectors: Sequence["Vector"], fresh: Mapping[int, Fresh]) -> list[tuple[KnownSource, ...]]:
    """Every source of each vector, in the order of `Source`.

    Args:
        vectors: all of the same features.
        fresh: by instant, epoch ms.
    """
    if not vectors:
        return []
    of = [source_of(feature.name, feature.source) for feature in vectors[0].features]
    features = np.array([[source is one for one in Source] for source in of], dtype=float)
    known = ~np.isnan(np.stack([vector.values for vector in vectors]))
    shares = (known @ features / np.maximum(features.sum(axis=0), 1)).tolist()
    return [
        _sources(row, fresh.get(vector.as_of_ms, {}), of) for vector, row in zip(vectors, shares, strict=True)
    ]


def _sources(shares: Sequence[float], fresh: Fresh, of: Sequence[Source]) -> tuple[KnownSource, ...]:
    return tuple(
        KnownSource(source=source, completeness=share if source in of else None, fresh=fresh.get(source))
        for source, share in zip(Source, shares, strict=True)
    )
