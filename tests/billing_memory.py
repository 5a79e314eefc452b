"""Billing's ports in memory, with a hook before and after each step, and the way of an event over them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from stemtide.billing.events import Claim, Pending, State, claim_of
from stemtide.billing.objects import Customer, Invoice, Kind, kind_of
from stemtide.billing.plan_names import PlanNames
from stemtide.billing.ports import BillingPorts, Stored, StoredBook
from stemtide.billing.reconcile import Progress, Reconciled, ReconcilePorts, reconcile
from stemtide.billing.working import Worked, work_off
from stemtide.clock import REAL_TIME
from stemtide.config_plans import Plan
from stemtide.facts import Fact
from stemtide.ports import ConflictError
from stemtide.store.record_keys import fact_key

from tests.billing_provider import TestProvider

PLANS = (
    Plan(name="starter", rank=1, mrr=1000),
    Plan(name="business", rank=2, mrr=1000, mrr_per_seat=500),
    Plan(name="enterprise", rank=3),
)


@dataclass
class Memory:
    """Objects, books, facts and events; `step` is called with a name before and after each write."""

    provider: TestProvider = field(default_factory=TestProvider)
    step: Callable[[str], None] = lambda _: None
    objects: dict[tuple[str, Kind, str], Stored] = field(default_factory=dict)
    books: dict[str, StoredBook] = field(default_factory=dict)
    payments: dict[str, tuple[str, str]] = field(default_factory=dict)
    facts: dict[str, dict[str, Fact]] = field(default_factory=dict)
    traits: dict[str, str] = field(default_factory=dict)
    events: dict[str, tuple[Claim, Worked | None]] = field(default_factory=dict)
    progress: Progress | None = None
    ticks: int = 0

    def ports(self, **changes: Any) -> BillingPorts:
        given: dict[str, Any] = {
            "provider": self.provider,
            "objects": _Objects(self),
            "books": _Books(self),
            "account_of": self.traits.get,
            "put_facts": self._put_facts,
            "now_ms": self.now_ms,
            "clock": REAL_TIME,
            "names": PlanNames(plans=PLANS),
            "account_key": "account",
        }
        return BillingPorts(**(given | changes))

    def now_ms(self) -> int:
        """Real time: the provider's, and a millisecond more each time that somebody looks."""
        self.ticks += 1
        return self.provider.now_s * 1000 + self.ticks

    def take(self, event: dict[str, Any]) -> None:
        """Claim an event, as any way in does it."""
        claim = claim_of(event, arrived_ms=self.provider.now_s * 1000, via="webhook")
        if claim is not None:
            self.claim(claim)

    def claim(self, claim: Claim, /) -> bool:
        new = claim.id not in self.events
        self.events.setdefault(claim.id, (claim, None))
        return new

    def again(self, claim: Claim, /, *, driven_ms: int) -> bool:
        known = claim.id in self.events
        self.events[claim.id] = (claim, None)
        return known

    def open(self, state: State, /, *, until_ms: int | None = None) -> Iterator[Pending]:
        wanted = None if state is State.PENDING else state
        for claim in self.waiting(wanted):
            if until_ms is None or claim.arrived_ms <= until_ms:
                yield Pending(claim=claim, state=state)

    def reconcile(self, *, walk: bool = False) -> Reconciled:
        """A reconcile, and all that it hands on worked off."""
        ports = ReconcilePorts(
            billing=self.ports(), events=self, progress=lambda: self.progress, save=self._save
        )
        found = reconcile(ports, now_ms=self.now_ms(), walk=walk)
        for claim in self.waiting(None):
            self.work(claim.id)
        return found

    def _save(self, progress: Progress) -> None:
        self.progress = progress

    def work(self, event_id: str) -> Worked:
        claim, _ = self.events[event_id]
        worked = work_off(claim, self.ports())
        self.step("finish")
        self.events[event_id] = (claim, worked)
        return worked

    def deliver(self, event: dict[str, Any]) -> Worked | None:
        self.take(event)
        return self.work(event["id"]) if event["id"] in self.events else None

    def waiting(self, state: State | None) -> list[Claim]:
        """Those in a state; None: pending."""
        return [
            claim
            for claim, worked in self.events.values()
            if (worked is None if state is None else worked is not None and worked.state is state)
        ]

    def told(self, account: str = "acme") -> list[Fact]:
        return sorted(self.facts.get(account, {}).values(), key=lambda fact: (fact.at_ms, fact.kind, fact.id))

    def _put_facts(self, account: str, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.step("fact")
            self.facts.setdefault(account, {}).setdefault(fact_key(fact), fact)
            self.step("fact is in")


@dataclass
class _Objects:
    memory: Memory

    def get(self, customer: str, kind: Kind, object_id: str, /) -> Stored | None:
        return self.memory.objects.get((customer, kind, object_id))

    def all_of(self, customer: str, kind: Kind, /) -> list[Stored]:
        return [row for key, row in self.memory.objects.items() if key[:2] == (customer, kind)]

    def put(self, stored: Stored, /) -> None:
        known = stored.known
        self.memory.step("row")
        customer = known.id if isinstance(known, Customer) else known.customer
        key = (customer, kind_of(known), known.id)
        before = self.memory.objects.get(key)
        if (before.version if before else 0) != stored.version - 1:
            raise ConflictError
        if isinstance(known, Invoice):
            self.memory.payments |= dict.fromkeys(known.payments, (customer, known.id))
        decoded = msgspec.json.decode(msgspec.json.encode(known), type=type(known))
        assert decoded == known
        self.memory.objects[key] = stored
        self.memory.step("row is in")

    def invoice_of(self, payment: str, /) -> tuple[str, str] | None:
        return self.memory.payments.get(payment)


@dataclass
class _Books:
    memory: Memory

    def get(self, account: str, /) -> StoredBook:
        return self.memory.books.get(account, StoredBook())

    def put(self, account: str, stored: StoredBook, /) -> None:
        self.memory.step("book")
        if self.get(account).version != stored.version - 1:
            raise ConflictError
        self.memory.books[account] = stored
        self.memory.step("book is in")
