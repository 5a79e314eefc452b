"""One seeded run: customers whose payment fails, a provider, the state machine, and what goes wrong.

Whatever the product calls is a point at which something else may happen first: the customer pays, voids,
cancels, changes the card or asks to be let alone; the same task runs a second time; the function dies; a
reply is lost. The stand-ins know the truth; the product sees what they answer.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

import msgspec
from stemtide.clock import REAL_TIME
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import Final as AtTheEnd
from stemtide.config_dunning import MailStep, Policy
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts
from stemtide.dunning.handling import on_task
from stemtide.dunning.keeping import Failed, Keeper
from stemtide.dunning.ledger import Entry
from stemtide.dunning.live_facts import LiveFacts
from stemtide.dunning.mailing import Letterbox
from stemtide.dunning.ports import Fate, MailFate
from stemtide.dunning.steps import Stepper
from stemtide.mail.message import MailRequest
from stemtide.ports import UnavailableError
from stemtide.profile import UNKNOWN

from infra.constructs.episode_machine import states
from payments.in_memory import InMemoryPayments
from payments.provider import Provider
from tests.simulation.dunning import customers
from tests.simulation.dunning.machine import Machine
from tests.simulation.dunning.memory import MemoryEpisodes
from tests.simulation.troubled import DAY_MS, HOUR_MS, MAX_INNER, CrashError, Troubled

START_S: Final = 1_767_603_600  # 2026-01-05 09:00 UTC
RENEWAL_MS: Final = START_S * 1000 + 31 * DAY_MS
QUIET_MS: Final = RENEWAL_MS + 12 * DAY_MS
"""From then on nothing goes wrong any more, so that every episode must come to its end."""
END_MS: Final = RENEWAL_MS + 28 * DAY_MS
POLICY: Final = Policy(
    retry_days=(1.0, 2.0, 4.0),
    payday_within_days=1,
    mails=(
        MailStep(name="first", after_days=0.0),
        MailStep(name="reminder", after_days=2.0),
        MailStep(name="final_notice", after_days=4.0, last=True),
    ),
    end_days=6.0,
)
"""A short one: each day of an episode is a look at everything."""
LEAVING: Final = msgspec.structs.replace(POLICY, end=AtTheEnd.LEAVE)
EVENTS: Final = (
    *("invoice.payment_failed", "invoice.paid", "invoice.voided", "customer.subscription.deleted"),
    *("payment_method.attached", "customer.updated"),
)
DEFINITION: Final = json.loads(json.dumps(states(stepper="stepper")))
ACTS_FAIL: Final = 0.25
AFTER_A_WRITE: Final = 0.03
"""How often a second task runs right after a write, as when a claim is fresh; else `ELSEWHERE`."""
ELSEWHERE: Final = 0.003
LEASE_MS: Final = 120_000
ACTS: Final = ("pay_invoice", "cancel_subscription")
KINDS: Final = (
    *("crash", "second_task", "second_task_died", "execution_not_seen", "sweep_died", "throttled"),
    *("unreached", "lost_reply", "error_before", "error_after", "webhook_late", "webhook_twice"),
    *("delivery_again", "mail_deferred", "pays", "pays_a_part", "voids", "cancels", "changes_the_card"),
    *("is_held", "disputes", "is_deleted"),
)
"""What may go wrong, and what customers and people may do in between."""


@dataclass(slots=True)
class SentMail:
    """A mail that has left: how many happenings there had been when its step last began to look at everything
    (`begun`) and at the invoice (`invoice_begun`)."""

    episode: str
    invoice: str
    step: str
    account: str
    begun: int
    invoice_begun: int


class Recording(InMemoryPayments):
    """The provider's port, which notes what was asked of it and when the asking step last began to look."""

    def __init__(self, world: "World", provider: Provider, **hooks: Any) -> None:
        super().__init__(provider, **hooks)
        self._world = world

    def invoice(self, invoice_id: str, /) -> Any:
        self._world.invoice_begun = self._world.happenings
        return super().invoice(invoice_id)

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Any:
        self._world.tries.append((invoice_id, self._world.begun))
        return super().pay_invoice(invoice_id, key=key, payment_method=payment_method)


