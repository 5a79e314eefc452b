"""From what an account subscribes to now, and what was told of it, to the facts that are new.

A billing period is no term that runs out: a subscription goes on until the provider says that it has ended,
so what is told has no length, and the renewal date is a trait. A fact says all of its plan. It happened when
the provider says so: a beginning, renewal or end by the object's own instants, any other change by the event
that told of it.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stemtide.billing.book import Book, End, Line, standing
from stemtide.calls import day_of, iso_of
from stemtide.facts import TRAITS_KIND, Fact
from stemtide.traits import SUBSCRIPTION, TRAITS, checked

STARTED: Final = "started"
CHANGED: Final = "changed"
ENDED: Final = "ended"
CUSTOMER: Final = "stripe_customer_id"
RENEWAL: Final = "renewal_date"
_SAID: Final = ("mrr", "quantity", "units", "addon")
"""What of a line a fact says, and whose change is a fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """How something became known of a customer: `at_ms` is when the event happened that told of it,
    `known_ms` when the provider was read; `ends` are the ends of subscriptions, by their ids."""

    at_ms: int
    known_ms: int
    ends: Mapping[str, End]


def tell(book: Book, customer: str, lines: tuple[Line, ...] | None, news: News) -> Book:
    """The book with a customer's lines as they are now, and with the facts that this makes.

    Args:
        lines: None when the customer is another account's.
    """
    if lines is None and customer not in book.read:
        return book
    customers = {**book.customers, customer: lines or ()}
    if not lines:
        del customers[customer]
    now = standing(customers)
    told = _Telling(book, news)
    facts = [
        fact
        for plan in sorted({*book.told, *now})
        for fact in told.of_plan(book.told.get(plan), now.get(plan))
    ]
    read = book.read - {customer} if lines is None else book.read | {customer}
    known = book.traits
    if lines is None and known.get(CUSTOMER) == customer:
        known = {**known, CUSTOMER: None}
    traits = _traits(known, now, customer if lines is not None else None, customers)
    facts += told.of_traits({name: v for name, v in traits.items() if book.traits.get(name) != v})
    seen = book.seen.union(*(line.subscriptions for line in lines or ()))
    return Book(
        customers=customers,
        told=now,
        traits=traits,
        last_ms=told.last_ms,
        seen=seen,
        read=read,
        owed=(*book.owed, *facts),
    )


class _Telling:
    """Makes facts, each after all that was told of its plan before.

    A plan that becomes the account's begins after all that was told of any plan: what is told of that one
    replaces others, and facts count in the order in which they happened, whenever they became known.
    """

    def __init__(self, book: Book, news: News) -> None:
        self._book = book
        self._news = news
        self._latest_ms = max(
            (at_ms for plan, at_ms in book.last_ms.items() if plan != TRAITS_KIND), default=None
        )
        self.last_ms = dict(book.last_ms)

    def of_plan(self, was: Line | None, now: Line | None) -> Iterator[Fact]:
        """What is to be told of one plan."""
        if was is None and now is not None:
            yield self._first(now)
        elif was is not None and now is None:
            end = self._end(was)
            said = {"plan": was.plan, "addon": was.addon, "reason": end.reason}
            yield self._fact(ENDED, said, end.at_ms)
        elif was is not None and now is not None:
            yield from self._of_running(was, now)

    def _of_running(self, was: Line, now: Line) -> Iterator[Fact]:
        if now.subscriptions == was.subscriptions and now.period_start_ms > was.period_start_ms:
            yield self._fact(STARTED, _data(now), now.period_start_ms)
        elif any(getattr(was, name) != getattr(now, name) for name in _SAID):
            at_ms = self._news.at_ms
            if was.addon and not now.addon:
                at_ms = self._after_all(at_ms)
            yield self._fact(STARTED if _is_forgotten(was, now) else CHANGED, _data(now), at_ms)

    def _first(self, line: Line) -> Fact:
        """The beginning of a plan: a subscription that is new began when it says so, even where that is told
        after what came later; one that has changed, or has come back, begins with the event."""
        is_new = not self._book.seen.intersection(line.subscriptions)
        began_ms = line.since_ms if is_new else self._news.at_ms
        at_ms = began_ms if line.addon else self._after_all(began_ms)
        since = {"term_start": iso_of(began_ms)} if is_new and at_ms != began_ms else {}
        return self._fact(STARTED, {**_data(line), **since}, at_ms)

    def _after_all(self, wanted_ms: int) -> int:
        return wanted_ms if self._latest_ms is None else max(wanted_ms, self._latest_ms + 1)

    def of_traits(self, said: Mapping[str, Any]) -> Iterator[Fact]:
        """The traits that are new."""
        if said:
            data, dropped = checked(said, TRAITS)
            yield self._made(TRAITS_KIND, data, dropped, self._after(TRAITS_KIND, self._news.at_ms))

    def _end(self, line: Line) -> End:
        ends = [self._news.ends.get(one) for one in line.subscriptions]
        found = [end for end in ends if end is not None]
        if len(found) < len(ends):
            return End(at_ms=self._news.at_ms)
        return max(found, key=lambda end: end.at_ms)

    def _fact(self, kind: str, said: Mapping[str, Any], at_ms: int) -> Fact:
        """A fact of a plan; what facts may not hold is left out and named."""
        data, dropped = checked({name: v for name, v in said.items() if v is not None}, SUBSCRIPTION)
        return self._made(kind, data, dropped, self._after(str(said["plan"]), at_ms))

    def _after(self, plan: str, wanted_ms: int) -> int:
        """Of facts of one instant nobody knows the first."""
        before = self.last_ms.get(plan)
        self.last_ms[plan] = wanted_ms if before is None else max(wanted_ms, before + 1)
        return self.last_ms[plan]

    def _made(self, kind: str, data: dict[str, Any], dropped: dict[str, str], at_ms: int) -> Fact:
        """Its id follows from what it says: the same news told again are the same fact."""
        content = msgspec.json.encode([kind, at_ms, data], order="deterministic")
        return Fact(
            id=blake2b(b"billing\0" + content, digest_size=6).hexdigest(),
            known_ms=self._news.known_ms,
            at_ms=at_ms,
            kind=kind,
            data=data,
            dropped=dropped,
        )


def _is_forgotten(was: Line, now: Line) -> bool:
    """Whether something is not known any more: a change keeps what it does not say, only a beginning says
    all of a plan."""
    return any(getattr(was, name) is not None and getattr(now, name) is None for name in _SAID)


def _data(line: Line) -> dict[str, Any]:
    return {"plan": line.plan, **{name: getattr(line, name) for name in _SAID}}


def _traits(
    told: Mapping[str, Any], now: Mapping[str, Line], customer: str | None, customers: Container[str]
) -> dict[str, Any]:
    """What the provider knows of the account. The first customer that was heard of stays the account's, until
    it subscribes to nothing and another does.

    Args:
        customer: the one that there is news of; None: it is another account's.
    """
    before = told.get(CUSTOMER)
    stays = customer is None or (before is not None and (before in customers or customer not in customers))
    traits = {**told, CUSTOMER: before if stays else customer}
    base = next((line for line in now.values() if not line.addon), None)
    if base is not None:
        traits["currency"] = base.currency
    if base is not None and base.period_end_ms is not None:
        traits[RENEWAL] = day_of(base.period_end_ms)
    elif told.get(RENEWAL) is not None:
        traits[RENEWAL] = None
    return traits
