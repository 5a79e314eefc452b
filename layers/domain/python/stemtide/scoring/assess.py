"""What is said of accounts at an instant: by the model, by rules where it has seen none like them or there is
none, or nothing yet."""

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


class Assessed(NamedTuple):
    """An assessment, and what each feature of the vector contributed to it: to the model's margin, or its
    points / `rules.POINTS_PER_UNIT`; None where nobody scored."""

    assessment: Assessment
    contributions: "Floats | None" = None


class _Seen(NamedTuple):
    """An account's vector, what is known of it by source, and its points by rules [F]."""

    vector: "Vector"
    sources: tuple[KnownSource, ...]
    points: "Floats"


def assess(
    model: "Model | None",
    vectors: Sequence["Vector"],
    *,
    fresh: Mapping[int, Fresh] = NOBODY_LOOKED,
    least_history_days: int = 0,
) -> list[Assessment]:
    """One assessment per vector, in their order; see `assess_fully`."""
    found = assess_fully(model, vectors, fresh=fresh, least_history_days=least_history_days)
    return [one.assessment for one in found]


def assess_fully(
    model: "Model | None",
    vectors: Sequence["Vector"],
    *,
    fresh: Mapping[int, Fresh] = NOBODY_LOOKED,
    least_history_days: int = 0,
) -> list[Assessed]:
    """One assessment per vector with the contributions behind it, in their order.

    Args:
        model: None: by rules.
        vectors: all of the same features.
        fresh: by instant (epoch ms), which sources were fresh then; those left out nobody knows of.
        least_history_days: closed days since an account was first seen that it must have to be scored by the
            model, besides what the model itself asks for (`manifest.seen`).
    """
    if not vectors:
        return []
    points = rules.points(np.stack([vector.values for vector in vectors]))
    seen = [_Seen(*parts) for parts in zip(vectors, known_sources(vectors, fresh), points, strict=True)]
    by_model: dict[int, Assessed] = {}
    if model is not None:
        least = max(least_history_days, model.manifest.seen.history_days)
        rows = [i for i, vector in enumerate(vectors) if _is_like_the_trained(vector, model, least)]
        by_model = dict(zip(rows, _by_model(model, [seen[i] for i in rows]), strict=True))
    return [by_model.get(i) or _without_model(one) for i, one in enumerate(seen)]


def _without_model(seen: _Seen) -> Assessed:
    return _too_little(seen) if _not_enough(seen.vector) else _of_rules(seen)


def _not_enough(vector: "Vector") -> bool:
    tenure = tenure_days(vector.profile, vector.as_of_ms) or 0
    return vector.last_active_day is None and tenure < TOO_EARLY_DAYS


def _is_like_the_trained(vector: "Vector", model: "Model", least_history_days: int) -> bool:
    """Whether the model was trained on accounts as young as this one: of others it knows nothing, and what
    is young looks to it like what is fading."""
    if _not_enough(vector):
        return False
    tenure = tenure_days(vector.profile, vector.as_of_ms)
    if tenure is not None and tenure < model.manifest.seen.tenure_days:
        return False
    return _history_days(vector) >= least_history_days


def _too_little(seen: _Seen) -> Assessed:
    return Assessed(
        Assessment(basis=Basis.NOT_ENOUGH_DATA, completeness=seen.vector.completeness, sources=seen.sources)
    )


def _by_model(model: "Model", seen: Sequence[_Seen]) -> list[Assessed]:
    if not seen:
        return []
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
) -> Assessed:
    manifest, vector = model.manifest, seen.vector
    score = to_score(probability, manifest.score_map)
    interval = interval_of(bin_of(probability, manifest.bins))
    reasons = lowered_by(seen.sources, completeness=vector.completeness, history_days=_history_days(vector))
    assessment = Assessment(
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
        rules=rules.fired(seen.points),
    )
    return Assessed(assessment, row)


def _history_days(vector: "Vector") -> int:
    """Closed days since the account was first seen."""
    if vector.first_day is None:
        return 0
    return last_closed_day(vector.as_of_ms) - vector.first_day + 1


def _of_rules(seen: _Seen) -> Assessed:
    score, vector = rules.score(seen.points), seen.vector
    contributions = seen.points / rules.POINTS_PER_UNIT
    assessment = Assessment(
        basis=Basis.RULES,
        completeness=vector.completeness,
        score=score,
        tier=tier_of(score),
        confidence=Confidence.LOW,
        drivers=drivers(
            vector.features, vector.values, contributions, rules.NO_BASELINES, among=rules.COLUMNS
        ),
        sources=seen.sources,
        rules=rules.fired(seen.points),
    )
    return Assessed(assessment, contributions)
