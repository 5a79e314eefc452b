"""What is done next about a customer's unpaid invoices: the first of the rules below that applies.

Level-triggered: a decision rests on what is true now, never on what was decided before, so it may be asked at
any time and any number of times. Whoever acts on it asks again right before.
"""

from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import MAX_TRIES, MailStep, Policy
from stemtide.config_dunning import Final as AtTheEnd
from stemtide.dunning.declines import DAY_MS, Decline, wait_ms
from stemtide.dunning.facts import Attempt, Card, Facts, Invoice, InvoiceStatus, Outcome
from stemtide.dunning.times import planned, try_at

MAX_CARD_TRIES: Final = 15
"""Of one card in `CARD_WINDOW_MS`, by whomever: Visa's older and stricter cap."""
CARD_WINDOW_MS: Final = 30 * DAY_MS
LOOK_AGAIN_MS: Final = DAY_MS
"""The longest wait without looking at what is true: an event of the provider may have been lost."""


class Ending(StrEnum):
    """How an episode ends."""

    RECOVERED = "recovered"
    SETTLED = "settled"
    CANCELED = "canceled"
    EXHAUSTED = "exhausted"
    UNRESOLVED = "unresolved"
    HELD = "held"
    PAUSED = "paused"


class Settle(msgspec.Struct, frozen=True, kw_only=True, tag="settle"):
    """Find out at the provider how a try ended of which nobody knows."""

    key: str
    invoice: str


class Retry(msgspec.Struct, frozen=True, kw_only=True, tag="retry"):
    """Pay an invoice with a card: whatever is due on it then."""

    invoice: str
    method: str
    fingerprint: str


class Mail(msgspec.Struct, frozen=True, kw_only=True, tag="mail"):
    """Write to the customer; the steps in `instead_of` are passed over, as their time has gone by as well."""

    invoice: str
    step: str
    template: str
    instead_of: tuple[str, ...] = ()


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """End the subscription at the provider: it could not be collected for."""

    invoice: str
    subscription: str


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="leave"):
    """An invoice has come to the end of its policy and is left as it is; others are still to be collected."""

    invoice: str


class Wait(msgspec.Struct, frozen=True, kw_only=True, tag="wait"):
    """Nothing to do until an instant (epoch ms), or until something happens."""

    until_ms: int
    reason: str


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag="stop"):
    """The episode is over."""

    ending: Ending
    reason: str


Action = Settle | Retry | Mail | Cancel | Leave | Wait | Stop


def decide(facts: Facts, policy: Policy, *, owner: CollectionOwner, zone: ZoneInfo, now_ms: int) -> Action:
    """What to do now; the first rule that applies wins.

    Args:
        zone: the customer's, in whose day cards are tried.
    """
    if unknown := next((one for one in facts.attempts if one.outcome is Outcome.CLAIMED), None):
        return Settle(key=unknown.key, invoice=unknown.invoice)
    over = _over(facts, owner)
    if over is not None:
        return over
    anchor = facts.unpaid[0]
    if anchor.paused_until_ms is not None and anchor.paused_until_ms > now_ms:
        goes_on = (one.paused_until_ms for one in facts.unpaid if one.paused_until_ms is not None)
        return _wait({"paused": min(goes_on)}, now_ms)
    end_ms = _end_ms(anchor, facts, policy)
    if owner is CollectionOwner.OBSERVE:
        return _wait({"provider_collects": end_ms}, now_ms) if now_ms < end_ms else _left(facts, owner)
    try_ms = next_try_ms(facts, policy, owner=owner, zone=zone)
    tries = owner is CollectionOwner.OWN and anchor.next_try_ms is None
    if tries and facts.card is not None and _is_due(facts.card, facts, try_ms, now_ms, end_ms):
        return Retry(invoice=anchor.id, method=facts.card.method, fingerprint=facts.card.fingerprint)
    mail = _mail_due(anchor, facts, policy, now_ms, try_ms)
    if mail is not None:
        return mail
    if now_ms >= end_ms:
        return _end(facts, policy, owner)
    own_ms = try_ms if tries else None
    ahead = {"end": end_ms, "retry": own_ms, "mail": _next_mail_ms(anchor, facts, policy, now_ms)}
    return _wait({name: at_ms for name, at_ms in ahead.items() if at_ms is not None}, now_ms)


