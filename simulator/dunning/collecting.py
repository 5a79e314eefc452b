"""One failed payment, collected by the product's own decision over simulated time.

Nothing of the decision is told here again: the world shows it facts as the provider would, does what it says
and lets time pass. Mails are never put off and never bounce; whoever gives another card wakes the episode, as
the provider's event does, and a card that works again is found by trying only.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import Policy
from stemtide.dunning.decide import Cancel, Ending, Leave, Mail, Retry, Settle, Stop, Wait, decide
from stemtide.dunning.declines import Decline, decline_of
from stemtide.dunning.facts import Attempt, Card, Facts, Invoice, InvoiceStatus, Mailed, Outcome

from simulator.dunning.failures import Answer, Failure

MOST_STEPS: Final = 2_000
"""No policy takes a tenth of it: 90 days, a look a day."""
OTHER_CARD_FAILS: Final = "generic_decline"
INVOICE: Final = "invoice"
SUBSCRIPTION: Final = "subscription"


class By(StrEnum):
    """What brought the money."""

    RETRY = "retry"
    NEW_CARD = "new_card"
    CUSTOMER = "customer"


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a failed payment: `recovered_ms` and `by` of one that was paid in the end."""

    failure: Failure
    ending: Ending
    retries: int
    mails: int
    canceled: bool
    recovered_ms: int | None = None
    by: By | None = None


class EndlessError(Exception):
    """An episode that does not come to an end: a mistake of the decision, or of this world."""


def collect(failure: Failure, policy: Policy) -> Collected:
    """Let a policy collect a failed payment.

    Raises:
        EndlessError: it does not come to an end.
    """
    world = _World(failure=failure, now_ms=failure.failed_ms)
    if failure.acts_ms is not None:
        world.answers.append((failure.acts_ms, True))
    for _ in range(MOST_STEPS):
        action = decide(
            world.facts(), policy, owner=CollectionOwner.OWN, zone=failure.zone, now_ms=world.now_ms
        )
        match action:
            case Retry():
                world.charge()
            case Mail():
                world.mail(action)
            case Cancel():
                world.canceled = True
            case Wait():
                world.wait(action.until_ms)
            case Stop():
                return world.result(action.ending)
            case Settle() | Leave():
                raise AssertionError("there is one invoice, and no outcome is unknown")
    raise EndlessError(f"{failure.customer} is not done after {MOST_STEPS} steps of {policy.name}")


@dataclass(slots=True, kw_only=True)
class _World:
    """The provider's and the customer's side of one episode."""

    failure: Failure
    now_ms: int
    cards: int = 0
    card_works: bool = False
    """Of a card that was given in the meantime; the first one's is told by the failure."""
    code: str | None = field(init=False)
    declined_ms: int = field(init=False)
    asked: list[str] = field(init=False)
    attempts: list[Attempt] = field(default_factory=list)
    mailed: list[Mailed] = field(default_factory=list)
    written: int = 0
    answers: list[tuple[int, bool]] = field(default_factory=list)
    """When the customer acts, and whether what it does works."""
    canceled: bool = False
    recovered_ms: int | None = None
    by: By | None = None

    def __post_init__(self) -> None:
        self.code, self.declined_ms = self.failure.code, self.failure.failed_ms
        self.asked = [self.card]

    @property
    def card(self) -> str:
        return f"card_{self.cards}"

    def facts(self) -> Facts:
        """What the product would read."""
        failed_ms = self.failure.failed_ms
        paid = self.recovered_ms is not None
        tries = [failed_ms] if self.cards == 0 else []
        return Facts(
            account=self.failure.customer,
            customer=self.failure.customer,
            started_ms=failed_ms,
            invoices=(
                Invoice(
                    id=INVOICE,
                    status=InvoiceStatus.PAID if paid else InvoiceStatus.OPEN,
                    due=0 if paid else self.failure.amount,
                    currency=self.failure.currency,
                    created_ms=failed_ms,
                    failed_ms=failed_ms,
                    tries=1 + len(self.attempts),
                    declines=1 + len(self.attempts),
                    subscription=SUBSCRIPTION,
                    over=self.canceled,
                ),
            ),
            given_up=self.canceled,
            card=Card(method=self.card, fingerprint=self.card),
            asked_cards=tuple(self.asked),
            refused_cards=() if decline_of(self.code) is Decline.SOFT else (self.asked[-1],),
            decline=decline_of(self.code),
            decline_code=self.code,
            declined_ms=self.declined_ms,
            attempts=tuple(self.attempts),
            card_tries_ms=(*tries, *(one.at_ms for one in self.attempts if one.card == self.card)),
            mailed=tuple(self.mailed),
        )

    def charge(self) -> None:
        """Try the card."""
        works = self._works()
        self.attempts.append(
            Attempt(
                key=f"key_{len(self.attempts)}",
                invoice=INVOICE,
                card=self.card,
                at_ms=self.now_ms,
                outcome=Outcome.SUCCEEDED if works else Outcome.DECLINED,
            )
        )
        if works:
            self._recovered(By.RETRY if self.cards == 0 else By.NEW_CARD)
            return
        self.code = self.failure.code if self.cards == 0 else OTHER_CARD_FAILS
        self.declined_ms = self.now_ms
        self.asked.append(self.card)

    def mail(self, action: Mail) -> None:
        """Send a mail; some are answered."""
        for step in (*action.instead_of, action.step):
            self.mailed.append(Mailed(invoice=INVOICE, step=step, at_ms=self.now_ms))
        answer: Answer | None = None
        if self.written < len(self.failure.answers):
            answer = self.failure.answers[self.written]
        self.written += 1
        if answer is not None:
            self.answers.append((self.now_ms + answer.after_ms, answer.works))

    def wait(self, until_ms: int) -> None:
        """Let time pass, at most until the customer acts."""
        self.answers.sort()
        if self.answers and self.answers[0][0] <= until_ms:
            at_ms, works = self.answers.pop(0)
            self.now_ms = max(self.now_ms, at_ms)
            self._act(works=works)
        else:
            self.now_ms = until_ms

    def result(self, ending: Ending) -> Collected:
        """What came of it."""
        return Collected(
            failure=self.failure,
            ending=ending,
            retries=len(self.attempts),
            mails=self.written,
            canceled=self.canceled,
            recovered_ms=self.recovered_ms,
            by=self.by,
        )

    def _works(self) -> bool:
        if self.cards > 0:
            return self.card_works
        return self.failure.works_ms is not None and self.failure.works_ms <= self.now_ms

    def _act(self, *, works: bool) -> None:
        """The customer confirms the payment where that is asked for, else gives another card."""
        if decline_of(self.code) is Decline.AUTHENTICATE:
            if works:
                self._recovered(By.CUSTOMER)
            return
        self.cards += 1
        self.card_works = works

    def _recovered(self, by: By) -> None:
        self.recovered_ms, self.by = self.now_ms, by
