"""Writes a dunning letter: reads whom it goes to at the provider, and hands it to the mail service."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from stemtide.billing.provider import Json, ProviderRefusedError
from stemtide.config_dunning import Policy
from stemtide.dunning.decide import Mail, next_try_ms
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts
from stemtide.dunning.letters import Addressee, addressee, request
from stemtide.dunning.ports import Fate, MailFate
from stemtide.mail.message import MailRequest
from stemtide.profile import Profile

NO_ADDRESS = "no_address"


class Pages(Protocol):
    """What of `billing.provider.PaymentProvider` a letter needs."""

    def customer(self, customer_id: str, /) -> Json | None: ...

    def invoice(self, invoice_id: str, /) -> Json | None: ...

    def payment_methods(self, customer_id: str, /) -> Iterator[Json]: ...

    def portal_url(self, customer_id: str, /, *, key: str, return_url: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """`dunning.ports.SendMail`; `profile_of` answers what is known of an account, `send` is the mail service,
    `return_url` where the provider's page leads back to (empty: the invoice's own page is linked)."""

    provider: Pages
    profile_of: Callable[[str], Profile]
    send: Callable[[MailRequest], MailFate]
    policy_of: Callable[[Episode], Policy]
    zone_of: Callable[[Episode], ZoneInfo]
    return_url: str

    def __call__(self, episode: Episode, mail: Mail, facts: Facts, /) -> MailFate:
        """Write to the customer.

        Raises:
            UnavailableError: the provider or the mail service does not answer; the same again is safe.
        """
        policy = self.policy_of(episode)
        to = self._addressee(episode, mail)
        if to is None:
            return MailFate(fate=Fate.REFUSED, key="", reason=NO_ADDRESS)
        try_ms = next_try_ms(facts, policy, owner=episode.owner, zone=self.zone_of(episode))
        return self.send(request(episode, mail, facts, to, policy, try_ms=try_ms))

    def _addressee(self, episode: Episode, mail: Mail) -> Addressee | None:
        customer, invoice = self.provider.customer(episode.customer), self.provider.invoice(mail.invoice)
        if customer is None or invoice is None:
            return None
        profile = self.profile_of(episode.account)
        return addressee(
            customer,
            invoice,
            list(self.provider.payment_methods(episode.customer)),
            plan=profile.plan,
            zone=profile.time_zone,
            update_url=self._update_url(episode, mail, invoice),
        )

    def _update_url(self, episode: Episode, mail: Mail, invoice: Json) -> str:
        """Where the card is changed: the provider's own page, or the invoice's where there is none."""
        hosted = str(invoice.get("hosted_invoice_url") or "")
        if not self.return_url:
            return hosted
        key = f"{episode.id}-{mail.invoice}-{mail.step}-portal"
        try:
            return self.provider.portal_url(episode.customer, key=key, return_url=self.return_url)
        except ProviderRefusedError:  # no portal is configured there
            return hosted