@dataclass(slots=True)
class World(Troubled):
    """A run; `keeper_of` to `mail_claims` are what a broken design replaces."""

    acts: ClassVar = ACTS
    acts_fail: ClassVar = ACTS_FAIL

    seed: int
    keeper_of: Callable[["World"], Keeper] | None = None
    stepper_of: Callable[["World"], Stepper] | None = None
    payments_of: type["Recording"] | None = None
    mail_claims: bool = True
    policy: Policy = field(init=False)
    dice: Random = field(init=False)
    machine: Machine = field(init=False)
    provider: Provider = field(init=False)
    payments: InMemoryPayments = field(init=False)
    episodes: MemoryEpisodes = field(init=False)
    stepper: Stepper = field(init=False)
    keeper: Keeper = field(init=False)
    story: list[str] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    mails: list[SentMail] = field(default_factory=list)
    claimed: dict[tuple[str, str, str], Fate] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    customers: list[str] = field(default_factory=list)
    happenings: int = 0
    settled_at: dict[str, int] = field(default_factory=dict)
    closed_at: dict[str, int] = field(default_factory=dict)
    held_at: dict[str, int] = field(default_factory=dict)
    tries: list[tuple[str, int]] = field(default_factory=list)
    begun: int = 0
    invoice_begun: int = 0
    depth: int = 0
    quiet: bool = False

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.policy = LEAVING if self.dice.random() < 0.2 else POLICY
        self.machine = Machine(DEFINITION, self.function, START_S * 1000)
        self.provider = Provider(
            clock=lambda: self.now_ms() // 1000, seed=f"{self.seed:x}", event_types=EVENTS
        )
        self.payments = (self.payments_of or Recording)(
            self, self.provider, faults=self.fault, step=self.at_a_point
        )
        self.episodes = MemoryEpisodes(self.at_a_point)
        self.stepper = (self.stepper_of or stepper_of)(self)
        self.keeper = (self.keeper_of or keeper_of)(self)

    # --- what the product sees -------------------------------------------------------------------

    def function(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The function behind the state machine's tasks."""
        begun = self.begun, self.invoice_begun
        try:
            return on_task(
                payload, stepper=self.stepper, keeper=self.keeper, clock=REAL_TIME, now_ms=self.now_ms
            )
        finally:
            self.begun, self.invoice_begun = begun

    def read_facts(self, episode: Episode, entries: Sequence[Entry], /) -> Facts:
        """What the product reads before each decision, noting when it began to."""
        self.begun = self.happenings
        read = LiveFacts(
            provider=self.payments,
            held=lambda account: "do_not_contact" if account in self.held else None,
            now_ms=self.now_ms,
        )
        return read(episode, entries)

    def send_mail(self, request: MailRequest) -> MailFate:
        invoice, _, step = request.step.partition(":")
        key = (request.episode, invoice, step)

        def leaves() -> None:
            begun = {"begun": self.begun, "invoice_begun": self.invoice_begun}
            self.mails.append(SentMail(*key, account=request.account, **begun))

        return self.mailed(key, leaves)

    # --- what goes wrong -------------------------------------------------------------------------

    def at_a_point(self, name: str, when: str) -> None:
        """Between two calls of the product anything may happen."""
        if self.quiet:
            return
        chance = self.dice.random()
        if name in ACTS and when == "after":
            self.note_settled()
        second = AFTER_A_WRITE if (name, when) == ("append", "after") else ELSEWHERE
        if chance < 0.003:
            self.fired["crash"] += 1
            raise CrashError(name)
        if chance < 0.003 + second and self.depth < MAX_INNER:
            self._inside(self._a_second_task)
        elif chance < 0.008 + second and self.depth < MAX_INNER:
            self._inside(self.something_happens)

    # --- what customers and people do ------------------------------------------------------------

    def something_happens(self) -> None:
        """A customer or a person does something at the provider."""
        customer = self.dice.choice(self.customers)
        act = self.dice.choice(customers.HAPPENINGS)
        if act(self, customer):
            self.fired[act.__name__.strip("_")] += 1
            self.happenings += 1
            self.story.append(f"{self.now_ms()} {act.__name__.strip('_')} {customer}")
            self.note_settled()

    def note_settled(self) -> None:
        """Since which happening an invoice has nothing to be collected (`settled_at`), and since which the
        invoice itself says so (`closed_at`)."""
        for invoice in self.provider.world.store.all("invoice"):
            self._note(self.settled_at, invoice["id"], holds=self.is_settled(invoice))
            self._note(self.closed_at, invoice["id"], holds=invoice["status"] not in ("open", "draft"))

    def _note(self, since: dict[str, int], invoice_id: str, *, holds: bool) -> None:
        if not holds:
            since.pop(invoice_id, None)
        elif invoice_id not in since:
            self.happenings += 1
            since[invoice_id] = self.happenings

    def is_settled(self, invoice: dict[str, Any]) -> bool:
        """Whether nothing is to be asked for: it is closed, or its subscription is over."""
        if invoice["status"] != "open":
            return bool(invoice["status"] != "draft")
        if invoice["parent"] is None:
            return False
        found = invoice["parent"]["subscription_details"]["subscription"]
        subscription = self.provider.world.store.find("subscription", found)
        return subscription is None or subscription["status"] == "canceled"

    def open_invoices(self, customer: str) -> list[dict[str, Any]]:
        found = self.provider.world.store.of("invoice", "customer", customer)
        return [one for one in found if one["status"] == "open"]


def stepper_of(world: World) -> Stepper:
    return Stepper(
        episodes=world.episodes,
        payments=world.payments,
        read_facts=world.read_facts,
        send_mail=Letterbox(
            provider=world.payments,
            profile_of=lambda _: UNKNOWN,
            send=world.send_mail,
            policy_of=lambda _: world.policy,
            zone_of=lambda _: ZoneInfo("UTC"),
            owner=lambda: CollectionOwner.OWN,
            card_url="",
        ),
        policy_of=lambda _: world.policy,
        zone_of=lambda _: ZoneInfo("UTC"),
        owner=lambda: CollectionOwner.OWN,
        now_ms=world.now_ms,
        lease_ms=LEASE_MS,
    )


def keeper_of(world: World) -> Keeper:
    return Keeper(
        episodes=world.episodes,
        runs=world,
        owner=CollectionOwner.OWN,
        policy_name=lambda _: world.policy.name,
        now_ms=world.now_ms,
    )


def run(world: World) -> World:
    """Customers, a month that was paid, a renewal that fails, and all that follows until nothing is due."""
    world.quiet = True
    for _ in range(world.dice.choice((1, 1, 2))):
        world.customers.append(customers.subscribed(world))
    seen = 0
    world.machine.now_ms = RENEWAL_MS
    world.provider.tick()
    world.quiet = False
    for _ in range(world.dice.randint(0, 3)):
        at_ms = RENEWAL_MS + world.dice.randint(0, 6 * DAY_MS)
        world.machine.at(at_ms, world.something_happens)
    while world.now_ms() < END_MS:
        world.provider.tick()
        world.note_settled()
        seen = _webhooks(world, seen)
        if world.now_ms() > QUIET_MS:
            world.quiet = True
        _sweep(world)
        world.machine.run(world.now_ms() + HOUR_MS * world.dice.choice((1, 6, 24)))
        world.machine.now_ms = _later(world)
        if (world.quiet and _is_over(world)) or world.machine.ran_too_long():
            break
    return world


def _later(world: World) -> int:
    """The next look: soon while something goes on, else a day later."""
    return world.machine.now_ms + world.dice.choice((HOUR_MS, 6 * HOUR_MS, DAY_MS))


def _is_over(world: World) -> bool:
    return not list(world.episodes.running()) and world.now_ms() > QUIET_MS + DAY_MS


def _webhooks(world: World, seen: int) -> int:
    """Tell the keeper what has happened since: lost ones come with the daily poll, some come twice."""
    events = list(world.provider.world.store.all("event"))
    for event in events[seen:]:
        if not world.quiet and world.dice.random() < 0.1:
            world.fired["webhook_late"] += 1
            delay = world.dice.randint(0, DAY_MS)
            world.machine.at(world.now_ms() + delay, lambda event=event: _told(world, event))
            continue
        _told(world, event)
        if not world.quiet and world.dice.random() < 0.1:
            world.fired["webhook_twice"] += 1
            _told(world, event)
    return len(events)


def _told(world: World, event: dict[str, Any]) -> None:
    about = event["data"]["object"]
    customer = about["id"] if about["object"] == "customer" else about["customer"]
    for _ in range(6):  # a delivery that fails comes again
        try:
            if event["type"] == "invoice.payment_failed":
                failed = Failed(
                    account=f"of-{customer}",
                    customer=customer,
                    invoice=about["id"],
                    failed_ms=event["created"] * 1000,
                )
                world.keeper.payment_failed(failed)
            else:
                world.keeper.happened(customer)
        except (CrashError, UnavailableError):
            world.fired["delivery_again"] += 1
            continue
        return


def _sweep(world: World) -> None:
    try:
        world.keeper.sweep()
    except (CrashError, UnavailableError):
        world.fired["sweep_died"] += 1
