"""What is said of accounts at an instant: by the model, by rules while there is none, or nothing yet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from stemtide.as_of import last_closed_day
from stemtide.profile import tenure_days
from stemtide.scoring import rules
from stemtide.scoring.assessment import Assessment, Basis, Confidence, tier_of
from stemtide.scoring.confidence import bin_of, confidence, interval_of
from stemtide.scoring.drivers import drivers
from stemtide.scoring.score_map import to_score

if TYPE_CHECKING:
    from stemtide.features.vectors import Vector
    from stemtide.scoring.artefact import Floats, Model

TOO_EARLY_DAYS: Final = 14
"""A customer this young who never used the product may simply not have begun."""


def assess(model: "Model | None", vectors: Sequence["Vector"]) -> list[Assessment]:
    """One assessment per vector, in their order; `model` None: by rules."""
    result = [_too_little(vector) for vector in vectors]
    rows = [i for i, vector in enumerate(vectors) if not _not_enough(vector)]
    if not rows:
        return result
    known = [vectors[i] for i in rows]
    scored = _by_rules(known) if model is None else _by_model(model, known)
    for i, assessment in zip(rows, scored, strict=True):
        result[i] = assessment
    return result


def _not_enough(vector: "Vector") -> bool:
    tenure = tenure_days(vector.profile, vector.as_of_ms) or 0
    return vector.last_active_day is None and tenure < TOO_EARLY_DAYS


def _too_little(vector: "Vector") -> Assessment:
    return Assessment(basis=Basis.NOT_ENOUGH_DATA, completeness=vector.completeness)


def _by_model(model: "Model", vectors: Sequence["Vector"]) -> list[Assessment]:
    x = np.array([vector.values for vector in vectors])
    probabilities = model.predict(x).probability.tolist()
    contributions = model.explain(x)
    return [
        _of_model(model, vector, probability, row)
        for vector, probability, row in zip(vectors, probabilities, contributions, strict=True)
    ]


def _of_model(model: "Model", vector: "Vector", probability: float, row: "Floats") -> Assessment:
    manifest = model.manifest
    score = to_score(probability, manifest.score_map)
    interval = interval_of(bin_of(probability, manifest.bins))
    return Assessment(
        basis=Basis.MODEL,
        completeness=vector.completeness,
        score=score,
        tier=tier_of(score),
        probability=probability,
        horizon_days=manifest.horizon_days,
        interval=interval,
        confidence=confidence(interval, completeness=vector.completeness, history_days=_history_days(vector)),
        drivers=drivers(vector.features, vector.values, row, manifest.medians),
        model_version=manifest.version,
    )


def _history_days(vector: "Vector") -> int:
    """Closed days since the account was first seen."""
    if vector.first_day is None:
        return 0
    return last_closed_day(vector.as_of_ms) - vector.first_day + 1


def _by_rules(vectors: Sequence["Vector"]) -> list[Assessment]:
    points = rules.points(np.stack([vector.values for vector in vectors]))
    return [_of_rules(vector, row) for vector, row in zip(vectors, points, strict=True)]


def _of_rules(vector: "Vector", row: "Floats") -> Assessment:
    score = rules.score(row)
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
    )
