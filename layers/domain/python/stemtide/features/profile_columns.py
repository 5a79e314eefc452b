"""What the features take from a profile: numbers as of the end of a day, NaN where unknown."""

import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from stemtide.as_of import end_of_day_ms, parse_as_of
from stemtide.calls import DAY_MS
from stemtide.config_schema import Config, Plan, Source
from stemtide.currencies import minor_digits
from stemtide.features.cohorts import Cohorts
from stemtide.features.configured_features import NO_SHAPE, Shape
from stemtide.profile import Profile, Standing, Term, Ticket, tenure_days

SUPPORT_DAYS: Final = 30
URGENT: Final = ("high", "urgent")
SEATS: Final = "seats"
"""The plans' limit that stands in for an account's own number of seats."""
API_CALLS: Final = "api_calls"


class Basis(NamedTuple):
    """What the configuration adds to what events and facts say: the plans (priced in `currency`), the systems
    that tell of accounts, the names of parts and meters; and the peers of the last night, if known."""

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
    plan = plan_of(profile, basis.plans)
    tenure = tenure_days(profile, end_of_day_ms(day))
    tickets, urgent, csat, mood, trend = _support(standing.tickets, day, basis.sources)
    found: list[float | None] = [
        _seats(profile, plan),
        _mrr(profile),
        _age(profile, day, tenure),
        tenure,
        _to_renewal(profile, day),
        _months(profile),
        *_plan_history(standing.terms, basis.plans),
        tickets,
        urgent,
        csat,
        mood,
        trend,
        standing.nps,
        _discount(profile, plan, basis),
    ]
    found += [limit_of(profile, plan, meter) for meter in (SEATS, API_CALLS, *basis.shape.meters)]
    return [math.nan if value is None else value for value in found]


def _mrr(profile: Profile) -> float | None:
    return None if profile.mrr is None else profile.mrr / _minor_units(profile.currency or "")


@lru_cache(maxsize=512)
def _minor_units(currency: str) -> int:
    """How many make one."""
    digits: int = 10 ** minor_digits(currency)
    return digits


def _months(profile: Profile) -> int | None:
    term = profile.base_term
    return None if term is None else term.months


def _support(tickets: Sequence[Ticket], day: int, sources: Collection[Source]) -> tuple[float | None, ...]:
    """Tickets of the last 30 days, urgent ones, how content people were with them, their mean sentiment, and
    that less the mean of the 60 days before.

    An account that no ticket was ever heard of has none only where tickets are known to come at all.
    """
    if not tickets:
        return (0, 0, None, None, None) if Source.TICKETS in sources else (None,) * 5
    number = urgent = 0
    rated: list[float] = []
    now: list[float] = []
    before: list[float] = []
    for ticket in tickets:
        ago = day - ticket.opened_ms // DAY_MS
        if ago < SUPPORT_DAYS:
            number += 1
            urgent += ticket.priority in URGENT
            if ticket.csat is not None:
                rated.append(ticket.csat)
        if ticket.sentiment is not None and ago < 3 * SUPPORT_DAYS:
            (now if ago < SUPPORT_DAYS else before).append(ticket.sentiment)
    mood, earlier = _mean(now), _mean(before)
    trend = None if mood is None or earlier is None else mood - earlier
    return number, urgent, _mean(rated), mood, trend


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _plan_history(terms: Sequence[Term], plans: Sequence[Plan]) -> tuple[float | None, ...]:
    """From `UPGRADES` on: what the plans' terms tell, in their order."""
    if not terms:
        return (None,) * 7
    rank_of = {plan.name: plan.rank for plan in plans}
    ups = downs = 0
    step: int | None = None
    last = rank_of.get(terms[0].plan)
    for term in terms[1:]:
        rank = rank_of.get(term.plan)
        step = None if last is None or rank is None else (rank > last) - (rank < last)
        ups += step == 1
        downs += step == -1
        last = rank
    above = None if last is None else sum(rank > last for rank in rank_of.values())
    return ups, downs, step, above, *_price_change(terms), len(terms)


def _price_change(terms: Sequence[Term]) -> tuple[int | None, float | None]:
    """By how much the latest term's price is above that of the term before, in minor units and as a share of
    the latter, of which there is none of nothing."""
    before, after = (term.mrr for term in terms[-2:]) if len(terms) > 1 else (None, None)
    if before is None or after is None:
        return None, None
    return after - before, (after - before) / before if before else None


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
