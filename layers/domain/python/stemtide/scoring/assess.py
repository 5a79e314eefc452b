"""What is said of accounts at an instant: by the model, by rules while there is none, or nothing yet."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from stemtide.as_of import last_closed_day
from stemtide.profile import tenure_days
from stemtide.scoring import rules
from stemtide.scoring.anomaly import SIGNALS, Anomaly, anomalies
from stemtide.scoring.assessment import Assessment, Basis, Confidence, KnownSource, tier_of
from stemtide.scoring.confidence import bin_of, confidence, interval_of, lowered_by
from stemtide.scoring.drivers import drivers
from stemtide.scoring.known_sources import Fresh, known_sources
from stemtide.scoring.score_map import to_score

if TYPE_CHECKING:
    from stemtide.features.vectors import Vector
    from stemtide.scoring.artefact import Floats, Model

TOO_EARLY_DAYS: Final = 14
"""A customer this young who never used the product may simply not have begun."""


NOBODY_LOOKED: Final[Mapping[int, Fresh]] = MappingProxyType({})


class _Seen(NamedTuple):
    """An account's vector, and what is known of it by source."""

    vector: "Vector"
    sources: tuple[KnownSource, ...]


def assess(
    model: "Model | None", vectors: Sequence["Vector"], *, fresh: Mapping[int, Fresh] = NOBODY_LOOKED
) -> list[Assessment]:
    """One assessment per vector, in their order.

    Args:
        model: None: by rules.
        vectors: all of the same features.
        fresh: by instant (epoch ms), which sources were fresh then; those left out nobody knows of.
    """
    seen = [_Seen(*pair) for pair in zip(vectors, known_sources(vectors, fresh), strict=True)]
    result = [_too_little(one) for one in seen]
    rows = [i for i, vector in enumerate(vectors) if not _not_enough(vector)]
    if not rows:
        return result
    known = [seen[i] for i in rows]
    scored = _by_rules(known) if model is None else _by_model(model, known)
    for i, assessment in zip(rows, scored, strict=True):
        result[i] = assessment
    return result


def _not_enough(vector: "Vector") -> bool:
    tenure = tenure_days(vector.profile, vector.as_of_ms) or 0
    return vector.last_active_day is None and tenure < TOO_EARLY_DAYS


def _too_little(seen: _Seen) -> Assessment:
    return Assessment(
        basis=Basis.NOT_ENOUGH_DATA, completeness=seen.vector.completeness, sources=seen.sources
    )


def _by_model(model: "Model", seen: Sequence[_Seen]) -> list[Assessment]:
    x = np.array([one.vector.values for one in seen])
    probabilities = model.predict(x).probability.tolist()
    contributions = model.explain(x)
    unusual = _anomalies(model, x)
    return [_of_model(model, *one) for one in zip(seen, probabilities, contributions, unusual, strict=True)]


def _anomalies(model: "Model", x: "Floats") -> list[Anomaly | None]:
    usual, names = model.manifest.usual, model.manifest.features
    if usual is None:
        return [None] * len(x)
    return anomalies(x[:, [names.index(signal.feature) for signal in SIGNALS]], usual)


def _of_model(
    model: "Model", seen: _Seen, probability: float, row: "Floats", anomaly: Anomaly | None
) -> Assessment:
    manifest, vector = model.manifest, seen.vector
    score = to_score(probability, manifest.score_map)
    interval = interval_of(bin_of(probability, manifest.bins))
    reasons = lowered_by(seen.sources, completeness=vector.completeness, history_days=_history_days(vector))
    return Assessment(
        basis=Basis.MODEL,
        completeness=vector.completeness,
        score=score,
        tier=tier_of(score),
        probability=probability,
        horizon_days=manifest.horizon_days,
        interval=interval,
        confidence=confidence(interval, lowered_by=reasons),
        confidence_lowered_by=reasons,
        drivers=drivers(vector.features, vector.values, row, manifest.medians),
        model_version=manifest.version,
        sources=seen.sources,
        anomaly=anomaly,
    )


def _history_days(vector: "Vector") -> int:
    """Closed days since the account was first seen."""
    if vector.first_day is None:
        return 0
    return last_closed_day(vector.as_of_ms) - vector.first_day + 1


def _by_rules(seen: Sequence[_Seen]) -> list[Assessment]:
    points = rules.points(np.stack([one.vector.values for one in seen]))
    return [_of_rules(one, row) for one, row in zip(seen, points, strict=True)]


def _of_rules(seen: _Seen, row: "Floats") -> Assessment:
    score, vector = rules.score(row), seen.vector
    return Assessment(
        basis=Basis.RULES,
        completeness=vector.completeness,
        score=score,
        tier=tier_of(score),
        confidence=Confidence.LOW,
        drivers=drivers(
            vector.features,
            vector.values,
            row / rules.POINTS_PER_UNIT,
            rules.NO_BASELINES,
            among=rules.COLUMNS,
        ),
        sources=seen.sources,
    )
