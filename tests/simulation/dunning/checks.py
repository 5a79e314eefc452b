"""What must be true after a run, told from the stand-ins' truth."""

from collections import Counter
from typing import Any

from stemtide.config_dunning import MAX_TRIES
from stemtide.config_dunning import Final as AtTheEnd
from stemtide.dunning.decide import CARD_WINDOW_MS, MAX_CARD_TRIES, Ending
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Kind, LedgerGapError, whole

from tests.simulation.dunning.machine import TOO_LONG
from tests.simulation.dunning.world import World


def problems(world: World) -> list[str]:
    """Everything that is wrong; empty: nothing."""
    return [*_money(world), *_mails(world), *_episodes(world), *_ledgers(world), *_caps(world)]


def _charges(world: World) -> list[dict[str, object]]:
    return [
        one for one in world.provider.world.store.all("charge") if (one.get("_key") or "").count("-") == 1
    ]


def _money(world: World) -> list[str]:
    found = []
    for invoice in world.provider.world.store.all("invoice"):
        paid = [
            one
            for one in world.provider.world.store.all("charge")
            if one["_invoice"] == invoice["id"] and one["paid"]
        ]
        if sum(one["amount"] for one in paid) > invoice["amount_due"]:
            found.append(f"{invoice['id']} was charged more than its amount due")
    for invoice_id, begun in world.tries:
        settled = world.settled_at.get(invoice_id)
        customer = world.provider.world.store.need("invoice", invoice_id)["customer"]
        held = world.held_at.get(f"of-{customer}")
        if settled is not None and settled <= begun:
            found.append(f"a try of {invoice_id} after it was settled")
        if held is not None and held <= begun:
            found.append(f"a try of {invoice_id} after the customer was held")
    keys = Counter(one["_key"] for one in _charges(world) if one["paid"])
    found += [f"{key} succeeded {times} times" for key, times in keys.items() if times > 1]
    return found


def _mails(world: World) -> list[str]:
    found = []
    sent = Counter((one.episode, one.invoice, one.step) for one in world.mails)
    found += [f"mail {key} was sent {times} times" for key, times in sent.items() if times > 1]
    for mail in world.mails:
        settled = world.settled_at.get(mail.invoice)
        closed = world.closed_at.get(mail.invoice)
        seen_over = settled is not None and settled <= mail.begun
        if seen_over or (closed is not None and closed <= mail.invoice_begun):
            found.append(f"mail {mail.step} about {mail.invoice} after it was settled")
        held = world.held_at.get(mail.account)
        if held is not None and held <= mail.begun:
            found.append(f"mail {mail.step} to {mail.account} after it was held")
    return found


def _episodes(world: World) -> list[str]:
    found = []
    rows = [row for row, _ in world.episodes.all()]
    by_anchor = Counter(row.anchor for row in rows)
    found += [f"{anchor} has {times} episodes" for anchor, times in by_anchor.items() if times > 1]
    found += [f"episode {row.id} never ended: {row.next_reason}" for row in rows if not row.is_over]
    found += [
        f"{one.name} has too long a history"
        for one in world.machine.executions.values()
        if one.failed == TOO_LONG
    ]
    about = {entry.invoice for _, entries in world.episodes.all() for entry in entries}
    for invoice in world.provider.world.store.all("invoice"):
        failed = invoice["attempt_count"] > 0
        done_with = world.is_settled(invoice) or _let_alone(world, invoice) or _was_left(world, invoice["id"])
        if failed and not done_with:
            found.append(f"{invoice['id']} is left, and nobody collects it")
        if invoice["collection_method"] == "send_invoice" and invoice["id"] in about:
            found.append(f"{invoice['id']} is to be paid by hand, and was dunned")
    for row, entries in world.episodes.all():
        if row.ending is Ending.EXHAUSTED and _all_paid(world, {entry.invoice for entry in entries}, row):
            found.append(f"{row.id} ended as exhausted, and all is paid")
    return found


def _all_paid(world: World, invoices: set[str | None], row: Episode) -> bool:
    """Whether all that an episode was about was paid before it ended."""
    found = [world.provider.world.store.find("invoice", one) for one in invoices if one is not None]
    return all(
        one is not None
        and one["status"] == "paid"
        and one["status_transitions"]["paid_at"] < (row.ended_ms or 0) // 1000
        for one in found
    )


def _was_left(world: World, invoice: str) -> bool:
    """Whether an invoice came to the end of a policy that leaves it, with its last notice."""
    entries = [entry for _, entries in world.episodes.all() for entry in entries if entry.invoice == invoice]
    noticed = any(one.step == "final_notice" for one in entries)
    return world.policy.end is AtTheEnd.LEAVE and noticed


def _let_alone(world: World, invoice: dict[str, Any]) -> bool:
    """Whether a customer is held, or the invoice's money is contested."""
    charges = [one for one in world.provider.world.store.all("charge") if one["_invoice"] == invoice["id"]]
    contested = any(one["disputed"] or one["refunded"] for one in charges)
    return contested or f"of-{invoice['customer']}" in world.held_at


def _ledgers(world: World) -> list[str]:
    found = []
    made = {one["_key"]: one for one in _charges(world)}
    told = set()
    for row, entries in world.episodes.all():
        try:
            whole(entries)
        except LedgerGapError as error:
            found.append(f"{row.id}: {error}")
        claims = {entry.key for entry in entries if entry.kind is Kind.CHARGE_CLAIMED}
        results = {entry.key: entry for entry in entries if entry.kind is Kind.CHARGE}
        told |= claims
        found += [f"{key} has no result" for key in sorted(claims - results.keys() if row.is_over else set())]
        for key, entry in results.items():
            charge = made.get(key)
            if entry.outcome is Outcome.WITHDRAWN and charge is not None:
                found.append(f"{key} was withdrawn and charged")
            if charge is not None and charge["paid"] and entry.outcome is not Outcome.SUCCEEDED:
                found.append(f"{key} was paid, the ledger says {entry.outcome}")
            if charge is not None and entry.outcome is Outcome.SUCCEEDED and not charge["paid"]:
                paid = world.provider.world.store.need("invoice", charge["_invoice"])["status"] == "paid"
                if not paid:
                    found.append(f"{key} was declined, the ledger says it was paid")
    found += [f"{key} is in no ledger" for key in sorted(made.keys() - told)]
    return found


def _caps(world: World) -> list[str]:
    found = []
    tried = (
        one
        for one in world.provider.world.store.all("charge")
        if one["_key"] is not None or not one["paid"]  # the others the customer paid by himself
    )
    by_invoice = Counter(one["_invoice"] for one in tried)
    found += [f"{one} was tried {n} times" for one, n in by_invoice.items() if n > MAX_TRIES]
    cards: dict[str, list[int]] = {}
    for one in _charges(world):
        card = one["payment_method_details"]["card"]["fingerprint"]
        cards.setdefault(card, []).append(one["created"] * 1000)
    for card, tries in cards.items():
        if any(
            sum(1 for other in tries if at - CARD_WINDOW_MS < other <= at) > MAX_CARD_TRIES for at in tries
        ):
            found.append(f"card {card} was tried too often")
    return found
