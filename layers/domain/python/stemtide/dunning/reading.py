"""The facts of a decision, read from the provider's objects of this moment and from the ledger."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from stemtide.billing.amounts import minor_units
from stemtide.billing.provider import Json
from stemtide.dunning import cards
from stemtide.dunning.cards import made_ms
from stemtide.dunning.declines import decline_of
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts, Invoice, InvoiceStatus, unpaid_of
from stemtide.dunning.ledger import Entry, attempts, given_up, left, mailed

OVER: Final = frozenset({"canceled", "incomplete_expired"})
"""Statuses of a subscription that has ended."""
NOT_BEGUN: Final = "incomplete"
"""Of a subscription whose first payment is under way: whoever is about to subscribe is not dunned."""
BY_HAND: Final = "send_invoice"
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
        now_ms: for whether a card has expired, and a pause is over.
    """
    by_intent = {intent: invoice["id"] for invoice in seen.invoices for intent in payment_intents(invoice)}
    charges = list(seen.charges)[::-1]  # they are listed newest first
    charges.sort(key=made_ms)
    of = {one["id"]: [c for c in charges if by_intent.get(_intent(c)) == one["id"]] for one in seen.invoices}
    as_they_are = left(entries)
    invoices = tuple(
        _invoice(
            one,
            of[one["id"]],
            seen.subscriptions.get(subscription_of(one) or ""),
            is_left=one["id"] in as_they_are,
            now_ms=now_ms,
        )
        for one in seen.invoices
        if _has_failed(one, of[one["id"]], seen.subscriptions)
    )
    anchor = _anchor(invoices, episode)
    declines = [c for c in of[anchor.id] if c["status"] == "failed"] if anchor else []
    last = declines[-1] if declines else None
    code, advice = (None, None) if last is None else cards.decline_words(last)
    declined = cards.declined_last(charges)
    renewed = cards.renewed(declined, seen.cards)
    card = cards.charged_card(
        seen.customer,
        seen.subscriptions.get((anchor.subscription if anchor else None) or ""),
        seen.cards,
        declined=declined,
        now_ms=now_ms,
    )
    return Facts(
        account=episode.account,
        customer=episode.customer,
        started_ms=episode.started_ms,
        invoices=invoices,
        given_up=given_up(entries),
        held=held,
        card=card,
        asked_cards=tuple(sorted({name for one in declines if (name := cards.fingerprint(one))} - renewed)),
        refused_cards=cards.refused(declined, renewed),
        decline=None if last is None else decline_of(code, advice),
        decline_code=code,
        advice=advice,
        declined_ms=None if last is None else made_ms(last),
        attempts=attempts(entries),
        card_tries_ms=cards.tries_of(card, charges),
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


def _intent(charge: Json) -> str:
    found = charge.get("payment_intent")
    return str(found["id"] if isinstance(found, Mapping) else found)


def _has_failed(invoice: Json, own: Sequence[Json], subscriptions: Mapping[str, Json]) -> bool:
    """Whether an invoice concerns us: an open one does once its automatic payment has failed, and not while
    its subscription has yet to begin."""
    if invoice["status"] != "open":
        return True
    subscription = subscriptions.get(subscription_of(invoice) or "")
    if invoice.get("collection_method") == BY_HAND or (subscription or {}).get("status") == NOT_BEGUN:
        return False
    return int(invoice["attempt_count"]) > 0 or any(charge["status"] == "failed" for charge in own)


def _invoice(
    invoice: Json, own: Sequence[Json], subscription: Json | None, *, is_left: bool, now_ms: int
) -> Invoice:
    failed = [made_ms(charge) for charge in own if charge["status"] == "failed"]
    currency = str(invoice["currency"]).upper()
    return Invoice(
        id=invoice["id"],
        status=InvoiceStatus(invoice["status"]),
        due=minor_units(int(invoice["amount_remaining"]), currency),
        currency=currency,
        created_ms=int(invoice["created"]) * _S,
        failed_ms=min(failed, default=None),
        tries=max(int(invoice["attempt_count"]), len(own)),
        declines=len(failed),
        next_try_ms=None if not invoice.get("next_payment_attempt") else invoice["next_payment_attempt"] * _S,
        subscription=subscription_of(invoice),
        contested=any(charge.get("refunded") or charge.get("disputed") for charge in own),
        over=subscription is not None and subscription["status"] in OVER,
        paused_until_ms=_paused(subscription, now_ms),
        left=is_left,
    )


def _anchor(invoices: Sequence[Invoice], episode: Episode) -> Invoice | None:
    """The invoice that is collected; when none is, the one that the episode was opened for."""
    unpaid = unpaid_of(invoices)
    return unpaid[0] if unpaid else next((one for one in invoices if one.id == episode.anchor), None)


def _paused(subscription: Json | None, now_ms: int) -> int | None:
    paused = None if subscription is None else subscription.get("pause_collection")
    if not paused:
        return None
    until_ms = int(paused.get("resumes_at") or 0) * _S
    return None if 0 < until_ms <= now_ms else until_ms