def next_try_ms(facts: Facts, policy: Policy, *, owner: CollectionOwner, zone: ZoneInfo) -> int | None:
    """When the earliest unpaid invoice is tried next, by us or by the provider; None: not with what is known
    now, so it takes the customer.

    Whoever collects, nobody tries an invoice that the provider is about to try by itself.
    """
    if not facts.unpaid:
        return None
    anchor = facts.unpaid[0]
    if owner is not CollectionOwner.OWN or anchor.next_try_ms is not None:
        return anchor.next_try_ms
    card = facts.card
    if card is None or card.expired or card.fingerprint in facts.refused_cards:
        return None
    if _is_new(card, facts):
        return _when_allowed(anchor, facts, _again_ms(card, facts))
    planned_ms = _planned_ms(anchor, facts, policy, zone)
    try_ms = None if planned_ms is None else _when_allowed(anchor, facts, planned_ms)
    return try_ms if try_ms is not None and try_ms < _end_ms(anchor, facts, policy) else None


def end_ms_of(facts: Facts, policy: Policy) -> int | None:
    """When the customer is given up as things stand; None: nothing is unpaid."""
    return _end_ms(facts.unpaid[0], facts, policy) if facts.unpaid else None


def may_try(invoice: Invoice, facts: Facts, *, at_ms: int) -> bool:
    """Whether the caps of invoice and card allow another try at an instant."""
    tries = max(invoice.tries, len(_own(invoice, facts)))
    lately = [one for one in facts.card_tries_ms if at_ms - CARD_WINDOW_MS < one <= at_ms]
    return tries < MAX_TRIES and len(lately) < MAX_CARD_TRIES


def _over(facts: Facts, owner: CollectionOwner) -> Stop | None:
    if facts.held is not None:
        return Stop(ending=Ending.HELD, reason=facts.held)
    if facts.unpaid:
        return None
    owed = [one for one in facts.invoices if one.is_owed]
    if not owed:
        paid = [one for one in facts.invoices if one.status is InvoiceStatus.PAID and not one.contested]
        ending = Ending.RECOVERED if paid else Ending.SETTLED
        return Stop(ending=ending, reason="paid" if paid else "nothing_due")
    if facts.given_up:
        return Stop(ending=Ending.EXHAUSTED, reason="not_collected")
    if any(one.left for one in owed):
        return _not_collected(owner)
    if any(one.over for one in owed):
        return Stop(ending=Ending.CANCELED, reason="subscription_canceled")
    return Stop(ending=Ending.PAUSED, reason="collection_paused")


def _failed_ms(invoice: Invoice, facts: Facts) -> int:
    """When an invoice's first payment failed; one that is unpaid without a known failure since the start."""
    return facts.started_ms if invoice.failed_ms is None else invoice.failed_ms


def _end_ms(invoice: Invoice, facts: Facts, policy: Policy) -> int:
    """When the customer is given up: as planned, and never sooner after the notice of it than planned."""
    end_ms = _failed_ms(invoice, facts) + round(policy.end_days * DAY_MS)
    for step in policy.mails:
        told = _mailed_ms(invoice, step, facts) if step.last else None
        if told is not None:
            end_ms = max(end_ms, told + round((policy.end_days - step.after_days) * DAY_MS))
    return end_ms


def _mailed_ms(invoice: Invoice, step: MailStep, facts: Facts) -> int | None:
    about = (one for one in facts.mailed if (one.invoice, one.step) == (invoice.id, step.name))
    return next((one.at_ms for one in about), None)


def _own(invoice: Invoice, facts: Facts) -> list[Attempt]:
    return [one for one in facts.attempts if one.invoice == invoice.id]


def _is_due(card: Card, facts: Facts, try_ms: int | None, now_ms: int, end_ms: int) -> bool:
    """Whether the card is tried now; one that the customer has just given also when the end has come."""
    return try_ms is not None and try_ms <= now_ms and (now_ms < end_ms or _is_new(card, facts))


