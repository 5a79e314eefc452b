"""Scores are written with what does not act on them."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from stemtide.features.vectors import Vector
from stemtide.scoring.assessment import Assessment, Trigger
from stemtide.scoring_service import ScoringPorts


def stamped(ports: ScoringPorts, shadow: Sequence[str]) -> ScoringPorts:
    """The same ports, whose write says `shadow` (see `stemtide.shadow.stamp`) with every score."""
    if not shadow:
        return ports
    stamp = tuple(shadow)

    def write(vector: Vector, assessment: Assessment, *, as_of_ms: int, trigger: Trigger) -> bool:
        said = msgspec.structs.replace(assessment, shadow=stamp)
        return ports.write(vector, said, as_of_ms=as_of_ms, trigger=trigger)

    return replace(ports, write=write)
