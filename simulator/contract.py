"""Terms, renewals and the end: what a customer decides from how it has fared lately."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.calendar import add_months, day_at, index_of
from simulator.causes import Cause, Story
from simulator.customer import Customer
from simulator.plans import PLANS, plan_for

LATELY_DAYS: Final = 28
"""A decision looks back so far."""
LOGIT: Final = {1: (-4.3, 5.6), 12: (-2.9, 5.2)}
"""Months of a term -> (log odds of leaving at its end when all is well, what complete disuse adds)."""
PAYMENT_LOGIT: Final = 3.6
"""What an unsettled payment adds."""
LEAST_SEATS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One row of `subscriptions.csv`; `start` and `end` (exclusive) in days since 1970-01-01."""

    plan: int
    start: int
    end: int
    months: int
    seats: int
    discount: float

    @property
    def mrr(self) -> float:
        return round(self.seats * PLANS[self.plan].seat_price * (1 - self.discount), 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A customer's terms in order; `ended` is the day it left (None: still a customer when the log ends)."""

    terms: tuple[Term, ...]
    ended: int | None


def walk(rng: np.random.Generator, customer: Customer, story: Story, *, begin: int, end: int) -> Contract:
    """Decide at each term's end until the customer leaves or the log ends.

    Args:
        begin: the day on which the story begins; whoever is there by then has always renewed before.
        end: the day after the log's last.
    """
    lack = lately(story.engagement)
    terms = [_term(customer, customer.plan, customer.start, customer.start, customer.seats)]
    months = customer.term_months
    while terms[-1].end < end:
        renewal = terms[-1].end
        seats = terms[-1].seats
        if renewal > begin:
            day = renewal - begin - 1
            if rng.random() < leaving(customer, story, float(lack[day]), day):
                return Contract(terms=tuple(terms), ended=renewal)
            seats = _seats(rng, customer, story, float(lack[day]), day, seats)
        plan = max(plan_for(seats), terms[-1].plan)
        start = index_of(add_months(day_at(customer.start), months))
        terms.append(_term(customer, plan, start, customer.start, seats, months))
        months += customer.term_months
    return Contract(terms=tuple(terms), ended=None)


def lately(level: np.ndarray) -> np.ndarray:
    """By day, how much of ordinary use was missing over the last weeks: 0 none, 1 all."""
    total = np.concatenate([[0.0], np.cumsum(np.minimum(level, 1.0))])
    days = np.arange(1, len(level) + 1)
    low = np.maximum(0, days - LATELY_DAYS)
    mean: np.ndarray = (total[days] - total[low]) / (days - low)
    lack: np.ndarray = np.clip(1 - mean, 0.0, 1.0)
    return lack


def leaving(customer: Customer, story: Story, lack: float, day: int) -> float:
    """The hidden probability that a term which ends on that day of the story is not renewed."""
    base, weight = LOGIT[customer.term_months]
    logit = base + weight * lack - customer.mood
    if story.cause is Cause.FAILING_PAYMENT and story.onset is not None and day >= story.onset:
        logit += PAYMENT_LOGIT
    return float(1 / (1 + np.exp(-logit)))


def _seats(
    rng: np.random.Generator, customer: Customer, story: Story, lack: float, day: int, seats: int
) -> int:
    chance = rng.random()
    if story.cause is Cause.GROWING:
        return max(seats, round(customer.seats * float(story.people[max(0, day - 6) : day + 1].mean())))
    if lack > 0.45 and chance < 0.3:
        return max(LEAST_SEATS, round(seats * 0.75))
    return seats


def _term(customer: Customer, plan: int, start: int, first: int, seats: int, months_before: int = 0) -> Term:
    end = index_of(add_months(day_at(first), months_before + customer.term_months))
    return Term(
        plan=plan,
        start=start,
        end=end,
        months=customer.term_months,
        seats=seats,
        discount=customer.discount,
    )
