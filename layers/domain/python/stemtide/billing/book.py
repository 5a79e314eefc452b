"""What an account subscribes to, over all its customers and subscriptions, and what was told of that.

Facts know a plan by its name, so what is told is one line per plan name: two subscriptions of the same plan
are one line with the sum. At most one line is the account's plan, the others stand beside it as add-ons.

Facts have one currency, that of the account's plan, and currencies are never added up: what is paid in
another one is an add-on that has the currency in its name, and no known price.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from stemtide.billing.objects import Subscription
from stemtide.facts import Fact
from stemtide.traits import MAX_TEXT_CHARS


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan that runs, by one or more subscriptions; `since_ms` is when they began, `period_start_ms` the
    present period (epoch ms). `rank` is that of the configured plan, None for others.
    """

    plan: str
    subscriptions: tuple[str, ...]
    rank: int | None = None
    mrr: int | None = None
    quantity: int | None = None
    units: str | None = None
    currency: str
    since_ms: int
    period_start_ms: int
    period_end_ms: int | None = None
    addon: bool = False


class End(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When and why a subscription has ended, as the provider says."""

    at_ms: int
    reason: str | None = None


class Book(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account's lines by customer, what was told of them, and what is still to be told.

    `told` is the lines by plan, `traits` the traits, `last_ms` when the last fact of each plan happened,
    `seen` the subscriptions that ever had a line, `read` the customers of whom everything was read.
    `owed` are facts that may not be among the account's yet: they are written with the book, in one item, so
    that a crash between the two loses none.
    """

    customers: dict[str, tuple[Line, ...]] = {}
    told: dict[str, Line] = {}
    traits: dict[str, Any] = {}
    last_ms: dict[str, int] = {}
    seen: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    owed: tuple[Fact, ...] = ()

    def by_size(self) -> list[str]:
        """The account's customers, who pays most first, ties by name."""
        paid = {one: sum(line.mrr or 0 for line in self.customers.get(one, ())) for one in self.read}
        return sorted({*paid, *self.customers}, key=lambda one: (-paid.get(one, 0), one))


EMPTY: Final = Book()


def lines_of(subscriptions: Iterable[Subscription]) -> tuple[Line, ...]:
    """The lines of a customer, by plan and currency; what does not run has none."""
    found: dict[tuple[str, str], Line] = {}
    for one in sorted(subscriptions, key=lambda one: one.id):
        if one.running:
            for item in one.items:
                line = Line(
                    plan=item.plan,
                    subscriptions=(one.id,),
                    rank=item.rank,
                    mrr=item.mrr,
                    quantity=None if item.metered else item.quantity,
                    units=item.units,
                    currency=one.currency,
                    since_ms=one.start_ms,
                    period_start_ms=max(one.start_ms, one.period_start_ms or one.start_ms),
                    period_end_ms=one.period_end_ms,
                )
                place = line.plan, line.currency
                found[place] = _joined(found.get(place), line)
    return tuple(found[place] for place in sorted(found))


def ends_of(subscriptions: Iterable[Subscription]) -> dict[str, End]:
    """When subscriptions have ended, by their ids."""
    return {
        one.id: End(at_ms=one.ended_ms, reason=one.feedback or one.cause)
        for one in subscriptions
        if one.over and one.ended_ms is not None
    }


def standing(customers: Mapping[str, Iterable[Line]]) -> dict[str, Line]:
    """The lines of an account by plan, one of them its plan: the configured one of the highest rank, else the
    dearest; the others are add-ons."""
    found: dict[tuple[str, str], Line] = {}
    for customer in sorted(customers):
        for line in customers[customer]:
            place = line.plan, line.currency
            found[place] = _joined(found.get(place), line)
    base = max(found.values(), key=_weight, default=None)
    if base is None:
        return {}
    of_plan = [line for line in found.values() if line.plan == base.plan]
    currency = min(of_plan, key=lambda line: (line.since_ms, line.currency)).currency
    told = [_told(line, base.plan, currency) for line in found.values()]
    return {line.plan: line for line in told}


def _told(line: Line, plan: str, currency: str) -> Line:
    """A line as the facts of an account have it that pays for its plan in a currency."""
    if line.currency == currency:
        return msgspec.structs.replace(line, addon=line.plan != plan)
    name = f"{line.plan[: MAX_TEXT_CHARS - 6]} ({line.currency})"
    return msgspec.structs.replace(line, plan=name, rank=None, mrr=None, addon=True)


def _weight(line: Line) -> tuple[int, int, str]:
    return -1 if line.rank is None else line.rank, line.mrr or 0, line.plan


def _joined(one: Line | None, other: Line) -> Line:
    """Two lines of the same plan and currency as one: money and quantity add up, the earliest beginning
    counts."""
    if one is None:
        return other
    ends = [end for end in (one.period_end_ms, other.period_end_ms) if end is not None]
    return Line(
        plan=one.plan,
        subscriptions=tuple(sorted({*one.subscriptions, *other.subscriptions})),
        rank=one.rank,
        mrr=_sum(one.mrr, other.mrr),
        quantity=_sum(one.quantity, other.quantity),
        units=one.units if one.units == other.units else None,
        currency=one.currency,
        since_ms=min(one.since_ms, other.since_ms),
        period_start_ms=max(one.period_start_ms, other.period_start_ms),
        period_end_ms=min(ends, default=None),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
