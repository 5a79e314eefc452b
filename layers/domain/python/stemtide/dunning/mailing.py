"""Writes a dunning letter: reads whom it goes to at the provider, and hands it to the mail service."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from stemtide.billing.amounts import minor_units
from stemtide.billing.provider import MISSING, Json, ProviderRefusedError
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import Policy
from stemtide.dunning.decide import Mail, next_try_ms
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts
from stemtide.dunning.letters import Addressee, addressee, request
from stemtide.dunning.ports import Fate, MailFate
from stemtide.mail.message import MailRequest
from stemtide.ports import ConflictError
from stemtide.profile import Profile

NO_ADDRESS = "no_address"


class Pages(Protocol):
    """What of `billing.provider.PaymentProvider` a letter needs."""

    def customer(self, customer_id: str, /) -> Json | None: ...

    def invoice(self, invoice_id: str, /) -> Json | None: ...

    def payment_methods(self, customer_id: str, /) -> Iterator[Json]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """`dunning.ports.SendMail`; `profile_of` answers what is known of an account, `send` is the mail service,
    `card_url` the company's own page on which a card is changed (empty: the invoice's page at the provider is
    linked, on which it can be paid with any card). A session of the provider's portal is linked by no letter:
    it is over before most mails are read."""

    provider: Pages
    profile_of: Callable[[str], Profile]
    send: Callable[[MailRequest], MailFate]
    policy_of: Callable[[Episode], Policy]
    zone_of: Callable[[Episode], ZoneInfo]
    owner: Callable[[], CollectionOwner]
    card_url: str

    def __call__(self, episode: Episode, mail: Mail, facts: Facts, /) -> MailFate:
        """Write to the customer.

        Raises:
            ConflictError: what is due is not what the facts say any more: they are to be read again.
            UnavailableError: the provider or the mail service does not answer; the same again is safe.
        """
        policy = self.policy_of(episode)
        to = self._addressee(episode, mail, facts)
        if to is None:
            return MailFate(fate=Fate.REFUSED, key="", reason=NO_ADDRESS)
        try_ms = next_try_ms(facts, policy, owner=self.owner(), zone=self.zone_of(episode))
        return self.send(request(episode, mail, facts, to, policy, try_ms=try_ms))

    def _addressee(self, episode: Episode, mail: Mail, facts: Facts) -> Addressee | None:
        """Whom it goes to; the invoice is read last, so that nobody is written to who has just paid."""
        customer = self.provider.customer(episode.customer)
        cards = self._cards(episode.customer) if customer else []
        invoice = self.provider.invoice(mail.invoice)
        if not _as_read(invoice, mail, facts):
            raise ConflictError(f"{mail.invoice} is not as it was read")
        if customer is None or invoice is None:
            return None
        profile = self.profile_of(episode.account)
        return addressee(
            customer,
            invoice,
            next((one for one in cards if facts.card is not None and one["id"] == facts.card.method), None),
            plan=profile.plan,
            zone=profile.time_zone,
            update_url=self.card_url or str(invoice.get("hosted_invoice_url") or ""),
        )

    def _cards(self, customer: str) -> list[Json]:
        try:
            return list(self.provider.payment_methods(customer))
        except ProviderRefusedError as error:
            if error.code != MISSING:
                raise
            raise ConflictError(f"{customer} was deleted just now") from error


def _as_read(invoice: Json | None, mail: Mail, facts: Facts) -> bool:
    """Whether an invoice is as the facts say that a letter is made of."""
    known = next(one for one in facts.invoices if one.id == mail.invoice)
    if invoice is None:
        return False
    due = minor_units(int(invoice["amount_remaining"]), known.currency)
    return (invoice["status"], due) == (known.status, known.due)
