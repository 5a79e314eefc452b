"""The part of `stemtide.toml` that says which capabilities are tried without acting."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from stemtide.config_detection import Section


class Capability(StrEnum):
    """What may act on an account; a name may be written before what it stands for is there."""

    CHURN_ALERTS = "churn_alerts"
    RETENTION = "retention"
    UPSELL = "upsell"
    DUNNING = "dunning"
    WIN_BACK = "win_back"


class Shadow(Section, frozen=True):
    """What is tried first: scores are written, nothing acts on them."""

    capabilities: Annotated[
        tuple[Capability, ...],
        Meta(
            description="Capabilities that do not act: what they would have done is noted as withheld, see "
            "`stemtide shadow report`. `churn_alerts`: no change of a risk tier reaches the bus, and drops "
            "of use only for their scores.",
            examples=[["churn_alerts"]],
        ),
    ] = ()
