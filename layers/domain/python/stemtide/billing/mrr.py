"""An account's monthly recurring revenue as a step function of time, from the facts of its subscriptions.

A fact counts from when it happened, and whether it counts is a matter of what was known at an instant: one
that comes late restates the months since it happened.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final

from stemtide.billing.paid_terms import paid_terms
from stemtide.facts import OF_SUBSCRIPTIONS, TRAITS_KIND, Fact, known_facts, terms_known

ONE_MOVEMENT_MS: Final = 60 * 60_000
"""Changes within an hour of the first are one movement; an absence that is no longer is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What an account pays from an instant on, until its next level.

    `mrr` in minor units of `currency`; terms without a price count 0 in it and 1 in `unknown`.
    """

    from_ms: int
    currency: str
    mrr: int = 0
    subscribed: bool = False
    unknown: int = 0

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
    if any(fact.kind in OF_SUBSCRIPTIONS for fact in known):
        steps = _of_terms(known, as_of_ms)
    else:
        steps = list(_of_traits(known))
    found = _in_currencies(steps, _currencies(known, currency))
    return tuple(_changes(level for level in found if level.from_ms <= as_of_ms))


def settled(found: Iterable[Level]) -> tuple[Level, ...]:
    """The levels that count: an absence of an hour or less is none, changes within an hour of the first are
    one at its instant, and a subscription that was not paid for so far (a trial, a free plan) is none yet."""
    without_gaps = _changes(_without_gaps(list(found)))
    return tuple(_changes(_paying(_netted(without_gaps))))


@dataclass(frozen=True, slots=True)
class _Step:
    """Terms' price, number and number without a price from an instant on."""

    from_ms: int
    mrr: int
    terms: int
    unknown: int


def _of_terms(known: list[Fact], as_of_ms: int) -> list[_Step]:
    deltas: dict[int, list[tuple[int, int, int]]] = {}
    for paid in paid_terms(terms_known(known, as_of_ms).stretches()):
        price, unknown = paid.term.mrr or 0, int(paid.term.mrr is None)
        deltas.setdefault(paid.from_ms, []).append((price, 1, unknown))
        if paid.end_ms is not None:
            deltas.setdefault(paid.end_ms, []).append((-price, -1, -unknown))
    steps, mrr, terms, unknown = [], 0, 0, 0
    for at_ms in sorted(deltas):
        mrr += sum(delta[0] for delta in deltas[at_ms])
        terms += sum(delta[1] for delta in deltas[at_ms])
        unknown += sum(delta[2] for delta in deltas[at_ms])
        steps.append(_Step(at_ms, mrr, terms, unknown))
    return steps


def _of_traits(known: list[Fact]) -> Iterator[_Step]:
    """A plan makes a subscription; where none was ever named, a price does."""
    said: dict[str, object] = {}
    for fact in known:
        if fact.kind != TRAITS_KIND:
            continue
        said.update(fact.data)
        price = said.get("mrr")
        mrr = price if isinstance(price, int) else None
        if not said.get("plan", mrr):
            yield _Step(fact.at_ms, 0, 0, 0)
        else:
            yield _Step(fact.at_ms, mrr or 0, 1, int(mrr is None))


def _currencies(known: list[Fact], default: str) -> list[tuple[int, str]]:
    """The currency from an instant on; the first one said holds for all time before, too."""
    return [
        (fact.at_ms, fact.data["currency"] or default)
        for fact in known
        if fact.kind == TRAITS_KIND and "currency" in fact.data
    ] or [(0, default)]


def _in_currencies(steps: list[_Step], currencies: list[tuple[int, str]]) -> Iterator[Level]:
    """The levels at every instant at which either changes; several of one instant end in the last."""
    now, currency = _Step(0, 0, 0, 0), currencies[0][1]
    said = dict(currencies)
    by_instant = {step.from_ms: step for step in steps}
    for at_ms in sorted({*by_instant, *said}):
        now, currency = by_instant.get(at_ms, now), said.get(at_ms, currency)
        yield Level(
            from_ms=at_ms, currency=currency, mrr=now.mrr, subscribed=now.terms > 0, unknown=now.unknown
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
        counts = level.subscribed and (counts or level.mrr > 0 or level.unknown > 0)
        yield level if counts else replace(level, mrr=0, subscribed=False, unknown=0)
