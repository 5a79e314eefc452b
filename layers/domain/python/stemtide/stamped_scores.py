"""Scores are written with what does not act on them."""

from dataclasses import replace

import msgspec

from stemtide.config_shadow import Shadow
from stemtide.features.vectors import Vector
from stemtide.scoring.assess import Assessed
from stemtide.scoring.assessment import Basis, Trigger
from stemtide.scoring_service import ScoringPorts
from stemtide.shadow import stamp


def stamped(ports: ScoringPorts, shadow: Shadow, *, model: bool) -> ScoringPorts:
    """The same ports, whose write says with every score what is in shadow (`stemtide.shadow.stamp`).

    Args:
        model: whether the model that scores is; what rules score beside it is not the model's.
    """
    if not (shadow.capabilities or model):
        return ports

    def write(vector: Vector, assessed: Assessed, *, as_of_ms: int, trigger: Trigger) -> bool:
        by_model = assessed.assessment.basis is Basis.MODEL
        said = msgspec.structs.replace(assessed.assessment, shadow=stamp(shadow, model=model and by_model))
        return ports.write(vector, assessed._replace(assessment=said), as_of_ms=as_of_ms, trigger=trigger)

    return replace(ports, write=write)