def _planned_ms(invoice: Invoice, facts: Facts, policy: Policy, zone: ZoneInfo) -> int | None:
    """When the policy tries the invoice next; None: never again."""
    own = _own(invoice, facts)
    failed_ms, number = _failed_ms(invoice, facts), len(own) + 1
    due_ms = planned(failed_ms, number, policy)
    if due_ms is None:
        return None
    gap_ms = min(DAY_MS, due_ms - (planned(failed_ms, number - 1, policy) or failed_ms))
    after = [one.at_ms + gap_ms for one in own]
    if facts.declined_ms is not None:
        after.append(facts.declined_ms + max(gap_ms, wait_ms(facts.advice)))
    return try_at(max([due_ms, *after]), zone=zone, policy=policy, code=facts.decline_code)


def _when_allowed(invoice: Invoice, facts: Facts, at_ms: int) -> int | None:
    """The first instant from `at_ms` on at which the caps allow a try; None once the invoice's is reached."""
    expiries = sorted(at + CARD_WINDOW_MS for at in facts.card_tries_ms)
    instants = [at_ms, *(one for one in expiries if one > at_ms)]
    return next((one for one in instants if may_try(invoice, facts, at_ms=one)), None)


def _is_new(card: Card, facts: Facts) -> bool:
    """Whether the invoice has not been tried with the card."""
    tried = {one.card for one in facts.attempts if one.outcome is not Outcome.FAILED}
    return card.fingerprint not in tried and card.fingerprint not in facts.asked_cards


def _again_ms(card: Card, facts: Facts) -> int:
    """When a new card is tried: at once; a day after the provider has refused to."""
    refused = [one.at_ms + DAY_MS for one in facts.attempts if one.card == card.fingerprint]
    return max([facts.started_ms, *refused])


def _mail_due(invoice: Invoice, facts: Facts, policy: Policy, now_ms: int, try_ms: int | None) -> Mail | None:
    """The latest mail that is due; earlier ones that were not sent are passed over."""
    due = [step for step in _steps(policy) if _mail_ms(invoice, facts, step) <= now_ms]
    if not due or _mailed_ms(invoice, due[-1], facts) is not None:
        return None
    passed = [step.name for step in due[:-1] if _mailed_ms(invoice, step, facts) is None]
    template = _template(due[-1], facts, try_ms)
    return Mail(invoice=invoice.id, step=due[-1].name, template=template, instead_of=tuple(passed))


def _steps(policy: Policy) -> list[MailStep]:
    return sorted(policy.mails, key=lambda step: step.after_days)


def _mail_ms(invoice: Invoice, facts: Facts, step: MailStep) -> int:
    return _failed_ms(invoice, facts) + round(step.after_days * DAY_MS)


def _next_mail_ms(invoice: Invoice, facts: Facts, policy: Policy, now_ms: int) -> int | None:
    ahead = (_mail_ms(invoice, facts, step) for step in policy.mails)
    return min((at_ms for at_ms in ahead if at_ms > now_ms), default=None)


def _template(step: MailStep, facts: Facts, try_ms: int | None) -> str:
    """The letter that fits the last decline; one that will not be tried again needs another card."""
    if step.last:
        return "payment_final_notice"
    if facts.decline is Decline.AUTHENTICATE:
        return "payment_needs_authentication"
    return "payment_needs_card" if try_ms is None else "payment_failed"


def _end(facts: Facts, policy: Policy, owner: CollectionOwner) -> Cancel | Leave | Stop:
    anchor = facts.unpaid[0]
    if owner is CollectionOwner.OWN and policy.end is AtTheEnd.CANCEL and anchor.subscription is not None:
        return Cancel(invoice=anchor.id, subscription=anchor.subscription)
    return _left(facts, owner)


def _left(facts: Facts, owner: CollectionOwner) -> Leave | Stop:
    """The invoice is left as it is, which is the end of the episode if it is the last one."""
    return Leave(invoice=facts.unpaid[0].id) if len(facts.unpaid) > 1 else _not_collected(owner)


def _not_collected(owner: CollectionOwner) -> Stop:
    if owner is CollectionOwner.OWN:
        return Stop(ending=Ending.EXHAUSTED, reason="not_collected")
    return Stop(ending=Ending.UNRESOLVED, reason=f"collection_owner_is_{owner}")


def _wait(ahead: dict[str, int], now_ms: int) -> Wait:
    """Until the first of what lies ahead, at most as long as one may go without a look."""
    reason, until_ms = min(ahead.items(), key=lambda one: (one[1], one[0]))
    return Wait(until_ms=min(until_ms, now_ms + LOOK_AGAIN_MS), reason=reason)
