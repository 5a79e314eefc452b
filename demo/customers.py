"""The demo's paying customers: what they do at the payment provider, and how they answer their mail.

They know only what customers know: their mailbox and the provider. Each answers in its own way.
"""

import csv
import json
import re
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from demo.stages import StageError
from payments.client import Client

PLAN: Final = "business"
PRICES: Final = {PLAN: 9_900}
EVERY_S: Final = 0.5
TIMEOUT_S: Final = 30
CODE: Final = re.compile(r"\b(?:BACK|STAY)-[A-Z2-7]{8}\b")
NEW_CARD: Final = "pm_card_mastercard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer whose renewal fails: what the card answers then, what the customer does."""

    account: str
    name: str
    story: str
    outcomes: tuple[Any, ...]
    then: Any = None
    answers: str = ""
    """How it answers its mail (see `ANSWERS`); nothing: it never does."""


CUSTOMERS: Final = (
    Customer(
        account="north-loom",
        name="North Loom",
        story="had too little on the card; a retry finds it",
        outcomes=("insufficient_funds", "succeed"),
    ),
    Customer(
        account="fern-and-co",
        name="Fern & Co",
        story="the bank declines twice; it pays the invoice itself",
        outcomes=("do_not_honor",),
        then="do_not_honor",
        answers="pays",
    ),
    Customer(
        account="harbour-lane",
        name="Harbour Lane",
        story="the card was lost; it puts in another",
        outcomes=("lost_card",),
        answers="new_card",
    ),
    Customer(
        account="quill-press",
        name="Quill Press",
        story="the provider's answer is lost on the way; charged once",
        outcomes=("do_not_honor", "lost_reply"),
    ),
    Customer(
        account="amber-mill",
        name="Amber Mill",
        story="never pays, is canceled, comes back with its offer",
        outcomes=("insufficient_funds",),
        then="insufficient_funds",
        answers="returns",
    ),
    Customer(
        account="old-orchard",
        name="Old Orchard",
        story="never pays, is canceled, is lost",
        outcomes=("expired_card",),
        then="expired_card",
    ),
    Customer(
        account="blue-anvil",
        name="Blue Anvil",
        story="never pays, is canceled, wants no more mail",
        outcomes=("do_not_honor",),
        then="do_not_honor",
        answers="opts_out",
    ),
)


def names_of(base: Path) -> list[tuple[str, str]]:
    """Account and company name of a simulated base."""
    with (base / "accounts.csv").open(newline="") as file:
        return [(row["account_id"], row["name"]) for row in csv.DictReader(file)]


@dataclass(slots=True)
class Paying:
    """The customers at the provider; a thread lets them read and answer their mail."""

    facts: dict[str, Any]
    shop: Client = field(init=False)
    ids: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    error: Exception | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.shop = Client(self.facts["payments_url"], self.facts["payments_api_key"], PRICES)

    def __enter__(self) -> "Paying":
        self._thread = threading.Thread(target=self._read_mail, name="customers", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(TIMEOUT_S)

    def subscribe(self, say: Callable[[str], None]) -> None:
        """Everybody subscribes and pays a first month; the renewal is due at once and fails."""
        for one in CUSTOMERS:
            say(f"{one.name}: {one.story}")
            who = self.shop.customer(account=one.account)
            self.ids[one.account] = who
            about: Any = {"email": f"billing@{one.account}.example", "name": one.name}
            self.shop.v1.customers.update(who, about)
            self.shop.control("script", {"customer": who, "outcomes": ["succeed"]})
            subscription = self.shop.subscribe(who, PLAN)
            self.shop.control("script", {"customer": who, "outcomes": list(one.outcomes), "then": one.then})
            self.shop.control(f"subscriptions/{subscription.id}/renew", {})

    def known_as(self, accounts: Iterable[tuple[str, str]]) -> None:
        """Customers of accounts (with their names) that use the product, so that they can be written to."""
        found = [
            {"id": f"cus_{account}", "name": name, "email": f"team@{account}.example"}
            for account, name in accounts
        ]
        self.shop.control("seed", {"customers": found})

    def due(self, invoice: str) -> int:
        """What an invoice came to, in minor units, as the provider says."""
        return int(self.shop.v1.invoices.retrieve(invoice).amount_due)

    def check(self) -> None:
        """Raises StageError if a customer could not do what it wanted."""
        if self.error is not None:
            raise StageError(f"a customer could not answer its mail: {self.error}") from self.error

    def mails(self, account: str) -> list[dict[str, Any]]:
        """The mailbox of an account, oldest first."""
        url = f"{self.facts['mailbox_url']}?{urlencode({'account': account})}"
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own local mailbox
            found: list[dict[str, Any]] = json.load(answer)
        return found[::-1]

    def _read_mail(self) -> None:
        try:
            while not self._over.wait(EVERY_S):
                for one in CUSTOMERS:
                    if one.answers and one.account in self.ids and one.account not in self.answered:
                        self._answer(one)
        except Exception as error:
            self.error = error

    def _answer(self, one: Customer) -> None:
        steps, act = ANSWERS[one.answers]
        for mail in self.mails(one.account):
            if mail["step"].endswith(steps):
                act(self, one, mail)
                self.answered.add(one.account)
                return

    def _pays(self, one: Customer, _mail: dict[str, Any]) -> None:
        for invoice in self._open_invoices(one):
            self.shop.control(f"invoices/{invoice}/pay", {})

    def _new_card(self, one: Customer, _mail: dict[str, Any]) -> None:
        self.shop.another_card(self.ids[one.account], NEW_CARD)

    def _returns(self, one: Customer, mail: dict[str, Any]) -> None:
        code = CODE.search(mail["text"])
        if code is None:
            raise LookupError(f"no code in the mail {mail['subject']!r} to {one.name}")
        who = self.ids[one.account]
        self.shop.control("script", {"customer": who, "outcomes": ["succeed"], "then": None})
        self.shop.another_card(who, NEW_CARD)
        self.shop.subscribe(who, PLAN, code=code.group())

    def _opts_out(self, one: Customer, mail: dict[str, Any]) -> None:
        """As the mail program's own button does it (RFC 8058): a POST to the link in the header."""
        headers = {name.lower(): value for name, value in mail["headers"].items()}
        link = headers["list-unsubscribe"].strip("<>").split(">")[0]
        request = urllib.request.Request(link, data=b"List-Unsubscribe=One-Click", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - our own local API
            pass

    def _open_invoices(self, one: Customer) -> Iterator[str]:
        listed = self.shop.v1.invoices.list({"customer": self.ids[one.account], "status": "open"})
        return (str(invoice.id) for invoice in listed.data)


Act = Callable[[Paying, Customer, dict[str, Any]], None]
DUNNING: Final = ("first", "second", "final_notice")
ANSWERS: Final[dict[str, tuple[tuple[str, ...], Act]]] = {
    "pays": (DUNNING[1:], Paying._pays),
    "new_card": (DUNNING, Paying._new_card),
    "returns": (("offer",), Paying._returns),
    "opts_out": (("hello", "last"), Paying._opts_out),
}
"""By name: the steps whose mail is answered, and how."""
