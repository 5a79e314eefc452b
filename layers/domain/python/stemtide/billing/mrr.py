"""An account's monthly recurring revenue as a step function of time, from the facts of its subscriptions.

A fact counts from when it happened, and whether it counts is a matter of what was known at an instant: one
that comes late restates the months since it happened.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Final

from stemtide.billing.paid_terms import paid_terms
from stemtide.facts import OF_SUBSCRIPTIONS, TRAITS_KIND, Fact, known_facts, terms_known

CURRENCY: Final = "currency"
ONE_MOVEMENT_MS: Final = 60 * 60_000
"""Changes within an hour of the first are one movement; an absence that is no longer is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What an account pays from an instant on, until its next level.

    `mrr` in minor units of `currency`; terms without a price count 0 in it and 1 in `unknown`.
    """

    from_ms: int
    currency: str
    mrr: int
    subscribed: bool
    unknown: int

    def differs(self, before: "Level | None") -> bool:
        """Whether the account pays otherwise than before (None: nothing); two absences are one."""
        if before is None or not before.subscribed:
            return self.subscribed
        return (self.currency, self.mrr, self.subscribed, self.unknown) != (
            before.currency,
            before.mrr,
            before.subscribed,
            before.unknown,
        )


def levels(facts: Iterable[Fact], as_of_ms: int, *, currency: str) -> tuple[Level, ...]:
    """The levels of an account up to an instant, by what was known at it; each differs from the one before.

    Before the first the account has no subscription. What its `group` traits say of plan and price counts
    only while no subscription event was ever told of it.

    Args:
        currency: of an account that never said its own.
    """
    known = known_facts(facts, as_of_ms)
    traits = [fact for fact in known if fact.kind == TRAITS_KIND]
    is_told = any(fact.kind in OF_SUBSCRIPTIONS for fact in known)
    steps = _of_terms(known, as_of_ms) if is_told else _of_traits(traits)
    said = {fact.at_ms: fact.data[CURRENCY] or currency for fact in traits if CURRENCY in fact.data}
    found = _in_currencies(steps, said, next(iter(said.values()), currency))
    return tuple(_changes(level for level in found if level.from_ms <= as_of_ms))


def settled(found: Iterable[Level]) -> tuple[Level, ...]:
    """The levels that count: an absence of an hour or less is none, changes within an hour of the first are
    one at its instant, and a subscription that was not paid for so far (a trial, a free plan) is none yet."""
    without_gaps = _changes(_without_gaps(list(found)))
    return tuple(_changes(_paying(_netted(without_gaps))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The price of the running terms, their number, and how many of them have no price."""

    mrr: int = 0
    terms: int = 0
    unknown: int = 0

    def with_term(self, mrr: int | None, sign: int) -> "_Step":
        return _Step(
            mrr=self.mrr + sign * (mrr or 0),
            terms=self.terms + sign,
            unknown=self.unknown + sign * (mrr is None),
        )


_NOTHING: Final = _Step()


def _of_terms(known: list[Fact], as_of_ms: int) -> dict[int, _Step]:
    """What runs from each instant on at which a term begins or is over."""
    changes: dict[int, list[tuple[int | None, int]]] = defaultdict(list)
    for paid in paid_terms(terms_known(known, as_of_ms).stretches()):
        changes[paid.from_ms].append((paid.term.mrr, 1))
        if paid.end_ms is not None:
            changes[paid.end_ms].append((paid.term.mrr, -1))
    now, steps = _NOTHING, {}
    for at_ms in sorted(changes):
        for mrr, sign in changes[at_ms]:
            now = now.with_term(mrr, sign)
        steps[at_ms] = now
    return steps


def _of_traits(traits: list[Fact]) -> dict[int, _Step]:
    """A plan makes a subscription; where none was ever named, a price does."""
    said: dict[str, Any] = {}
    steps = {}
    for fact in traits:
        said.update(fact.data)
        mrr = said.get("mrr")
        steps[fact.at_ms] = _NOTHING.with_term(mrr, 1) if said.get("plan", mrr) else _NOTHING
    return steps


def _in_currencies(steps: dict[int, _Step], said: dict[int, str], currency: str) -> Iterator[Level]:
    """The levels at every instant at which the terms or the currency change."""
    now = _NOTHING
    for at_ms in sorted({*steps, *said}):
        now, currency = steps.get(at_ms, now), said.get(at_ms, currency)
        yield Level(
            from_ms=at_ms, currency=currency, mrr=now.mrr, subscribed=bool(now.terms), unknown=now.unknown
        )


def _changes(found: Iterable[Level]) -> Iterator[Level]:
    """The levels that differ from the one before."""
    before: Level | None = None
    for level in found:
        if level.differs(before):
            yield level
            before = level


def _without_gaps(found: list[Level]) -> Iterator[Level]:
    """An absence of at most an hour between two subscriptions was never one."""
    for level, after in zip_longest(found, found[1:]):
        is_short = after is not None and after.from_ms - level.from_ms <= ONE_MOVEMENT_MS
        if level.subscribed or not is_short:
            yield level


def _netted(found: Iterable[Level]) -> Iterator[Level]:
    """One level for the changes within an hour of the first of them, as it is after the last."""
    netted: Level | None = None
    for level in found:
        if netted is not None and level.from_ms - netted.from_ms <= ONE_MOVEMENT_MS:
            netted = replace(level, from_ms=netted.from_ms)
            continue
        if netted is not None:
            yield netted
        netted = level
    if netted is not None:
        yield netted


def _paying(found: Iterable[Level]) -> Iterator[Level]:
    """A subscription counts from when a price is known to be asked for, or is not known, until it ends."""
    counts = False
    for level in found:
        counts = level.subscribed and bool(counts or level.mrr or level.unknown)
        yield replace(level, subscribed=counts)
