"""How often the detection rules sound on a log, and how often what they warn of then happens.

A drop counts where the evaluation protocol looks at the account: on a day of its population whose whole
horizon was observed. It preceded a loss if the target came true in that horizon.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stemtide.as_of import last_closed_day
from stemtide.config_detection import DetectionRule, Measure
from stemtide.config_schema import Events
from stemtide.detection import drops_over
from stemtide.features.history import AccountHistory, Counter
from stemtide_cli.mapping import Mapping
from stemtide_cli.mapping_training import Target

from models.dataset import window_of
from models.material import Material
from models.targets import happened, is_in_population

MONTH_DAYS: Final = 365.25 / 12
_COUNTERS: Final = {
    Measure.EVENTS: Counter.EVENTS,
    Measure.API_CALLS: Counter.API_CALLS,
    Measure.CORE_ACTIONS: Counter.CORE_ACTIONS,
    Measure.LOGINS: Counter.LOGINS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """The drops of some rules, how many of them preceded a loss, and over how many account-months."""

    drops: int
    preceded: int
    account_months: float

    @property
    def per_account_month(self) -> float:
        """Drops an account-month."""
        return self.drops / self.account_months

    @property
    def share(self) -> float:
        """Of the drops, those that preceded a loss."""
        return self.preceded / self.drops


@dataclass(frozen=True, slots=True)
class _Day:
    day: int
    counts: Sequence[int]

    def total(self, measure: Measure, events: Events) -> int:
        """The day's sum of a measure; what the events mean is in the counts."""
        return self.counts[_COUNTERS[measure]]


def drop_alarms(
    mapping: Mapping, material: Material, target: Target, rules: Sequence[DetectionRule], events: Events
) -> Alarms:
    """What the rules find at the end of each day of a log.

    Raises:
        ZeroDivisionError: nobody is ever in the population.
    """
    drops = preceded = looked_at = 0
    for account, history in material.histories.items():
        window = window_of(material, account, target)
        if window is None:
            continue
        first, last = window.origin, window.observed - target.horizon_days
        outcomes = material.outcomes(account)
        members = {
            day for day in range(first, last + 1)
            if is_in_population(mapping.population, target, outcomes, day)
        }  # fmt: skip
        found = drops_over(account, _days(history), first=first, last=last, rules=rules, events=events)
        days = [day for drop in found if (day := last_closed_day(drop.as_of_ms)) in members]
        looked_at += len(members)
        drops += len(days)
        preceded += sum(happened(target, outcomes, day) for day in days)
    return Alarms(drops=drops, preceded=preceded, account_months=looked_at / MONTH_DAYS)


def _days(history: AccountHistory) -> list[_Day]:
    return [
        _Day(day, counts)
        for day, counts in zip(history.days.tolist(), history.counters.tolist(), strict=True)
    ]
