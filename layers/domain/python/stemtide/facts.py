"""What producers, billing and support say of a customer: facts, each with when it happened and became known.

`group` calls and the reserved events (subscriptions, support tickets, NPS) are facts. They are kept, all
of them, and the profile as of an instant is folded from those that were known by then: what a model saw on a
past day can be shown again on every later one.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from stemtide.as_of import parse_as_of
from stemtide.calls import RESERVED_PREFIX, Reason, day_of, show
from stemtide.profile import Profile, Standing, Step, Term, Ticket
from stemtide.subscriptions import SEAT_UNITS, Terms, term_end_ms
from stemtide.traits import SUBSCRIPTION, SURVEY, TICKET, TRAITS, Check, checked


class _Sort(NamedTuple):
    """A sort of reserved events: why one is set aside, its properties, the one it needs and what that is."""

    reason: Reason
    checks: Mapping[str, Check]
    needed: str
    remedy: str


TRAITS_KIND: Final = "traits"
TICKET_KIND: Final = "ticket"
NPS_KIND: Final = "nps"
_OF_TERMS: Final = tuple(name for name in Step.__struct_fields__ if name != "from_ms")
"""What of a profile changes with its terms."""
MAX_AHEAD_TERMS: Final = 200
"""Some 20 KB of a record's item."""
KIND_OF: Final = {
    "Subscription Started": "started",
    "Subscription Changed": "changed",
    "Subscription Ended": "ended",
    "Support Ticket Created": TICKET_KIND,
    "Support Ticket Updated": TICKET_KIND,
    "NPS Submitted": NPS_KIND,
}
"""The kind of fact that a reserved event is; others of their prefixes say nothing."""
_OF_TICKETS: Final = _Sort(Reason.BAD_TICKET, TICKET, "ticket_id", "the id that the ticket has")
_OF_SURVEYS: Final = _Sort(Reason.BAD_NPS, SURVEY, "score", "a whole number from 0 to 10")
_SORTS: Final = {TICKET_KIND: _OF_TICKETS, NPS_KIND: _OF_SURVEYS}
"""Others are of subscriptions."""
_OF_TICKET: Final = ("priority", "csat", "sentiment")
"""What of a ticket is whatever was said last."""
OF_SUBSCRIPTIONS: Final = frozenset({"started", "changed", "ended"})
"""Kinds of facts that tell of terms."""
_RANKS: Final = {TRAITS_KIND: 0, TICKET_KIND: 0, NPS_KIND: 0, "ended": 1, "started": 2, "changed": 3}
"""Of facts of the same millisecond: a product that ends and starts at once is running."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was said of an account.

    `id` is the hex of its message id's hash, `kind` one of traits, started, changed, ended, ticket, nps,
    `data` what was usable of it and `dropped` what was not: for each name what it is and what to send
    instead.
    """

    id: str
    known_ms: int
    at_ms: int
    kind: str
    data: dict[str, Any]
    dropped: dict[str, str] = {}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A trait or property that could not be taken over: since when (epoch ms) and why."""

    name: str
    detail: str
    at_ms: int


class UnusableFactError(ValueError):
    """Nothing of a reserved event is usable; the text names the property and the remedy."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def is_fact(kind: str, name: str) -> bool:
    """Whether a call of a type and (for track calls) event name may be a fact."""
    return kind == "group" or (kind == "track" and name.startswith(RESERVED_PREFIX))


def fact_id(message_id: str) -> str:
    """12 hex digits of a message id's hash; message ids are unique per account."""
    return blake2b(message_id.encode(), digest_size=6).hexdigest()


def fact_of(call: Mapping[str, Any], *, known_ms: int, at_ms: int) -> Fact | None:
    """The fact in an accepted call, None when it says nothing of the profile.

    Args:
        call: the decoded JSON of the call.
        known_ms: when it became known: its arrival; for a replayed one when it happened.
        at_ms: when it happened.

    Raises:
        UnusableFactError: a reserved event without a usable plan, ticket id or score.
    """
    made = partial(Fact, id=fact_id(call["messageId"]), known_ms=known_ms, at_ms=at_ms)
    if call["type"] == "group":
        data, dropped = checked(call.get("traits"), TRAITS)
        return made(kind=TRAITS_KIND, data=data, dropped=dropped) if data or dropped else None
    kind = KIND_OF.get(str(call.get("event"))) if call["type"] == "track" else None
    if kind is None:
        return None
    sort = _SORTS.get(kind) or _Sort(
        Reason.BAD_SUBSCRIPTION, SUBSCRIPTION, "plan", f"the name of the product that {kind}"
    )
    properties = call.get("properties")
    data, dropped = checked(properties, sort.checks)
    if data.get(sort.needed) is None:
        said = properties.get(sort.needed) if isinstance(properties, Mapping) else None
        raise UnusableFactError(sort.reason, f"properties.{sort.needed} is {show(said)}: send {sort.remedy}")
    return made(kind=kind, data=data, dropped=dropped)


