"""Which discount a customer is offered: from what it is worth, how long it stayed and why it leaves.

Deterministic: the same customer in the same place gets the same offer, or the same reason why none. All money
is in minor units; shares are whole per cent, so that no rounding decides.
"""

from typing import Final, NamedTuple

from stemtide.config_plays import Cause, Offers
from stemtide.plays.play import Play

LONG_DAYS: Final = 365
"""Who stayed a year is worth a larger discount."""
PRICE: Final = frozenset({Cause.TOO_EXPENSIVE, Cause.SWITCHED_SERVICE})
"""Causes for which the price is the reason to leave, or what another was cheaper in."""
HUNDRED: Final = 100


class Terms(NamedTuple):
    """A discount in whole per cent of the price for some months, what it costs at most in all, and the price
    a month with it."""

    percent: int
    months: int
    cost: int
    price: int


class NoOffer(NamedTuple):
    """There is none, and why."""

    reason: str


def personal_offer(play: Play, policy: Offers) -> Terms | NoOffer:
    """The offer of a customer: the largest discount that its rank allows and the caps leave.

    Its rank counts what speaks for it: it stayed for a year; the price is why it left, or it is at risk and
    pays at least the double of `min_mrr`; each goes one discount up from the smallest.
    """
    reason = _why_none(play, policy)
    if reason is not None:
        return NoOffer(reason)
    assert play.mrr is not None
    wanted = sorted(policy.percents)[: _rank(play, policy) + 1]
    allowed = [percent for percent in wanted if _fits(percent, policy)]
    if not allowed:
        return NoOffer("margin_floor" if not _above_floor(wanted[0], policy) else "cost_cap")
    return terms_of(allowed[-1], policy.months, play.mrr)


def terms_of(percent: int, months: int, mrr: int) -> Terms:
    """What a discount means for a price, rounded against the company: the provider may round either way."""
    off = -(-mrr * percent // HUNDRED)
    return Terms(percent=percent, months=months, cost=off * months, price=mrr - off)


def _why_none(play: Play, policy: Offers) -> str | None:
    if play.no_offer:
        return "held_out"
    if play.customer is None:
        return "no_customer"
    if not play.mrr or play.currency is None:
        return "price_unknown"
    if play.mrr < policy.min_mrr:
        return "below_min_mrr"
    return "too_new" if play.tenure_days < policy.min_tenure_days else None


def _rank(play: Play, policy: Offers) -> int:
    assert play.mrr is not None
    stayed = play.tenure_days >= LONG_DAYS
    price = play.cause in PRICE if play.cause is not None else play.mrr >= 2 * policy.min_mrr > 0
    return int(stayed) + int(price)


def _fits(percent: int, policy: Offers) -> bool:
    costs_at_most = round(policy.max_cost_months * HUNDRED)
    return _above_floor(percent, policy) and percent * policy.months <= costs_at_most


def _above_floor(percent: int, policy: Offers) -> bool:
    """(price - cost of service) / price >= floor, with price = list price less the discount."""
    price, service = HUNDRED - percent, HUNDRED - policy.gross_margin_pct
    return (price - service) * HUNDRED >= policy.margin_floor_pct * price
