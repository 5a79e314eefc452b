"""Base terms from the facts of a deployed stack, as they are known in the end and as they were before."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.config_schema import Plan
from stemtide.facts import OF_SUBSCRIPTIONS, Fact, terms_known
from stemtide.subscriptions import Stretch, Terms

from models.material import Told
from models.targets import BaseTerm

TOLD: Final = 0.95
"""Of the subscription events of each kind: as late as these are told, others may be."""
LAG_DAYS: Final = 180
"""Before the latest event, of which the lag is taken: how events are told changes."""


def tiers_of(plans: Iterable[Plan]) -> dict[str, int]:
    """The place of each plan by its rank, from low to high."""
    return {plan.name: place for place, plan in enumerate(sorted(plans, key=lambda plan: plan.rank))}


def told(facts: Iterable[Fact], tiers: Mapping[str, int]) -> tuple[Told, ...]:
    """The base terms from the end of each day on that something became known of them; the last are those of
    all facts."""
    of_terms = [fact for fact in facts if fact.kind in OF_SUBSCRIPTIONS]
    days = sorted({fact.known_ms // DAY_MS for fact in of_terms})
    return tuple(
        Told(day=day, terms=base_terms(terms_known(of_terms, end_of_day_ms(day)), tiers)) for day in days
    )


def heard_until(facts: Iterable[Fact]) -> int | None:
    """The latest day of which a subscription fact tells."""
    return max((fact.at_ms // DAY_MS for fact in facts if fact.kind in OF_SUBSCRIPTIONS), default=None)


def reporting_lag(facts: Iterable[Fact], *, heard: int) -> int:
    """Within how many days nearly all subscription facts are told, by the kind that takes the longest: what
    happened so long before the latest one is known, later cancellations may not be told yet.

    Args:
        facts: of all accounts.
        heard: the latest day of which they tell.
    """
    lags: dict[str, list[int]] = defaultdict(list)
    for fact in facts:
        if fact.kind in OF_SUBSCRIPTIONS and heard - fact.at_ms // DAY_MS < LAG_DAYS:
            lags[fact.kind].append(max(0, fact.known_ms // DAY_MS - fact.at_ms // DAY_MS))
    return max((sorted(own)[math.ceil(TOLD * len(own)) - 1] for own in lags.values()), default=0)


def base_terms(terms: Terms, tiers: Mapping[str, int]) -> tuple[BaseTerm, ...]:
    """One for each time that another term becomes the one an account has: of several that run, the one
    that began last, as in its profile.

    Args:
        terms: of the account, by what was known at some instant.
        tiers: by plan; others have none.
    """
    stretches = terms.base_stretches()
    instants = {at for one in stretches for at in (one.from_ms, one.end_ms) if at is not None}
    found: list[BaseTerm] = []
    before: Stretch | None = None
    for at_ms in sorted(instants):
        now = _latest([one for one in stretches if one.runs(at_ms)])
        if now is not None and now is not before:
            found.append(_base_term(now, at_ms // DAY_MS, tiers))
        before = now
    return tuple(found)


def _latest(running: Sequence[Stretch]) -> Stretch | None:
    return min(running, key=lambda one: (-one.term.start_ms, one.term.plan), default=None)


def _base_term(stretch: Stretch, start: int, tiers: Mapping[str, int]) -> BaseTerm:
    agreed = stretch.term.start_ms // DAY_MS
    return BaseTerm(
        start=start,
        ends=None if stretch.end_ms is None else stretch.end_ms // DAY_MS,
        tier=tiers.get(stretch.term.plan),
        agreed=None if agreed == start else agreed,
    )