def is_raw(fact: Fact) -> bool:
    """Whether the fact still holds a ticket's text, of which only the sentiment is to be kept."""
    return "text" in fact.data and (fact.data["text"] is not None or "sentiment" not in fact.data)


def without_text(fact: Fact, sentiment_of: Callable[[str], float | None]) -> Fact:
    """A fact with the sentiment of its text in the text's place; any other as it is.

    The producer's own `sentiment` wins, unless it is null. `text` stays as null, so that it still counts as
    having been said and a second look finds nothing to do. A text that was taken back (null) has no
    sentiment, nor has one of which `sentiment_of` knows none.
    """
    if not is_raw(fact):
        return fact
    text, own = fact.data["text"], fact.data.get("sentiment")
    found = sentiment_of(text) if own is None and text is not None else own
    return msgspec.structs.replace(fact, data={**fact.data, "text": None, "sentiment": found})


def fold_facts(facts: Iterable[Fact], as_of_ms: int) -> Profile:
    """The profile as of an instant: of what was known by then, in whatever order it comes.

    A fact that came twice counts as it came first.
    """
    return _Folded(facts, as_of_ms).at(as_of_ms)


def profile_before(facts: Iterable[Fact], at_ms: int) -> Profile:
    """The profile right before an instant by what had happened until then, whenever it became known."""
    earlier = [fact for fact in facts if fact.at_ms < at_ms]
    latest = max((fact.known_ms for fact in earlier), default=at_ms)
    return _Folded(earlier, latest).at(at_ms - 1)


def standing_at(facts: Iterable[Fact], as_of_ms: int) -> Standing:
    """All that was known of the account at an instant; its profile is what `fold_facts` folds."""
    known = known_facts(facts, as_of_ms)
    folded = _Folded(known, as_of_ms)
    scores = [fact.data["score"] for fact in known if fact.kind == NPS_KIND]
    return Standing(
        profile=folded.at(as_of_ms),
        terms=folded.terms.base_terms(as_of_ms),
        tickets=_tickets(fact for fact in known if fact.kind == TICKET_KIND),
        nps=scores[-1] if scores else None,
    )


def known_facts(facts: Iterable[Fact], as_of_ms: int) -> list[Fact]:
    """The facts known at an instant, each id as it came first, in the order in which they happened; of those
    of the same millisecond and rank the one that became known last is the last."""
    first: dict[str, Fact] = {}
    for fact in facts:
        if fact.known_ms <= as_of_ms:
            earlier = first.get(fact.id)
            if earlier is None or _arrival_order(fact) < _arrival_order(earlier):
                first[fact.id] = fact
    return sorted(first.values(), key=lambda fact: (fact.at_ms, _RANKS[fact.kind], fact.known_ms, fact.id))


def left_at(facts: Iterable[Fact], as_of_ms: int, *, grace_ms: int) -> int | None:
    """When an account left, by what was known at an instant of its plans' terms; None: it did not, as far as
    is known. A term that ran out counts only after `grace_ms`, as its renewal may be told late."""
    begun = [one for one in terms_known(facts, as_of_ms).base_stretches() if one.from_ms <= as_of_ms]
    if not begun or any(one.runs(as_of_ms) for one in begun):
        return None
    last = max(begun, key=lambda one: (one.end_ms or 0, one.from_ms))
    was_ended = last.until_ms is not None and last.until_ms == last.end_ms
    end_ms = last.end_ms or 0
    return end_ms if was_ended or end_ms + grace_ms <= as_of_ms else None


def terms_known(facts: Iterable[Fact], as_of_ms: int) -> Terms:
    """The terms of an account by what was known at an instant, of the past and ahead of it."""
    return _Folded(facts, as_of_ms).terms


