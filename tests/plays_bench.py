"""Plays on a bench: the real steps and offers against the local provider, plays and mails in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from stemtide.calls import DAY_MS
from stemtide.config_plays import Cause, Offers, WinBack, WinBackPolicy, WinBackStep
from stemtide.config_retention import Act, Retention, RetentionPlay, RetentionStep
from stemtide.config_schema import Company, Config
from stemtide.dunning.ledger import Entry, Kind, whole
from stemtide.dunning.ports import Fate, MailFate
from stemtide.mail.message import MailRequest
from stemtide.mail.ports import Asked, Standing, Stop
from stemtide.plays.assembly import AboutAccounts, stepper
from stemtide.plays.play import Play
from stemtide.plays.steps import PlayStepper
from stemtide.profile import Profile
from stemtide.scoring.assessment import Assessment, Basis, Tier
from stemtide.stepping import Next

from payments.in_memory import InMemoryPayments
from payments.provider import Provider
from tests.payment_benches import START_S
from tests.plays import RETENTION, WIN_BACK
from tests.simulation.plays.memory import MemoryOffers, MemoryPlays

START_MS: Final = START_S * 1000
CONFIG: Final = Config(
    company=Company(name="Acme", time_zone="UTC", currency="EUR"),
    win_back=WinBack(
        policies=(
            WinBackPolicy(
                name="unpaid",
                causes=(Cause.UNPAID,),
                steps=(
                    WinBackStep(name="hello", template="win_back_hello", after_days=2.0),
                    WinBackStep(name="offer", template="win_back_offer", after_days=10.0),
                    WinBackStep(name="last", template="win_back_last", after_days=21.0),
                ),
            ),
        ),
        send_hour=0,
        return_url="https://app.acme.example/back",
    ),
    retention=Retention(
        plays=(
            RetentionPlay(
                tier="critical", steps=(RetentionStep(name="stay", act=Act.OFFER, after_days=0.0),)
            ),
        ),
        send_hour=0,
        offer_url="https://app.acme.example/billing",
    ),
    offers=Offers(holdout_pct=0, months=1),
)
CRITICAL: Final = Assessment(basis=Basis.MODEL, completeness=1.0, score=80, tier=Tier.CRITICAL)


class _Record(msgspec.Struct, frozen=True):
    """A customer record."""

    profile: Profile = Profile(plan="business", mrr=4_900, currency="EUR")
    assessment: Assessment | None = CRITICAL


@dataclass
class Bench:
    """A customer, its plays and what was sent; `points` are called once, before or after the call they name
    (provider, plays or offers), and then forgotten."""

    config: Config = CONFIG
    email: str = "ada@acme.example"
    day: float = 0.0
    stops: dict[Stop, int] = field(default_factory=dict)
    erased: bool = False
    faults: list[Any] = field(default_factory=list)
    points: list[tuple[str, str, Callable[[], Any]]] = field(default_factory=list)
    mails: list[MailRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.core = Provider(clock=lambda: self.now_ms() // 1000, seed="b", event_types=())
        self.plays, self.offers = MemoryPlays(self._at), MemoryOffers(self._at)
        self.payments = InMemoryPayments(self.core, faults=self._fault, step=self._at)
        self.customer = str(self.ask("POST", "/v1/customers", email=self.email)["id"])
        product = self.ask("POST", "/v1/products", name="Business")["id"]
        self.price = self.ask(
            "POST",
            "/v1/prices",
            product=product,
            currency="eur",
            unit_amount=4_900,
            recurring={"interval": "month"},
        )["id"]

    def now_ms(self) -> int:
        return START_MS + round(self.day * DAY_MS)

    def ask(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """A request to the provider, of whomever."""
        status, body, _ = self.core.handle(method, path, params, {})
        assert status == 200, body
        return body

    def opened(self, play: Play = WIN_BACK, **changes: Any) -> Play:
        """A play about the customer that begins now."""
        begun = {
            "customer": self.customer,
            "started_ms": self.now_ms(),
            "opened_ms": self.now_ms(),
            "until_ms": self.now_ms() + 60 * DAY_MS,
            "again_ms": self.now_ms() + 180 * DAY_MS,
            "since_ms": self.now_ms() - 400 * DAY_MS,
        }
        if play.tier is not None:
            begun |= {"tier": Tier.CRITICAL, "tier_ms": self.now_ms()}
        made = msgspec.structs.replace(play, **(begun | changes))
        assert self.plays.open(made, Entry(seq=1, at_ms=made.opened_ms, kind=Kind.OPENED))
        return made

    def at_risk(self, **changes: Any) -> Play:
        """A play about the customer, which subscribes and is at critical risk."""
        self.subscribes()
        return self.opened(RETENTION, **changes)

    def subscribes(self, code: str | None = None) -> dict[str, Any]:
        """The customer subscribes, with a promotion code if it has one."""
        more = {} if code is None else {"discounts": [{"promotion_code": code}]}
        return self.ask(
            "POST",
            "/v1/subscriptions",
            customer=self.customer,
            items=[{"price": self.price}],
            collection_method="send_invoice",
            days_until_due=90,
            **more,
        )

    def step(self, play: Play) -> Next:
        """One step."""
        return self.stepper.step(play.id, 1)

    def until_it_waits(self, play: Play) -> Next:
        """Step as the state machine does, as long as there is something to do."""
        for _ in range(20):
            found = self.step(play)
            if found.do != "again":
                return found
        raise AssertionError("it finds no end")

    def row(self, play: Play) -> Play:
        return self._kept(play)[0]

    def told(self, play: Play, *kinds: Kind) -> list[Entry]:
        """The entries of some kinds of a play's ledger, which is whole."""
        return [entry for entry in whole(self._kept(play)[1]) if entry.kind in kinds]

    def at_provider(self, what: str) -> list[dict[str, Any]]:
        """All coupons, promotion codes, ... that there are."""
        return list(self.core.world.store.all(what))

    def look(self, asked: Asked, /) -> Standing:
        """The contacts table."""
        return Standing(stops=dict(self.stops), erased=self.erased)

    @property
    def stepper(self) -> PlayStepper:
        about = AboutAccounts(
            config=self.config, record=lambda _: _Record(), facts=lambda _: (), contacts=self
        )
        return stepper(
            plays=self.plays,
            offers=self.offers,
            provider=lambda: self.payments,
            send=self._send,
            about=about,
            dunned=lambda _: False,
            now_ms=self.now_ms,
        )

    def _send(self, request: MailRequest) -> MailFate:
        self.mails.append(request)
        return MailFate(fate=Fate.SENT, key=f"{request.episode}/{request.step}")

    def _kept(self, play: Play) -> tuple[Play, list[Entry]]:
        found = self.plays.read(play.id)
        assert found is not None
        return found

    def _fault(self, name: str) -> Any:
        found = next((one for one in self.faults if one[0] == name), None)
        if found is None:
            return None
        self.faults.remove(found)
        return found[1]

    def _at(self, name: str, when: str) -> None:
        found = next((one for one in self.points if one[:2] == (name, when)), None)
        if found is not None:
            self.points.remove(found)
            found[2]()
