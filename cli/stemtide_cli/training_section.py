"""`[training]` of `stemtide.toml` as the questions that a mapping asks of a log."""

from typing import ClassVar

import msgspec
from stemtide.config_training import Training, Treated

from stemtide_cli.mapping_training import Kind, Population, Snapshots, Target


class OfTreated(msgspec.Struct, frozen=True, kw_only=True):
    """`mapping_training.Handling` by `[training]`."""

    treated: Treated
    weight: float


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`mapping_training.Questions` of a deployed stack."""

    called: ClassVar[str] = "[training] of stemtide.toml"

    snapshots: Snapshots | None
    population: Population
    targets: dict[str, Target]
    treatments: OfTreated | None = None


def asked(section: Training) -> Asked:
    """The questions; the targets are called as the models are."""
    kind = Kind(section.churn)
    churn = Target(
        kind=kind,
        horizon_days=section.horizon_days,
        active_within_days=section.active_within_days if kind is Kind.SILENT else None,
        grace_days=section.grace_days if kind is Kind.NOT_RENEWED else None,
    )
    return Asked(
        snapshots=Snapshots(every_days=section.every_days, first_day=section.first_day),
        population=Population(subscribed=section.subscribed, min_tenure_days=section.min_tenure_days),
        targets={
            "churn": churn,
            "upsell": Target(kind=Kind(section.upsell), horizon_days=section.horizon_days),
        },
        treatments=OfTreated(treated=section.treated, weight=section.treated_weight),
    )
