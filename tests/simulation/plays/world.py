"""One seeded run: accounts at risk, customers who leave, a provider, the state machine, and what goes wrong.

Whatever the product calls is a point at which something else may happen first: the score moves, the customer
leaves, comes back, opts out, is held or erased; the same task runs a second time; the function dies; a reply
is lost. The stand-ins know the truth; the product sees what they answer.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Final

from stemtide.billing.provider import Json
from stemtide.clock import REAL_TIME
from stemtide.config_plays import Cause, Offers, WinBack, WinBackPolicy, WinBackStep
from stemtide.config_retention import Act, Retention, RetentionPlay, RetentionStep
from stemtide.config_schema import Company, Config
from stemtide.dunning.handling import on_task
from stemtide.dunning.ports import Fate, MailFate
from stemtide.facts import Fact
from stemtide.mail.message import MailRequest
from stemtide.mail.ports import Asked, Standing, Stop
from stemtide.plays import assembly
from stemtide.plays.keeping import AtRisk, Left, PlayKeeper
from stemtide.plays.steps import PlayStepper
from stemtide.ports import UnavailableError
from stemtide.profile import Profile
from stemtide.scoring.assessment import Assessment, Basis, Driver, Tier, tier_of

from infra.constructs.episode_machine import states
from payments.in_memory import InMemoryPayments
from payments.provider import Provider
from tests.simulation.dunning.machine import Machine
from tests.simulation.plays.memory import MemoryOffers, MemoryPlays
from tests.simulation.troubled import DAY_MS, HOUR_MS, MAX_INNER, CrashError, Troubled

START_S: Final = 1_767_603_600  # 2026-01-05 09:00 UTC
START_MS: Final = START_S * 1000
QUIET_MS: Final = START_MS + 24 * DAY_MS
"""From then on nothing goes wrong any more, so that every play must come to its end."""
END_MS: Final = START_MS + 60 * DAY_MS
DEFINITION: Final = json.loads(json.dumps(states(stepper="stepper")))
ACTS: Final = ("create_coupon", "create_promotion_code")
ACTS_FAIL: Final = 0.3
STOPS: Final = (Stop.OPTED_OUT, Stop.COMPLAINED, Stop.BOUNCED)
HUNDRED: Final = 100

CONFIG: Final = Config(
    company=Company(name="Acme", time_zone="UTC", currency="EUR"),
    win_back=WinBack(
        policies=(
            WinBackPolicy(
                name="all",
                causes=tuple(Cause),
                steps=(
                    WinBackStep(name="hello", template="win_back_hello", after_days=0.5),
                    WinBackStep(name="offer", template="win_back_offer", after_days=3.0),
                    WinBackStep(name="last", template="win_back_last", after_days=6.0),
                ),
                outcome_days=9,
            ),
        ),
        holdout_pct=15,
        again_after_days=20,
        return_url="https://app.example/back",
    ),
    offers=Offers(percents=(10, 20, 30), holdout_pct=15, min_tenure_days=30, cool_off_days=365),
    retention=Retention(
        plays=(
            RetentionPlay(
                tier="high",
                steps=(
                    RetentionStep(name="guide", act=Act.GUIDE, after_days=0.0),
                    RetentionStep(name="training", act=Act.TRAINING, after_days=3.0),
                    RetentionStep(name="task", act=Act.CSM_TASK, after_days=5.0),
                ),
            ),
            RetentionPlay(
                tier="critical",
                steps=(
                    RetentionStep(name="urgent_task", act=Act.CSM_TASK, after_days=0.0),
                    RetentionStep(name="offer", act=Act.OFFER, after_days=1.0),
                    RetentionStep(name="check_in", act=Act.CHECK_IN, after_days=3.0),
                    RetentionStep(name="executive", act=Act.EXECUTIVE, after_days=5.0),
                ),
            ),
        ),
        outcome_days=12,
        again_after_days=15,
        holdout_pct=15,
        training_url="https://app.example/training",
        executive="Ada Okoye",
        offer_url="https://app.example/billing",
    ),
)


class Recording(InMemoryPayments):
    """The provider's port, which notes when the step that asks for a coupon began to look."""

    def __init__(self, world: "World", provider: Provider, **hooks: Any) -> None:
        super().__init__(provider, **hooks)
        self._world = world

    def create_coupon(self, *, key: str, coupon: Mapping[str, Any]) -> Json:
        self._world.made.append((coupon["metadata"]["episode"], self._world.begun))
        return super().create_coupon(key=key, coupon=coupon)


@dataclass(slots=True)
class AskedMail:
    """A mail that was asked for: `begun` is how many happenings there had been when its step began."""

    request: MailRequest
    begun: int


