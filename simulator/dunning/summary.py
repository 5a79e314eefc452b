"""What came of failed payments under a policy: shares, means and money, each with its interval."""

from collections.abc import Sequence
from math import sqrt
from typing import Any, Final

import msgspec
import numpy as np
from stemtide.dunning.declines import DAY_MS

from simulator.dunning.collecting import By, Collected

BY_DAYS: Final = (0, 1, 3, 5, 7, 10, 14, 21)
"""Whole days since the first failure: 0 is its first 24 hours."""
Z_95: Final = 1.959963984540054
RESAMPLES: Final = 400
BLOCK: Final = 1_000_000
"""Weights that are drawn at a time."""
LOW_HIGH: Final = (2.5, 97.5)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its 95 % interval, and what it is made of."""

    value: float
    low: float
    high: float
    of: float
    count: float


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Recovered of what was due, in minor units of a currency."""

    due: int
    recovered: int
    share: Estimate


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of them; `by` counts what brought the money, `cost` is of all retries."""

    policy: str
    invoices: int
    customers: int
    recovered: Estimate
    recovered_by_day: dict[int, Estimate]
    money: dict[str, Money]
    by: dict[str, int]
    retries: int
    retries_per_invoice: Estimate
    cost: int
    mails: int
    mails_per_customer: Estimate
    canceled: Estimate
    lead: Estimate | None = None
    """How much greater the recovered share is than that of the first policy, on the same payments."""


def summarise(
    policy: str,
    results: Sequence[Collected],
    *,
    cost_per_retry: int,
    seed: int,
    against: Sequence[Collected] | None = None,
) -> Summary:
    """Count what came of them.

    Args:
        cost_per_retry: minor units, of whatever currency the fees are in.
        against: the first policy's results of the same payments.
    """
    sums = _Sums(results, seed)
    ones = np.ones(len(results))
    paid = np.array([one.recovered_ms is not None for one in results], dtype=float)
    days = [_days(one) for one in results]
    retries = sum(one.retries for one in results)
    first = None if against is None else np.array([one.recovered_ms is not None for one in against])
    return Summary(
        policy=policy,
        invoices=len(results),
        customers=sums.customers,
        recovered=_wilson(int(paid.sum()), len(results)),
        recovered_by_day={
            day: _wilson(sum(1 for one in days if one is not None and one <= day), len(results))
            for day in BY_DAYS
        },
        money=_money(results, paid, sums),
        by={by.value: sum(1 for one in results if one.by is by) for by in By},
        retries=retries,
        retries_per_invoice=sums.ratio(np.array([one.retries for one in results], dtype=float), ones),
        cost=retries * cost_per_retry,
        mails=sum(one.mails for one in results),
        mails_per_customer=sums.per_customer(np.array([one.mails for one in results], dtype=float)),
        canceled=_wilson(sum(one.canceled for one in results), len(results)),
        lead=None if first is None else sums.ratio(paid - first, ones),
    )


def plain(summary: Summary) -> dict[str, Any]:
    """As JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(summary, str_keys=True)
    return found


def _days(one: Collected) -> int | None:
    return None if one.recovered_ms is None else (one.recovered_ms - one.failure.failed_ms) // DAY_MS


def _money(results: Sequence[Collected], paid: np.ndarray, sums: "_Sums") -> dict[str, Money]:
    found = {}
    for currency in sorted({one.failure.currency for one in results}):
        own = [one if one.failure.currency == currency else None for one in results]
        due = [0 if one is None else one.failure.amount for one in own]
        weights = np.array(due, dtype=float)
        recovered = sum(
            amount for amount, one in zip(due, results, strict=True) if one.recovered_ms is not None
        )
        found[currency] = Money(due=sum(due), recovered=recovered, share=sums.ratio(weights * paid, weights))
    return found


def _wilson(count: int, of: int) -> Estimate:
    """Wilson's interval of a share (E. B. Wilson, JASA 22, 1927)."""
    share = count / of
    middle = share + Z_95**2 / (2 * of)
    around = Z_95 * sqrt(share * (1 - share) / of + Z_95**2 / (4 * of * of))
    below = 1 + Z_95**2 / of
    return Estimate(
        value=share,
        low=max(0.0, (middle - around) / below),
        high=min(1.0, (middle + around) / below),
        of=of,
        count=count,
    )


class _Sums:
    """Ratios of sums with bootstrap intervals, drawn by customer: whose payments belong together."""

    def __init__(self, results: Sequence[Collected], seed: int) -> None:
        numbers: dict[str, int] = {}
        self._customer = np.array([numbers.setdefault(one.failure.customer, len(numbers)) for one in results])
        self.customers = len(numbers)
        self._seed = seed

    def ratio(self, above: np.ndarray, below: np.ndarray) -> Estimate:
        """The sum of the one over the sum of the other."""
        return self._estimate(self._by_customer(above), self._by_customer(below))

    def per_customer(self, values: np.ndarray) -> Estimate:
        """The mean of what each customer has."""
        return self._estimate(self._by_customer(values), np.ones(self.customers))

    def _by_customer(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self._customer, weights=values, minlength=self.customers)

    def _estimate(self, above: np.ndarray, below: np.ndarray) -> Estimate:
        rng = np.random.default_rng([self._seed, self.customers])
        at_a_time = max(1, BLOCK // self.customers)
        ratios: list[float] = []
        resamples = 0
        while resamples < RESAMPLES:
            size = (min(at_a_time, RESAMPLES - resamples), self.customers)
            weights = rng.poisson(1.0, size=size).astype(float)
            bottom = weights @ below
            drawn = bottom > 0  # a sample may hold nobody who owed anything
            ratios += ((weights @ above)[drawn] / bottom[drawn]).tolist()
            resamples += size[0]
        low, high = np.percentile(ratios or [0.0, 1.0], LOW_HIGH)
        return Estimate(
            value=float(above.sum() / below.sum()),
            low=float(low),
            high=float(high),
            of=float(below.sum()),
            count=float(above.sum()),
        )
