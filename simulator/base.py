"""A whole customer base, account by account, each from a random stream of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from simulator.activity import Days, machines, people
from simulator.calendar import MICROSECONDS, index_of
from simulator.causes import Cause, Story, draw_cause, tell
from simulator.contract import Contract, walk
from simulator.customer import Customer, draw_customer
from simulator.rows import Rows, joined
from simulator.support import support

DAY_US = 86_400 * MICROSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked for: `accounts` customers over the `days` UTC days that end with `end`."""

    seed: int
    accounts: int
    days: int
    end: date

    @property
    def first(self) -> int:
        """The log's first day, since 1970-01-01."""
        return self.after - self.days

    @property
    def after(self) -> int:
        """The day after the log's last."""
        return index_of(self.end) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One simulated account: `begin` is the first day of its story in the log (since 1970-01-01)."""

    number: int
    customer: Customer
    story: Story
    contract: Contract
    begin: int
    rows: Rows


def accounts(plan: Plan) -> Iterator[Account]:
    """The accounts by number; a longer list begins with the same ones."""
    for number in range(plan.accounts):
        yield account(plan, number)


def account(plan: Plan, number: int) -> Account:
    """The account of that number: its own random stream, whatever others there are."""
    rng = np.random.default_rng([plan.seed, number])
    customer = draw_customer(rng, number, first=plan.first, days=plan.days)
    cause = draw_cause(rng)
    if cause is Cause.FAILING_PAYMENT:  # whoever pays by the year meets a failing card once a year at most
        customer = replace(customer, term_months=1)
    begin = max(customer.start, plan.first)
    story = tell(rng, cause, plan.after - begin)
    contract = walk(rng, customer, story, begin=begin, end=plan.after)
    days = Days(zone=customer.time_zone, begin=begin, count=plan.after - begin)
    rows = joined(
        [
            people(rng, customer, story, days),
            machines(rng, customer, story, days),
            support(rng, customer, story, contract, days),
        ]
    )
    until = plan.after if contract.ended is None else contract.ended
    return Account(
        number=number,
        customer=customer,
        story=story,
        contract=contract,
        begin=begin,
        rows=rows.within(begin * DAY_US, until * DAY_US),
    )