@dataclass(slots=True)
class Account:
    """What is true of an account."""

    name: str
    customer: str
    mrr: int
    since_ms: int
    price: str
    score: int = 20
    scored: int = 0
    stops: dict[Stop, int] = field(default_factory=dict)
    held: bool = False
    erased: bool = False
    dunned: bool = False


@dataclass(slots=True)
class World(Troubled):
    """A run; `stepper_of` to `mail_claims` are what a broken design replaces."""

    acts: ClassVar = ACTS
    acts_fail: ClassVar = ACTS_FAIL

    seed: int
    stepper_of: Callable[["World"], PlayStepper] | None = None
    keeper_of: Callable[["World"], PlayKeeper] | None = None
    offers_of: Callable[["World"], Any] | None = None
    plays_of: Callable[["World"], MemoryPlays] | None = None
    mail_claims: bool = True
    dice: Random = field(init=False)
    machine: Machine = field(init=False)
    provider: Provider = field(init=False)
    payments: InMemoryPayments = field(init=False)
    plays: MemoryPlays = field(init=False)
    offers: Any = field(init=False)
    stepper: PlayStepper = field(init=False)
    keeper: PlayKeeper = field(init=False)
    accounts: list[Account] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    mails: list[AskedMail] = field(default_factory=list)
    claimed: dict[tuple[str, str], Fate] = field(default_factory=dict)
    made: list[tuple[str, int]] = field(default_factory=list)
    """The plays for which a coupon was asked for, each with what `begun` was."""
    happenings: int = 0
    since: dict[tuple[str, str], int] = field(default_factory=dict)
    """Since which happening something is true of an account: `left`, `back`, `stopped`, `held`, `calm`."""
    was: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    """When an account left and came back (epoch ms)."""
    begun: int = 0
    depth: int = 0
    quiet: bool = True

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.machine = Machine(DEFINITION, self.function, START_MS)
        self.provider = Provider(clock=lambda: self.now_ms() // 1000, seed=f"{self.seed:x}", event_types=())
        self.payments = Recording(self, self.provider, faults=self.fault, step=self.at_a_point)
        self.plays = (self.plays_of or (lambda world: MemoryPlays(world.at_a_point)))(self)
        self.offers = (self.offers_of or (lambda world: MemoryOffers(world.at_a_point)))(self)
        self.stepper = (self.stepper_of or stepper_of)(self)
        self.keeper = (self.keeper_of or keeper_of)(self)

    # --- what the product sees -------------------------------------------------------------------

    def function(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The function behind the state machine's tasks."""
        begun, self.begun = self.begun, self.happenings
        try:
            return on_task(
                payload, stepper=self.stepper, keeper=self.keeper, clock=REAL_TIME, now_ms=self.now_ms
            )
        finally:
            self.begun = begun

    def account(self, name: str) -> Account:
        return next(one for one in self.accounts if one.name == name)

    def record(self, name: str) -> "Record":
        self.at_a_point("record", "before")
        return Record(self.account(name))

    def look(self, asked: Asked, /) -> Standing:
        """The contacts table."""
        self.at_a_point("contacts", "before")
        account = self.account(asked.account)
        held = "legal" if account.held else None
        return Standing(stops=dict(account.stops), held=held, erased=account.erased)

    def send(self, request: MailRequest) -> MailFate:
        """It sends to anybody: whether it may is the product's business."""
        key = (request.episode, request.step)
        return self.mailed(key, lambda: self.mails.append(AskedMail(request, self.begun)))

    # --- what goes wrong -------------------------------------------------------------------------

    def at_a_point(self, name: str, when: str) -> None:
        """Between two calls of the product anything may happen."""
        if self.quiet:
            return
        chance = self.dice.random()
        if chance < 0.004:
            self.fired["crash"] += 1
            raise CrashError(name)
        if chance < 0.01 and self.depth < MAX_INNER:
            self._inside(self._a_second_task)
        elif chance < 0.02 and self.depth < MAX_INNER:
            self._inside(self.something_happens)

    def something_happens(self) -> None:
        """A customer or a person does something, or a score moves."""
        from tests.simulation.plays.happenings import HAPPENINGS

        account, act = self.dice.choice(self.accounts), self.dice.choice(HAPPENINGS)
        if act(self, account):
            name = act.__name__.strip("_")
            self.fired[name] += 1
            self.story.append(f"{self.now_ms()} {name} {account.name}")

    @contextmanager
    def happening(self) -> Iterator[int]:
        """What is changed inside is true from this happening on."""
        self.happenings += 1
        yield self.happenings

    def tell(self, act: Callable[[], Any]) -> None:
        """Let the bus deliver: at once, late, or twice; a delivery that fails comes again."""
        delay = 0
        if not self.quiet and self.dice.random() < 0.15:
            self.fired["event_late"] += 1
            delay = self.dice.randint(0, 8 * HOUR_MS)
        self.machine.at(self.now_ms() + delay, lambda: self._delivered(act))
        if not self.quiet and self.dice.random() < 0.15:
            self.fired["event_twice"] += 1
            self.machine.at(self.now_ms() + self.dice.randint(0, DAY_MS), lambda: self._delivered(act))

    def _delivered(self, act: Callable[[], Any]) -> None:
        for _ in range(8):
            try:
                act()
            except (CrashError, UnavailableError):
                self.fired["delivery_again"] += 1
                continue
            return


@dataclass(frozen=True, slots=True)
class Record:
    """A customer record."""

    account: Account

    @property
    def profile(self) -> Profile:
        one = self.account
        return Profile(
            plan="business",
            mrr=one.mrr,
            currency="EUR",
            csm="carla@acme.example",
            stripe_customer_id=one.customer,
            since_ms=one.since_ms,
        )

    @property
    def assessment(self) -> Assessment:
        score = self.account.score
        driver = Driver(
            feature="reports_30d",
            label="Reports",
            value=1.0,
            unit="",
            baseline=9.0,
            contribution=0.5,
            text="r",
        )
        return Assessment(
            basis=Basis.RULES, completeness=1.0, score=score, tier=tier_of(score), drivers=(driver,)
        )


def facts_of(world: World, name: str) -> list[Fact]:
    """What was said of an account: that it has subscribed, since when and for how much."""
    one = world.account(name)
    data = {"plan": "business", "mrr": one.mrr}
    return [Fact(id="f1", kind="started", at_ms=one.since_ms, known_ms=one.since_ms, data=data, dropped={})]


def about_of(world: World) -> assembly.AboutAccounts:
    return assembly.AboutAccounts(
        config=CONFIG,
        record=world.record,
        facts=lambda name: facts_of(world, name),
        contacts=world,
    )


def stepper_of(world: World) -> PlayStepper:
    return assembly.stepper(
        plays=world.plays,
        offers=world.offers,
        provider=lambda: world.payments,
        send=world.send,
        about=about_of(world),
        dunned=lambda customer: any(one.dunned and one.customer == customer for one in world.accounts),
        now_ms=world.now_ms,
    )


def keeper_of(world: World) -> PlayKeeper:
    known = assembly.History(
        config=CONFIG,
        record=world.record,
        facts=lambda name: facts_of(world, name),
        customers=lambda _: (),
    )
    return assembly.keeper(plays=world.plays, runs=world, about=known, now_ms=world.now_ms)


def run(world: World) -> World:
    """Accounts, some of them at risk, some leave; all that follows until every play has its outcome."""
    from tests.simulation.plays.happenings import customer, leaves, score_moves

    for number in range(world.dice.choice((1, 1, 2))):
        world.accounts.append(customer(world, f"acct-{world.seed}-{number}"))
    world.quiet = False
    for account in world.accounts:
        first = world.dice.choice((leaves, score_moves))
        world.machine.at(START_MS + HOUR_MS, lambda act=first, of=account: act(world, of))
    for _ in range(world.dice.randint(1, 6)):
        world.machine.at(START_MS + world.dice.randint(0, 20 * DAY_MS), world.something_happens)
    while world.now_ms() < END_MS:
        if world.now_ms() > QUIET_MS:
            world.quiet = True
        try:
            world.keeper.sweep()
        except (CrashError, UnavailableError):
            world.fired["sweep_died"] += 1
        world.machine.run(world.now_ms() + HOUR_MS * world.dice.choice((6, 24)))
        world.machine.now_ms += world.dice.choice((HOUR_MS, 6 * HOUR_MS, DAY_MS))
        if (world.quiet and not list(world.plays.running())) or world.machine.ran_too_long():
            break
    return world


def at_risk(account: Account) -> AtRisk:
    """The event of an account's newest score."""
    return AtRisk(
        id=f"{account.name}-{account.scored}",
        account=account.name,
        tier=tier_of(account.score),
        as_of_ms=START_MS,
    )


def left(account: Account, subscription: dict[str, Any], cause: str | None, feedback: str | None) -> Left:
    """The event of a subscription that has ended."""
    return Left(
        account=account.name,
        customer=account.customer,
        subscription=subscription["id"],
        at_ms=subscription["ended_at"] * 1000,
        cause=cause,
        feedback=feedback,
    )


__all__ = ["CONFIG", "Account", "CrashError", "Tier", "World", "run"]
