"""Tickets, answers to the NPS question and failed payments: few rows, each with properties."""

from typing import Final

import numpy as np

from simulator.activity import HOUR_US, Days
from simulator.causes import Cause, Story
from simulator.contract import Contract, lately
from simulator.customer import Customer
from simulator.rows import NOBODY, Detail, Rows, detailed

TICKETS_A_DAY: Final = 0.015
NPS_EVERY_DAYS: Final = 90
CSAT_SHARE: Final = 0.6
RETRIES_AFTER_DAYS: Final = (0, 3, 8, 15)
"""A failed payment is tried again."""
QUESTIONS: Final = (
    "How do I export this report to a spreadsheet?",
    "Can we add another administrator?",
    "Where do I find the API keys?",
    "Please send us last month's invoice.",
)
COMPLAINTS: Final = (
    "Still waiting, this is the third time we ask. We are looking at alternatives.",
    "The dashboard is too slow to be of use.",
    "Nobody in our team uses this any more, what does it cost us to leave?",
    "The export has been broken for a week and nobody answers.",
)


def support(
    rng: np.random.Generator, customer: Customer, story: Story, contract: Contract, days: Days
) -> Rows:
    """The rows of one account; users are named by number, the first ones ask most."""
    lack = lately(story.engagement)
    found = [*_tickets(rng, customer, lack, days), *_nps(rng, customer, story, lack, days)]
    if story.cause is Cause.FAILING_PAYMENT and story.onset is not None:
        found += _payments(contract, story.onset, days)
    return detailed(found)


def _tickets(
    rng: np.random.Generator, customer: Customer, lack: np.ndarray, days: Days
) -> list[tuple[int, int, str, Detail]]:
    rate = TICKETS_A_DAY * np.sqrt(customer.seats) * (1 + 2.5 * lack) * (lack < 0.95)
    found = []
    for number, day in enumerate(np.repeat(np.arange(days.count), rng.poisson(rate))):
        unhappy = rng.random() < 0.1 + 0.8 * lack[day]
        texts = COMPLAINTS if unhappy else QUESTIONS
        ticket = f"T{customer.account.rsplit('-', 1)[-1]}-{number + 1}"
        at = int(days.midnights[day] + rng.uniform(8.0, 18.0) * HOUR_US)
        text = texts[int(rng.integers(len(texts)))]
        priority = str(rng.choice(["high", "urgent"] if unhappy else ["low", "normal"]))
        user = int(rng.integers(min(3, customer.seats)))
        made = Detail(priority=priority, ticket_id=ticket, text=text)
        found.append((at, user, "Support Ticket Created", made))
        answered = at + int(rng.uniform(2.0, 48.0) * HOUR_US)
        graded = rng.random() < CSAT_SHARE
        csat = int(rng.integers(1, 3)) if unhappy else int(rng.integers(4, 6))
        solved = Detail(ticket_id=ticket, csat=csat if graded else None)
        found.append((answered, user, "Support Ticket Updated", solved))
    return found


def _nps(
    rng: np.random.Generator, customer: Customer, story: Story, lack: np.ndarray, days: Days
) -> list[tuple[int, int, str, Detail]]:
    found = []
    for day in range(int(rng.integers(NPS_EVERY_DAYS)), days.count, NPS_EVERY_DAYS):
        feeling = 8.4 + customer.mood - 6.0 * float(lack[day]) + rng.normal(0.0, 1.2)
        at = int(days.midnights[day] + rng.uniform(9.0, 17.0) * HOUR_US)
        user = int(rng.integers(min(5, customer.seats)))
        if story.people[day] > 0:
            found.append((at, user, "NPS Submitted", Detail(score=int(np.clip(round(feeling), 0, 10)))))
    return found


def _payments(contract: Contract, onset: int, days: Days) -> list[tuple[int, int, str, Detail]]:
    day = days.begin + onset
    mrr = next((term.mrr for term in reversed(contract.terms) if term.start <= day), 0.0)
    at = [int(days.midnights[onset + d]) for d in RETRIES_AFTER_DAYS if onset + d < days.count]
    return [(instant + 6 * HOUR_US, NOBODY, "Payment Failed", Detail(value=mrr)) for instant in at]
