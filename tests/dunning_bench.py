"""An unpaid renewal and the real steps of dunning about it, moved by hand.

The provider is in memory, its clock is moved by tests, and the mail service keeps what it is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from stemtide.clock import REAL_TIME
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import MailStep, Policy
from stemtide.dunning.decide import Ending
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts, Outcome
from stemtide.dunning.handling import on_task
from stemtide.dunning.keeping import Failed, Keeper
from stemtide.dunning.ledger import Entry, Kind, whole
from stemtide.dunning.live_facts import LiveFacts
from stemtide.dunning.mailing import Letterbox
from stemtide.dunning.ports import Fate, MailFate, ReadFacts
from stemtide.dunning.steps import Stepper
from stemtide.mail.message import MailRequest
from stemtide.profile import UNKNOWN
from stemtide.stepping import Next

from payments import collecting
from payments.in_memory import Fault, InMemoryPayments
from tests.payment_benches import DAY_S, Bench, memory_bench
from tests.simulation.dunning.memory import MemoryEpisodes

POLICY = Policy(
    retry_days=(1.0, 3.0, 5.0),
    paydays=(),
    mails=(
        MailStep(name="first", after_days=0.0),
        MailStep(name="reminder", after_days=4.0),
        MailStep(name="final_notice", after_days=7.0, last=True),
    ),
    end_days=10.0,
)
LEASE_MS = 120_000
MOST_STEPS = 400


class Died(Exception):  # noqa: N818 - what it is
    """The function died here."""


@dataclass
class Runs:
    """`dunning.keeping.Runs`: what was started, which runs are under way, which waits were ended."""

    started: list[str] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)

    def start(self, episode: Episode, /) -> None:
        self.started.append(episode.execution)
        self.alive.add(episode.execution)

    def runs(self, episode: Episode, /) -> bool:
        return episode.execution in self.alive

    def wake(self, token: str, /) -> None:
        self.woken.append(token)


@dataclass
class Dunning:
    """A customer whose renewal has failed a moment ago; `faults` and `points` are what goes wrong next: each
    names a call of the provider, of the episodes or `mail`, and is used once."""

    currency: str = "usd"
    amount: int = 5000
    outcomes: tuple[Any, ...] = ("insufficient_funds",)
    then: Any = None
    policy: Policy = POLICY
    owner: CollectionOwner = CollectionOwner.OWN
    held: str | None = None
    bench: Bench = field(default_factory=memory_bench)
    runs: Runs = field(default_factory=Runs)
    mails: list[MailRequest] = field(default_factory=list)
    fates: list[MailFate] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    points: list[tuple[str, str, Callable[[], Any]]] = field(default_factory=list)
    read_facts: ReadFacts | None = None
    card_url: str = ""

    def __post_init__(self) -> None:
        self.episodes = MemoryEpisodes(self.at_a_point)
        self.payments = InMemoryPayments(self.bench.provider, faults=self._fault, step=self.at_a_point)
        self.customer = self.bench.customer()
        self.subscription = str(self.subscribe()["id"])
        self.bench.script(self.customer, *self.outcomes, then=self.then)
        self.bench.clock.advance(days=31, seconds=3700)
        self.invoice = str(self.bench.ask("GET", f"/v1/subscriptions/{self.subscription}")["latest_invoice"])

    def subscribe(self, *, amount: int | None = None, **more: Any) -> dict[str, Any]:
        """A subscription of the customer's, whose first month is paid."""
        price = self.bench.price(amount or self.amount, self.currency)
        return self.bench.subscribe(self.customer, price, **more)

    # --- what is dunned with ---------------------------------------------------------------------

    def now_ms(self) -> int:
        return self.bench.clock() * 1000

    @property
    def stepper(self) -> Stepper:
        return Stepper(
            episodes=self.episodes,
            payments=self.payments,
            read_facts=self.read_facts or self.read,
            send_mail=Letterbox(
                provider=self.payments,
                profile_of=lambda _: UNKNOWN,
                send=self._send,
                policy_of=lambda _: self.policy,
                zone_of=lambda _: ZoneInfo("UTC"),
                owner=lambda: self.owner,
                card_url=self.card_url,
            ),
            policy_of=lambda _: self.policy,
            zone_of=lambda _: ZoneInfo("UTC"),
            owner=lambda: self.owner,
            now_ms=self.now_ms,
            lease_ms=LEASE_MS,
        )

    @property
    def keeper(self) -> Keeper:
        return Keeper(
            episodes=self.episodes,
            runs=self.runs,
            owner=self.owner,
            policy_name=lambda _: self.policy.name,
            now_ms=self.now_ms,
        )

    def read(self, episode: Episode, entries: Any, /) -> Facts:
        """What a decision rests on now."""
        read = LiveFacts(provider=self.payments, held=lambda _: self.held, now_ms=self.now_ms)
        return read(episode, entries)

    # --- what happens ----------------------------------------------------------------------------

    def failed(self, invoice: str | None = None) -> str | None:
        """The payment's failure is heard."""
        return self.keeper.payment_failed(
            Failed(
                account="acme",
                customer=self.customer,
                invoice=invoice or self.invoice,
                failed_ms=self.now_ms(),
            )
        )

    def opened(self) -> "Dunning":
        """The episode is open."""
        assert self.failed() is not None
        return self

    def step(self) -> Next:
        """One step of the running episode."""
        row = self.row
        return self.stepper.step(row.id, row.run)

    def task(self, do: str, **more: Any) -> dict[str, Any]:
        """One task of the state machine."""
        event = {"do": do, "episode": self.row.id, "run": self.row.run, **more}
        return on_task(event, stepper=self.stepper, keeper=self.keeper, clock=REAL_TIME, now_ms=self.now_ms)

    def play(self, *, days: float = 60, until: Callable[[], bool] = lambda: False) -> Next:
        """Step, and let the time of each wait pass, for so many days or until something is true."""
        end_ms = self.now_ms() + round(days * DAY_S * 1000)
        for _ in range(MOST_STEPS):
            found = self.step()
            if found.do == "end" or until():
                return found
            if found.until_ms is not None:
                if found.until_ms > end_ms:
                    self.bench.clock.now_s = end_ms // 1000
                    return found
                self.bench.clock.now_s = max(self.bench.clock.now_s, -(-found.until_ms // 1000))
                self.bench.provider.tick()
        raise AssertionError(f"not over after {MOST_STEPS} steps: {self.row}")

    def another_card(self, token: str = "pm_card_mastercard", *, usual: bool = True) -> str:
        """The customer gives another card."""
        method = self.bench.ask("POST", f"/v1/payment_methods/{token}/attach", customer=self.customer)["id"]
        if usual:
            settings = {"default_payment_method": method}
            self.bench.ask("POST", f"/v1/customers/{self.customer}", invoice_settings=settings)
        return str(method)

    # --- what there is ---------------------------------------------------------------------------

    @property
    def row(self) -> Episode:
        """The latest episode."""
        return self.episodes.all()[-1][0]

    @property
    def ledger(self) -> list[Entry]:
        """Its entries."""
        return whole(self.episodes.all()[-1][1])

    def of_kind(self, kind: Kind) -> list[Entry]:
        return [one for one in self.ledger if one.kind is kind]

    @property
    def ending(self) -> Ending | None:
        return self.row.ending

    def facts(self) -> Facts:
        """What the product reads of the latest episode."""
        return self.read(self.row, self.ledger)

    def charges(self, invoice: str | None = None) -> list[dict[str, Any]]:
        """Every charge of the renewal, the oldest first."""
        found = self.bench.provider.world.store.all("charge")
        return [one for one in found if one["_invoice"] == (invoice or self.invoice)]

    def without_card(self) -> "Dunning":
        """The customer has no card when the next renewal is due, and its payment fails without a charge."""
        for method in list(self.payments.payment_methods(self.customer)):
            self.bench.ask("POST", f"/v1/payment_methods/{method['id']}/detach")
        return self.next_month()

    def next_month(self) -> "Dunning":
        """The next renewal has just been tried."""
        self.bench.clock.advance(days=31, seconds=3700)
        self.bench.provider.tick()
        self.invoice = str(self.bench.ask("GET", f"/v1/subscriptions/{self.subscription}")["latest_invoice"])
        return self

    def ours(self) -> list[dict[str, Any]]:
        """The charges that we asked for."""
        found = self.bench.provider.world.store.all("charge")
        return [one for one in found if (one["_key"] or "").startswith(self.row.id)]

    def steps_mailed(self) -> list[str]:
        """The mails that went out, as `invoice:step`."""
        return [one.step for one in self.mails]

    # --- what goes wrong -------------------------------------------------------------------------

    def at_a_point(self, name: str, when: str) -> None:
        for planned in list(self.points):
            if planned[:2] == (name, when):
                self.points.remove(planned)
                planned[2]()

    def _fault(self, name: str) -> Fault | None:
        for planned in list(self.faults):
            if planned[0] == name:
                self.faults.remove(planned)
                return planned[1]
        return None

    def _send(self, request: MailRequest) -> MailFate:
        self.at_a_point("mail", "before")
        fate = self.fates.pop(0) if self.fates else MailFate(fate=Fate.SENT, key=f"key-{len(self.mails)}")
        if fate.fate in (Fate.SENT, Fate.UNKNOWN):
            self.mails.append(request)
        return fate


def dies() -> None:
    """The function dies."""
    raise Died


def with_(policy: Policy = POLICY, **changes: Any) -> Policy:
    """A policy with changes."""
    return msgspec.structs.replace(policy, **changes)


LONG = with_(end_days=30.0)


def paid(dunning: Dunning, invoice: str | None = None) -> list[int]:
    """The amounts that were taken for an invoice."""
    return [one["amount"] for one in dunning.charges(invoice) if one["paid"]]


def collect_by_hand(dunning: Dunning, amount: int | None = None) -> dict[str, Any]:
    """The customer pays without being asked; the charge."""
    world = dunning.bench.provider.world
    invoice = world.store.need("invoice", dunning.invoice)
    method = next(iter(world.store.of("payment_method", "customer", dunning.customer)))
    collecting.receive(world, invoice, amount or invoice["amount_remaining"], method)
    return dunning.charges()[-1]


def two_unpaid(**about: Any) -> tuple[Dunning, str]:
    """Invoices of two subscriptions are unpaid; the later one's id."""
    dunning = Dunning(then="do_not_honor", **about)
    other = dunning.subscribe(amount=7000, trial_period_days=1)
    dunning.opened()
    dunning.play(days=1.2)
    return dunning, str(dunning.bench.ask("GET", f"/v1/subscriptions/{other['id']}")["latest_invoice"])


def unknown(fault: Fault = Fault.UNREACHED, **about: object) -> Dunning:
    """A try of which nobody knows how it ended."""
    dunning = Dunning(faults=[("pay_invoice", fault)], **about).opened()  # type: ignore[arg-type]
    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE_CLAIMED)))
    return dunning


def told(dunning: Dunning) -> list[tuple[Outcome | None, str | None]]:
    """Outcomes and reasons of the tries."""
    return [(one.outcome, one.reason) for one in dunning.of_kind(Kind.CHARGE)]
