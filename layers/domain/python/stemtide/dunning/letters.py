"""What a dunning letter says: the request to the mail service, filled from the facts and the provider."""

from typing import Any

import msgspec

from stemtide.billing.provider import Json
from stemtide.config_dunning import Policy
from stemtide.dunning.decide import Mail, end_ms_of
from stemtide.dunning.episode import JOURNEY, Episode
from stemtide.dunning.facts import Facts
from stemtide.mail.message import MailRequest


class Addressee(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a letter goes to and what it needs to know of them: read at the provider just now.

    `update_url` is where the card is changed, `confirm_url` where the payment is confirmed.
    """

    address: str
    plan: str
    update_url: str
    confirm_url: str
    name: str | None = None
    locale: str | None = None
    zone: str | None = None
    card: dict[str, str] | None = None


def addressee(
    customer: Json, invoice: Json, card: Json | None, *, plan: str | None, zone: str | None, update_url: str
) -> Addressee | None:
    """Who gets a customer's letters; None: the provider knows no address.

    Args:
        card: the payment method that is charged.
    """
    address = customer.get("email")
    if not address:
        return None
    locales = customer.get("preferred_locales") or ()
    return Addressee(
        address=str(address),
        plan=plan or _described(invoice) or "your subscription",
        update_url=update_url,
        confirm_url=str(invoice.get("hosted_invoice_url") or update_url),
        name=customer.get("name") or None,
        locale=next(iter(locales), None),
        zone=zone,
        card=_card(card),
    )


def request(
    episode: Episode,
    mail: Mail,
    facts: Facts,
    to: Addressee,
    policy: Policy,
    *,
    try_ms: int | None,
) -> MailRequest:
    """The letter of a step; the same step of an episode is the same mail, whatever it says by then.

    Args:
        try_ms: when the invoice is tried next, None: not again.
    """
    invoice = next(one for one in facts.invoices if one.id == mail.invoice)
    values: dict[str, Any] = {
        "amount": {"amount": invoice.due, "currency": invoice.currency},
        "plan": to.plan,
        "ends_at": end_ms_of(facts, policy),
        "retry_at": try_ms,
        "update_url": to.update_url,
        "confirm_url": to.confirm_url,
        "reason": "expired" if facts.card is not None and facts.card.expired else "declined",
        "name": to.name,
        "card": to.card,
    }
    wanted = OF_TEMPLATE[mail.template]
    return MailRequest(
        account=episode.account,
        to=to.address,
        template=mail.template,
        journey=JOURNEY,
        episode=episode.id,
        step=f"{mail.invoice}:{mail.step}",
        values={name: values[name] for name in wanted if values[name] is not None},
        locale=to.locale,
        zone=to.zone,
    )


_SHARED = ("amount", "plan", "name", "card")
OF_TEMPLATE: dict[str, tuple[str, ...]] = {
    "payment_failed": (*_SHARED, "retry_at", "update_url"),
    "payment_needs_card": (*_SHARED, "reason", "ends_at", "update_url"),
    "payment_needs_authentication": (*_SHARED, "ends_at", "confirm_url"),
    "payment_final_notice": (*_SHARED, "ends_at", "update_url"),
}
"""The values of each dunning letter."""


def _described(invoice: Json) -> str | None:
    lines = (invoice.get("lines") or {}).get("data") or ()
    return next((str(line["description"]) for line in lines if line.get("description")), None)


def _card(method: Json | None) -> dict[str, str] | None:
    """Brand and last digits of a card."""
    card = (method or {}).get("card")
    return {"brand": str(card["brand"]).title(), "last4": str(card["last4"])} if card else None