def _tickets(facts: Iterable[Fact]) -> tuple[Ticket, ...]:
    """The tickets that facts, in the order in which they happened, tell of; what was said last counts."""
    said: dict[str, dict[str, Any]] = {}
    for fact in facts:
        about = said.setdefault(fact.data["ticket_id"], {"opened_ms": fact.at_ms})
        about.update({name: fact.data[name] for name in _OF_TICKET if name in fact.data})
    return tuple(Ticket(**about) for about in said.values())


def fold_to_store(facts: Iterable[Fact], as_of_ms: int) -> Profile:
    """The profile as of an instant with what is known to change after it, so that `at_instant` can be asked.

    At most `MAX_AHEAD_TERMS` terms are kept for later: the next steps are what anybody asks for before
    another fact comes.
    """
    folded = _Folded(facts, as_of_ms)
    ahead: list[Step] = []
    kept = 0
    for at_ms in folded.terms.changes_after(as_of_ms):
        later = folded.at(at_ms)
        step = Step(from_ms=at_ms, **{name: getattr(later, name) for name in _OF_TERMS})
        kept += 1 + len(step.terms)
        if kept > MAX_AHEAD_TERMS:
            break
        ahead.append(step)
    return msgspec.structs.replace(folded.at(as_of_ms), ahead=tuple(ahead))


def at_instant(profile: Profile, as_of_ms: int) -> Profile:
    """A stored profile as of a later instant, if nothing else became known: as `fold_facts` folds it then.

    Nothing tells of a term that simply begins or runs out, so whoever shows a stored profile asks this first.
    """
    over = [step for step in profile.ahead if step.from_ms <= as_of_ms]
    if not over:
        return profile
    said = {name: getattr(over[-1], name) for name in _OF_TERMS}
    return msgspec.structs.replace(profile, **said, ahead=profile.ahead[len(over) :])


def problems_of(facts: Iterable[Fact], as_of_ms: int) -> list[Problem]:
    """What could not be taken over and was not said correctly since, by name."""
    found: dict[tuple[str, str], Problem] = {}
    for fact in known_facts(facts, as_of_ms):
        group = fact.kind if fact.kind in (TRAITS_KIND, TICKET_KIND, NPS_KIND) else "subscription"
        for name in fact.data:
            found.pop((group, name), None)
        for name, detail in fact.dropped.items():
            found[group, name] = Problem(name=name, detail=detail, at_ms=fact.at_ms)
    return [found[key] for key in sorted(found)]


def _arrival_order(fact: Fact) -> tuple[int, int, bytes]:
    return fact.known_ms, fact.at_ms, msgspec.json.encode(fact, order="deterministic")


class _Folded:
    """What was known at an instant, ready to be looked at as of that instant or a later one."""

    def __init__(self, facts: Iterable[Fact], known_ms: int) -> None:
        self.terms = Terms()
        traits: dict[str, Any] = {}
        customer_since: list[int] = []
        for fact in known_facts(facts, known_ms):
            if fact.kind == TRAITS_KIND:
                traits.update(fact.data)
                if fact.data.get("plan"):
                    customer_since.append(fact.at_ms)
            elif fact.kind not in _SORTS:
                getattr(self.terms, fact.kind)(fact.data, fact.at_ms)
        if traits.get("created_at"):
            customer_since.append(parse_as_of(traits["created_at"]))
        if self.terms.first_start_ms is not None:
            customer_since.append(self.terms.first_start_ms)
        self._said_to_subscribe = bool(traits["plan"]) if "plan" in traits else None
        self._of_traits = Profile(
            **{name: value for name, value in traits.items() if value is not None},
            since_ms=min(customer_since, default=None),
        )

    def at(self, at_ms: int) -> Profile:
        running = self.terms.running(at_ms)
        heard = any(not term.addon for term in running) if self.terms.heard else self._said_to_subscribe
        return _with_terms(self._of_traits, running, subscribed=heard)


def _with_terms(profile: Profile, terms: tuple[Term, ...], *, subscribed: bool | None) -> Profile:
    """The profile with what its running terms say."""
    said: dict[str, Any] = {"terms": terms, "subscribed": subscribed}
    prices = [term.mrr for term in terms if term.mrr is not None]
    if prices:
        said["mrr"] = sum(prices)
    base = next((term for term in terms if not term.addon), None)
    if base is not None:
        said["plan"] = base.plan
        end_ms = term_end_ms(base)
        if end_ms is not None:
            said["renewal_date"] = day_of(end_ms)
        if base.quantity is not None and base.units is not None and base.units.lower() in SEAT_UNITS:
            said["seats"] = round(base.quantity)
    return msgspec.structs.replace(profile, **said)
