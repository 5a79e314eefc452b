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
from stemtide.profile import Profile, Standing, Term, tenure_days

SUPPORT_DAYS: Final = 30
URGENT: Final = ("high", "urgent")
SEATS = "seats"
"""The plans' limit that stands in for an account's own number of seats."""


class Basis(NamedTuple):
    """What the configuration adds to what facts say: the plans, and the systems that tell of accounts."""

    plans: Sequence[Plan] = ()
    sources: Collection[Source] = ()

    @classmethod
    def of(cls, config: Config) -> "Basis":
        """As configured."""
        return cls(config.plans, config.sources.connected)


NO_BASIS: Final = Basis()


def facts_of(standing: Standing, day: int, basis: Basis) -> list[float]:
    """The values of `view.Fact`, in its order, at the end of `day` (days since 1970-01-01)."""
    profile = standing.profile
    term = profile.base_term
    tenure = tenure_days(profile, end_of_day_ms(day))
    return [
        _or_nan(_seats(profile, basis.plans)),
        _or_nan(_mrr(profile)),
        _or_nan(_age(profile, day, tenure)),
        _or_nan(tenure),
        _or_nan(_to_renewal(profile, day)),
        _or_nan(None if term is None else term.months),
        *map(_or_nan, _plan_history(standing, basis.plans)),
        *map(_or_nan, _support(standing, day, basis.sources)),
        _or_nan(standing.nps),
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


def _seats(profile: Profile, plans: Sequence[Plan]) -> int | None:
    if profile.seats is not None:
        return profile.seats
    own = profile.limits.get(SEATS)
    plan = next((p for p in plans if p.name == profile.plan), None)
    return own if own is not None else plan.limits.get(SEATS) if plan else None


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
