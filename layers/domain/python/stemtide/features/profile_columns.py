"""What the features take from a profile: numbers as of the end of a day, NaN where unknown."""

import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from stemtide.as_of import end_of_day_ms, parse_as_of
from stemtide.calls import DAY_MS
from stemtide.config_schema import Config, Plan, Source
from stemtide.currencies import minor_digits
from stemtide.features.cohorts import Cohorts
from stemtide.features.configured_features import NO_SHAPE, Shape
from stemtide.profile import Profile, Standing, Term, tenure_days

SUPPORT_DAYS: Final = 30
URGENT: Final = ("high", "urgent")
SEATS: Final = "seats"
"""The plans' limit that stands in for an account's own number of seats."""
API_CALLS: Final = "api_calls"


class Basis(NamedTuple):
    """What the configuration adds to what events and facts say: the plans (priced in `currency`), the systems
    that tell of accounts, the names of parts and meters; and what the model in use adds: its cohorts."""

    plans: Sequence[Plan] = ()
    sources: Collection[Source] = ()
    currency: str = ""
    shape: Shape = NO_SHAPE
    cohorts: Cohorts | None = None

    @classmethod
    def of(cls, config: Config, cohorts: Cohorts | None = None) -> "Basis":
        """As configured."""
        shape = Shape.of(config.events)
        return cls(config.plans, config.sources.connected, config.company.currency, shape, cohorts)


NO_BASIS: Final = Basis()


def facts_of(standing: Standing, day: int, basis: Basis) -> list[float]:
    """The values of `view.Fact`, in its order, at the end of `day` (days since 1970-01-01)."""
    profile = standing.profile
    term, plan = profile.base_term, plan_of(profile, basis.plans)
    tenure = tenure_days(profile, end_of_day_ms(day))
    return [
        _or_nan(_seats(profile, plan)),
        _or_nan(_mrr(profile)),
        _or_nan(_age(profile, day, tenure)),
        _or_nan(tenure),
        _or_nan(_to_renewal(profile, day)),
        _or_nan(None if term is None else term.months),
        *map(_or_nan, _plan_history(standing, basis.plans)),
        *map(_or_nan, _support(standing, day, basis.sources)),
        *map(_or_nan, _sentiment(standing, day)),
        _or_nan(standing.nps),
        _or_nan(_discount(profile, plan, basis)),
        *(_or_nan(limit_of(profile, plan, meter)) for meter in (SEATS, API_CALLS, *basis.shape.meters)),
    ]


def _support(standing: Standing, day: int, sources: Collection[Source]) -> list[float | None]:
    """Tickets of the last 30 days, urgent ones, and how content people were with them.

    An account that no ticket was ever heard of has none only where tickets are known to come at all.
    """
    if not standing.tickets and Source.TICKETS not in sources:
        return [None, None, None]
    recent = [ticket for ticket in standing.tickets if ticket.opened_ms // DAY_MS > day - SUPPORT_DAYS]
    rated = [ticket.csat for ticket in recent if ticket.csat is not None]
    return [
        len(recent),
        sum(ticket.priority in URGENT for ticket in recent),
        sum(rated) / len(rated) if rated else None,
    ]


def _plan_history(standing: Standing, plans: Sequence[Plan]) -> list[float | None]:
    """From `UPGRADES` on: what the plans' terms tell, in their order."""
    terms = standing.terms
    if not terms:
        return [None] * 6
    ranks = [_rank(term, plans) for term in terms]
    steps = [_step(*pair) for pair in pairwise(ranks)]
    known = [step for step in steps if step is not None]
    prices = [term.mrr for term in terms]
    return [
        sum(step > 0 for step in known),
        sum(step < 0 for step in known),
        steps[-1] if steps else None,
        None if ranks[-1] is None else sum(plan.rank > ranks[-1] for plan in plans),
        _change(*prices[-2:]) if len(prices) > 1 else None,
        len(terms),
    ]


def _rank(term: Term, plans: Sequence[Plan]) -> int | None:
    return next((plan.rank for plan in plans if plan.name == term.plan), None)


def _step(before: int | None, after: int | None) -> int | None:
    """1 up, -1 down, 0 the same."""
    return None if before is None or after is None else (after > before) - (after < before)


def _change(before: int | None, after: int | None) -> float | None:
    return None if not before or after is None else (after - before) / before


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mrr(profile: Profile) -> float | None:
    if profile.mrr is None:
        return None
    return float(profile.mrr / 10 ** minor_digits(profile.currency or ""))


def plan_of(profile: Profile, plans: Sequence[Plan]) -> Plan | None:
    """The configured plan that the account has."""
    return next((plan for plan in plans if plan.name == profile.plan), None)


def limit_of(profile: Profile, plan: Plan | None, meter: str) -> int | None:
    """How much of a meter is included: what the account was told, else the plan's; None: unlimited."""
    own = profile.limits.get(meter)
    return own if own is not None else plan.limits.get(meter) if plan else None


def _seats(profile: Profile, plan: Plan | None) -> int | None:
    return profile.seats if profile.seats is not None else limit_of(profile, plan, SEATS)


def _discount(profile: Profile, plan: Plan | None, basis: Basis) -> float | None:
    """How much of the list price is not asked for; unknown in another currency or without a price."""
    if plan is None or profile.mrr is None or profile.currency not in (None, basis.currency):
        return None
    seats = _seats(profile, plan) if plan.mrr_per_seat else 0
    listed = None if seats is None else plan.mrr + plan.mrr_per_seat * seats
    return (listed - profile.mrr) / listed if listed else None


def _sentiment(standing: Standing, day: int) -> tuple[float | None, float | None]:
    """The mean sentiment of the tickets of 30 days, and that less the mean of the 60 days before."""
    now = _mean_sentiment(standing, day, SUPPORT_DAYS)
    before = _mean_sentiment(standing, day - SUPPORT_DAYS, 2 * SUPPORT_DAYS)
    return now, (None if now is None or before is None else now - before)


def _mean_sentiment(standing: Standing, last: int, length: int) -> float | None:
    said = [
        ticket.sentiment
        for ticket in standing.tickets
        if ticket.sentiment is not None and last - length < ticket.opened_ms // DAY_MS <= last
    ]
    return sum(said) / len(said) if said else None


def _age(profile: Profile, day: int, tenure: int | None) -> int | None:
    if profile.created_at is None:
        return tenure
    created = _day_of(profile.created_at)
    return tenure if created is None else max(0, day - created)


def _to_renewal(profile: Profile, day: int) -> int | None:
    if profile.renewal_date is None:
        return None
    renewal = _day_of(profile.renewal_date)
    return None if renewal is None or renewal < day else renewal - day


@lru_cache(maxsize=4096)
def _day_of(text: str) -> int | None:
    try:
        return parse_as_of(text) // DAY_MS
    except ValueError:
        return None
