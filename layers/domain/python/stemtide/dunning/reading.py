"""The facts of a decision, read from the provider's objects of this moment and from the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from stemtide.billing.amounts import minor_units
from stemtide.billing.provider import Json
from stemtide.dunning.declines import decline_of
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Card, Facts, Invoice, InvoiceStatus
from stemtide.dunning.ledger import Entry, attempts, given_up, mailed

OVER: Final = frozenset({"canceled", "incomplete_expired"})
"""Statuses of a subscription that has ended."""
_S: Final = 1000


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider has just shown of a customer: the customer, its open invoices and those that the
    episode is about, their subscriptions by id, its charges and its cards."""

    customer: Json
    invoices: Sequence[Json]
    subscriptions: Mapping[str, Json]
    charges: Sequence[Json]
    cards: Sequence[Json]


def facts_of(
    episode: Episode, entries: Sequence[Entry], seen: Seen, *, held: str | None, now_ms: int
) -> Facts:
    """All that a decision rests on.

    Args:
        held: why the customer is let alone, None: it is not.
        now_ms: for whether a card has expired.
    """
    by_intent = {intent: invoice["id"] for invoice in seen.invoices for intent in payment_intents(invoice)}
    charges = sorted(seen.charges, key=lambda charge: int(charge["created"]))
    invoices = tuple(_invoice(one, charges, by_intent) for one in seen.invoices)
    anchor = _anchor(invoices, episode)
    subscription = seen.subscriptions.get(anchor.subscription or "") if anchor else None
    card = _card(seen, subscription, now_ms)
    own = [charge for charge in charges if by_intent.get(_intent(charge)) == (anchor.id if anchor else None)]
    declined = next((charge for charge in reversed(own) if charge["status"] == "failed"), None)
    code, advice = (None, None) if declined is None else decline_words(declined)
    return Facts(
        account=episode.account,
        customer=episode.customer,
        started_ms=episode.started_ms,
        invoices=invoices,
        subscription_over=subscription is not None and subscription["status"] in OVER,
        given_up=given_up(entries),
        paused_until_ms=_paused(subscription),
        held=held,
        card=card,
        declined_card=None if declined is None else fingerprint(declined),
        decline=None if declined is None else decline_of(code, advice),
        decline_code=code,
        advice=advice,
        declined_ms=None if declined is None else int(declined["created"]) * _S,
        attempts=attempts(entries),
        card_tries_ms=_tries_of(card, charges),
        mailed=mailed(entries),
    )


def payment_intents(invoice: Json) -> list[str]:
    """The payment intents that have paid, or were to pay, an invoice."""
    payments = (invoice.get("payments") or {}).get("data") or ()
    found = ((one.get("payment") or {}).get("payment_intent") for one in payments)
    return [intent if isinstance(intent, str) else str(intent["id"]) for intent in found if intent]


def subscription_of(invoice: Json) -> str | None:
    """The subscription that an invoice bills."""
    parent = (invoice.get("parent") or {}).get("subscription_details") or {}
    found = parent.get("subscription")
    return found if found is None or isinstance(found, str) else str(found["id"])


def decline_words(charge: Json) -> tuple[str | None, str | None]:
    """Decline code and advice code of a failed charge, as the network said them."""
    outcome = charge.get("outcome") or {}
    code = outcome.get("reason") or charge.get("failure_code")
    return code, outcome.get("network_advice_code") or outcome.get("advice_code")


def fingerprint(charge: Json) -> str | None:
    """What names the card of a charge."""
    return ((charge.get("payment_method_details") or {}).get("card") or {}).get("fingerprint")


def _intent(charge: Json) -> str:
    found = charge.get("payment_intent")
    return str(found["id"] if isinstance(found, Mapping) else found)


def _invoice(invoice: Json, charges: Iterable[Json], by_intent: Mapping[str, str]) -> Invoice:
    own = [charge for charge in charges if by_intent.get(_intent(charge)) == invoice["id"]]
    failed = [int(charge["created"]) * _S for charge in own if charge["status"] == "failed"]
    currency = str(invoice["currency"]).upper()
    return Invoice(
        id=invoice["id"],
        status=InvoiceStatus(invoice["status"]),
        due=minor_units(int(invoice["amount_remaining"]), currency),
        currency=currency,
        created_ms=int(invoice["created"]) * _S,
        failed_ms=min(failed, default=None),
        tries=max(int(invoice["attempt_count"]), len(own)),
        charges=len(own),
        next_try_ms=None if not invoice.get("next_payment_attempt") else invoice["next_payment_attempt"] * _S,
        subscription=subscription_of(invoice),
        contested=any(charge.get("refunded") or charge.get("disputed") for charge in own),
    )


def _anchor(invoices: Sequence[Invoice], episode: Episode) -> Invoice | None:
    """The invoice that is collected; when none is, the one that the episode was opened for."""
    unpaid = sorted((one for one in invoices if one.is_unpaid), key=Invoice.order)
    return unpaid[0] if unpaid else next((one for one in invoices if one.id == episode.anchor), None)


def _paused(subscription: Json | None) -> int | None:
    paused = None if subscription is None else subscription.get("pause_collection")
    if not paused:
        return None
    return int(paused.get("resumes_at") or 0) * _S


def _card(seen: Seen, subscription: Json | None, now_ms: int) -> Card | None:
    """The card that the provider would charge: the subscription's own, else the customer's."""
    settings = seen.customer.get("invoice_settings") or {}
    wanted = _id_of((subscription or {}).get("default_payment_method")) or _id_of(
        settings.get("default_payment_method")
    )
    found = next((one for one in seen.cards if one["id"] == wanted), None)
    if found is None or not found.get("card"):
        return None
    card: Mapping[str, Any] = found["card"]
    return Card(
        method=found["id"],
        fingerprint=str(card.get("fingerprint") or found["id"]),
        expired=_is_over(int(card["exp_year"]), int(card["exp_month"]), now_ms),
    )


def _is_over(year: int, month: int, now_ms: int) -> bool:
    """Whether a card has expired: it is good until the end of its month (UTC)."""
    now = datetime.fromtimestamp(now_ms / _S, tz=UTC)
    return (year, month) < (now.year, now.month)


def _tries_of(card: Card | None, charges: Iterable[Json]) -> tuple[int, ...]:
    if card is None:
        return ()
    return tuple(int(one["created"]) * _S for one in charges if fingerprint(one) == card.fingerprint)


def _id_of(found: Mapping[str, Any] | str | None) -> str | None:
    return str(found["id"]) if isinstance(found, Mapping) else found
