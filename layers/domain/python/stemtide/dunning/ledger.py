"""The ledger of an episode: what was done about a customer's unpaid invoices, and what was left undone, why.

Entries are only ever added, numbered from 1 without a gap. What is decided next is told from them: a try that
was claimed and has no result is of unknown outcome.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from stemtide.dunning.declines import decline_of
from stemtide.dunning.facts import Attempt, Mailed, Outcome
from stemtide.scoring.assessment import Driver


class Kind(StrEnum):
    """What an entry tells."""

    OPENED = "opened"
    CHARGE_CLAIMED = "charge_claimed"
    CHARGE = "charge"
    MAIL = "mail"
    MAIL_SKIPPED = "mail_skipped"
    CANCEL_CLAIMED = "cancel_claimed"
    CANCEL_WITHDRAWN = "cancel_withdrawn"
    CANCELED = "canceled"
    LEFT = "left"
    OFFER_CLAIMED = "offer_claimed"
    OFFER = "offer"
    OFFER_WITHHELD = "offer_withheld"
    TASK = "task"
    ESCALATED = "escalated"
    HALTED = "halted"
    ENDED = "ended"


class Actor(StrEnum):
    """Who did it."""

    STEMTIDE = "stemtide"
    PROVIDER = "provider"
    PERSON = "person"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. Money in minor units, `at_ms` in model time.

    `key` is what makes the act happen once (the provider's idempotency key, the mail's key), `provider_id`
    what the provider calls it, `reason` why it was done or not. Of a charge are `card`, `method` (under which
    the card is stored), `outcome`, `code`, `advice` and `declines_before` (the invoice's at the claim); of
    a mail or task `step` and `template`; of a task whose it is (`csm`) and what it rests on (`score`,
    `drivers`); of an offer `percent`, `months`, its `code`, and `expires_ms`.
    """

    seq: int
    at_ms: int
    kind: Kind
    actor: Actor = Actor.STEMTIDE
    invoice: str | None = None
    amount: int | None = None
    currency: str | None = None
    key: str | None = None
    provider_id: str | None = None
    reason: str | None = None
    card: str | None = None
    method: str | None = None
    outcome: Outcome | None = None
    code: str | None = None
    advice: str | None = None
    declines_before: int | None = None
    step: str | None = None
    template: str | None = None
    percent: int | None = None
    months: int | None = None
    expires_ms: int | None = None
    csm: str | None = None
    score: int | None = None
    drivers: tuple[Driver, ...] = ()


_OF_CANCELING = (Kind.CANCEL_CLAIMED, Kind.CANCEL_WITHDRAWN, Kind.CANCELED)


class LedgerGapError(Exception):
    """The entries of an episode are not all there: nothing may be decided on them."""


def whole(entries: Iterable[Entry]) -> list[Entry]:
    """The entries in their order.

    Raises:
        LedgerGapError: one is missing or there twice.
    """
    found = sorted(entries, key=lambda entry: entry.seq)
    if [entry.seq for entry in found] != list(range(1, len(found) + 1)):
        raise LedgerGapError(f"entries {[entry.seq for entry in found]} are not 1 to {len(found)}")
    return found


def attempts(entries: Sequence[Entry]) -> tuple[Attempt, ...]:
    """The tries that a ledger tells of, oldest first; a claim without a result is one of unknown outcome.

    A try that was taken back before the provider was asked is none.
    """
    results = {entry.key: entry for entry in entries if entry.kind is Kind.CHARGE}
    found = []
    for claim in entries:
        if claim.kind is not Kind.CHARGE_CLAIMED:
            continue
        result = results.get(claim.key)
        if result is not None and result.outcome is Outcome.WITHDRAWN:
            continue
        found.append(_attempt(claim, result))
    return tuple(found)


def mailed(entries: Iterable[Entry]) -> tuple[Mailed, ...]:
    """The steps whose mail needs no sending any more."""
    return tuple(
        Mailed(invoice=entry.invoice, step=entry.step, at_ms=entry.at_ms)
        for entry in entries
        if entry.kind in (Kind.MAIL, Kind.MAIL_SKIPPED) and entry.invoice and entry.step
    )


def given_up(entries: Iterable[Entry]) -> bool:
    """Whether the episode has ended a subscription, or set out to and not taken that back."""
    told = {entry.provider_id: entry.kind for entry in entries if entry.kind in _OF_CANCELING}
    return any(last is not Kind.CANCEL_WITHDRAWN for last in told.values())


def left(entries: Iterable[Entry]) -> frozenset[str]:
    """The invoices that the episode has left as they are."""
    return frozenset(entry.invoice for entry in entries if entry.kind is Kind.LEFT and entry.invoice)


def _attempt(claim: Entry, result: Entry | None) -> Attempt:
    code, advice = (None, None) if result is None else (result.code, result.advice)
    outcome = Outcome.CLAIMED if result is None or result.outcome is None else result.outcome
    return Attempt(
        key=claim.key or "",
        invoice=claim.invoice or "",
        card=claim.card or "",
        at_ms=claim.at_ms,
        outcome=outcome,
        decline=decline_of(code, advice) if outcome is Outcome.DECLINED else None,
        code=code,
        advice=advice,
    )
