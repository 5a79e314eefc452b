"""Makes up for what never arrived: the provider's own list of events, all subscriptions, and what waits.

Whatever is found is claimed like an event that arrived; the table's stream hands it on. So a reconcile may be
repeated, run twice or stop anywhere: what is claimed stays claimed, and the list is gone through again from
where the progress says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from stemtide.billing.events import Claim, Pending, State, claim_of, refresh_of
from stemtide.billing.normalise import customer_of, subscription_of
from stemtide.billing.objects import OPEN, Kind, MalformedError, Subscription
from stemtide.billing.ports import BillingPorts
from stemtide.billing.provider import Json
from stemtide.billing.reading import reference
from stemtide.calls import DAY_MS, MINUTE_MS

JOB: Final = "billing"
LISTED_S: Final = 29 * 86_400
"""The provider lists 30 days of events; a day less, so that none is missed at the edge."""
OVERLAP_S: Final = 3600
"""An event may be listed a little after it was made."""
WALK_EVERY_MS: Final = 7 * DAY_MS
"""All subscriptions are compared so often even when no event was missed."""
LATE_MS: Final = 15 * MINUTE_MS
"""An event that is pending for longer is handed on again: its batch was given up."""
OVERDUE_MS: Final = DAY_MS
"""One that is pending for longer is worth an alarm."""
SAVE_EVERY: Final = 500
METRICS: Final = {
    "claimed": "BillingEventsMissed",
    "overdue": "BillingEventsOverdue",
    "unmapped": "BillingEventsUnmapped",
    "failed": "BillingEventsFailed",
}
"""What a reconcile measures at its end, as CloudWatch calls it."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far reconciles have come: events created before `events_until_s` (the provider's time) were listed,
    all subscriptions were compared at `walked_ms` (model time)."""

    events_until_s: int
    walked_ms: int | None = None


class Reconciled(msgspec.Struct, kw_only=True):
    """What a reconcile found: events listed and those that had not arrived (None: none was asked for),
    customers whose subscriptions differed, events handed on again; and what still waits, of which `overdue`
    for more than a day."""

    listed: int = 0
    claimed: int | None = None
    unreadable: int = 0
    walked: int | None = None
    differed: int = 0
    again: int = 0
    overdue: int = 0
    unmapped: int = 0
    failed: int = 0


class Events(Protocol):
    """The claimed events."""

    def claim(self, claim: Claim, /) -> bool: ...

    def again(self, claim: Claim, /, *, driven_ms: int) -> bool: ...

    def open(self, state: State, /, *, until_ms: int | None = None) -> Iterator[Pending]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePorts:
    """What a reconcile touches besides what working off an event does."""

    billing: BillingPorts
    events: Events
    progress: Callable[[], Progress | None]
    save: Callable[[Progress], None]


def reconcile(ports: ReconcilePorts, *, now_ms: int, walk: bool = False) -> Reconciled:
    """Claim what never arrived and hand on what waits.

    Args:
        now_ms: real time.
        walk: compare all subscriptions, even when it is not their day.

    Raises:
        UnavailableError: something did not answer; the next one goes on.
    """
    found = Reconciled(claimed=0)
    model_ms = ports.billing.clock.at(now_ms)
    before = ports.progress()
    edge_s = model_ms // 1000 - LISTED_S
    gap = before is None or before.events_until_s < edge_s
    since_s = edge_s if before is None or gap else before.events_until_s - OVERLAP_S
    walked_ms = None if before is None else before.walked_ms
    due = walk or gap or walked_ms is None or model_ms - walked_ms >= WALK_EVERY_MS
    _events(ports, found, since_s=since_s, saved=None if gap else before, now_ms=now_ms)
    if due:
        _walk(ports, found, now_ms=now_ms, every=gap)
        walked_ms = model_ms
    ports.save(Progress(events_until_s=model_ms // 1000, walked_ms=walked_ms))
    waiting = hand_on(ports, now_ms=now_ms, ask=True)
    return msgspec.structs.replace(
        found,
        again=waiting.again,
        overdue=waiting.overdue,
        unmapped=waiting.unmapped,
        failed=waiting.failed,
    )


def _events(
    ports: ReconcilePorts, found: Reconciled, *, since_s: int, saved: Progress | None, now_ms: int
) -> None:
    """Claim the listed events that had not arrived, the oldest first.

    Args:
        saved: goes on with the list; None where events were missed: until all is read they stay so.
    """
    for event in ports.billing.provider.events(since_s=max(0, since_s)):
        found.listed += 1
        try:
            claim = claim_of(event, arrived_ms=now_ms, via="reconcile")
        except MalformedError:
            found.unreadable += 1
            continue
        if claim is not None and ports.events.claim(claim):
            found.claimed = (found.claimed or 0) + 1
        if found.listed % SAVE_EVERY == 0 and claim is not None and saved is not None:
            ports.save(msgspec.structs.replace(saved, events_until_s=claim.created_ms // 1000))


def _walk(ports: ReconcilePorts, found: Reconciled, *, now_ms: int, every: bool) -> None:
    """Claim a look at each customer of whom a subscription is not as it was seen last; at `every` one, and
    those with an open invoice, where events were missed."""
    differ: set[str] = set()
    found.walked = 0
    for one in ports.billing.provider.subscriptions():
        found.walked += 1
        customer = reference(one.get("customer"))
        if customer is None or customer in differ:
            continue
        if every or _differs(ports.billing, customer, one, now_ms):
            differ.add(customer)
            look_at(ports, customer, now_ms=now_ms)
    for one in ports.billing.provider.invoices(status=OPEN) if every else ():
        customer = reference(one.get("customer"))
        if customer is not None and customer not in differ:
            differ.add(customer)
            look_at(ports, customer, now_ms=now_ms)
    found.differed = len(differ)


def look_at(ports: ReconcilePorts, customer: str, *, now_ms: int) -> None:
    """Have everything of a customer read anew."""
    claim = refresh_of(customer, at_ms=ports.billing.clock.at(now_ms), arrived_ms=now_ms)
    if not ports.events.claim(claim):
        ports.events.again(claim, driven_ms=now_ms)


def _differs(billing: BillingPorts, customer: str, found: Json, now_ms: int) -> bool:
    """Whether a subscription is another than was seen last, by what a list tells of it for certain."""
    stored = billing.objects.get(customer, Kind.SUBSCRIPTION, str(found.get("id")))
    if stored is None or not isinstance(stored.known, Subscription):
        return True
    try:
        fresh = subscription_of(found, names=billing.names, as_of_ms=billing.clock.at(now_ms))
    except MalformedError:
        return True  # working it off says why
    return _seen(fresh) != _seen(stored.known)


def _seen(one: Subscription) -> tuple[object, ...]:
    items = sorted((item.id, item.price, item.quantity) for item in one.items)
    return one.status, items, one.period_start_ms, one.period_end_ms, one.ended_ms, one.paused


def hand_on(ports: ReconcilePorts, *, now_ms: int, ask: bool) -> Reconciled:
    """Hand on what was given up, and what belonged to nobody and now belongs to somebody.

    Args:
        now_ms: real time.
        ask: ask the provider, too, whose customers are.

    Raises:
        UnavailableError: something did not answer; the next one goes on.
    """
    found = Reconciled()
    for one in list(ports.events.open(State.PENDING, until_ms=now_ms - LATE_MS)):
        found.overdue += one.claim.arrived_ms <= now_ms - OVERDUE_MS
        found.again += ports.events.again(one.claim, driven_ms=now_ms)
    mapped: dict[str, bool] = {}
    for one in list(ports.events.open(State.UNMAPPED)):
        found.unmapped += 1
        if _is_somebodys(ports.billing, one.claim, mapped, ask=ask):
            found.again += ports.events.again(one.claim, driven_ms=now_ms)
    found.failed = sum(1 for _ in ports.events.open(State.FAILED))
    return found


def _is_somebodys(billing: BillingPorts, claim: Claim, mapped: dict[str, bool], *, ask: bool) -> bool:
    """Whether an event that belonged to nobody has found its account, or its invoice."""
    customer = claim.customer
    if customer is None:
        return billing.objects.invoice_of(claim.object_id) is not None
    if customer not in mapped:
        mapped[customer] = billing.account_of(customer) is not None or (
            ask and _says_whose(billing, customer)
        )
    return mapped[customer]


def _says_whose(billing: BillingPorts, customer: str) -> bool:
    found = billing.provider.customer(customer)
    if found is None:
        return True  # it is deleted: its events end now
    try:
        return customer_of(found, account_key=billing.account_key).account is not None
    except MalformedError:
        return False
