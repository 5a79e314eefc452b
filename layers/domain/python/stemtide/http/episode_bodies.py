"""The JSON bodies of the routes about episodes, made from rows and ledger entries."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from msgspec import field

from stemtide.as_of import as_of_text
from stemtide.config_billing import CollectionOwner
from stemtide.dunning.audit import gaps
from stemtide.dunning.decide import Ending
from stemtide.dunning.episode import JOURNEY
from stemtide.dunning.episode import Episode as Row
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Actor, Entry, Kind
from stemtide.http.account_bodies import Instant
from stemtide.http.bodies import Body


class LedgerEntry(Body, frozen=True):
    """What was done about an unpaid invoice, or left undone; `number` counts the entries of its episode.

    `amount` is in minor units of `currency`, `key` what makes the act happen once, `provider_id` what the
    payment provider calls it. `outcome` is a charge's, `step` and `template` are a mail's.
    """

    at: Instant
    account: str
    episode: str
    number: int
    kind: Kind
    actor: Actor
    invoice: str | None
    amount: int | None
    currency: str | None
    outcome: Outcome | None
    code: str | None
    advice: str | None
    reason: str | None
    key: str | None
    provider_id: str | None
    step: str | None
    template: str | None


class Ledger(Body, frozen=True):
    """The entries of all episodes on the days `from` to `to`, both included, oldest first; `cursor` leads to
    the next page, null at the end. A page may hold fewer than `limit` before the end."""

    first: date = field(name="from")
    last: date = field(name="to")
    entries: list[LedgerEntry]
    cursor: str | None


class EpisodeAttempt(Body, frozen=True):
    """A try to collect: `claimed` is one of unknown outcome, `failed` one that no card was asked for,
    `withdrawn` one that was taken back before the provider was asked."""

    at: Instant
    invoice: str | None
    amount: int | None
    currency: str | None
    outcome: Outcome
    code: str | None
    advice: str | None
    reason: str | None
    key: str | None
    provider_id: str | None


class EpisodeMail(Body, frozen=True):
    """A mail, or with `sent` false a step without one and why; a mail's `reason` says if nobody knows
    whether it arrived."""

    at: Instant
    invoice: str | None
    step: str | None
    template: str | None
    sent: bool
    reason: str | None
    key: str | None


class EpisodeSummary(Body, frozen=True):
    """A run of a journey about one customer. `invoice` is the one that it was opened for, `failed` when that
    one's payment first failed. `next_action` comes at `next_at`, unless something happens before."""

    id: str
    journey: str
    account: str
    customer: str
    invoice: str
    policy: str
    owner: CollectionOwner
    state: Literal["running", "ended"]
    failed: Instant
    opened: Instant
    next_action: str | None
    next_at: Instant | None
    ended: Instant | None
    ending: Ending | None
    ending_reason: str | None


class Episode(EpisodeSummary, frozen=True):
    """An episode with all that it did, oldest first; `gaps` says what its ledger lacks, nothing as a rule."""

    attempts: list[EpisodeAttempt]
    mails: list[EpisodeMail]
    offers: list[dict[str, Any]]
    ledger: list[LedgerEntry]
    gaps: list[str]


class AccountEpisodes(Body, frozen=True):
    """The episodes of an account, the newest first."""

    account: str
    episodes: list[EpisodeSummary]


def ledger_entry(account: str, episode: str, entry: Entry) -> LedgerEntry:
    """An entry as people see it: without the card."""
    same = ("kind", "actor", "invoice", "amount", "currency", "outcome", "code", "advice", "reason")
    return LedgerEntry(
        at=as_of_text(entry.at_ms),
        account=account,
        episode=episode,
        number=entry.seq,
        key=entry.key,
        provider_id=entry.provider_id,
        step=entry.step,
        template=entry.template,
        **{name: getattr(entry, name) for name in same},
    )


def summary(row: Row) -> EpisodeSummary:
    """An episode in a list."""
    return EpisodeSummary(**_summed(row))


def whole_episode(row: Row, entries: Sequence[Entry]) -> Episode:
    """An episode with its ledger, as it is: also one that has gaps."""
    in_order = sorted(entries, key=lambda entry: entry.seq)
    return Episode(
        **_summed(row),
        attempts=_attempts(in_order),
        mails=[_mail(one) for one in in_order if one.kind in (Kind.MAIL, Kind.MAIL_SKIPPED)],
        offers=[],
        ledger=[ledger_entry(row.account, row.id, one) for one in in_order],
        gaps=list(gaps(row, in_order)),
    )


def _summed(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "journey": JOURNEY,
        "account": row.account,
        "customer": row.customer,
        "invoice": row.anchor,
        "policy": row.policy,
        "owner": row.owner,
        "state": "ended" if row.is_over else "running",
        "failed": as_of_text(row.started_ms),
        "opened": as_of_text(row.opened_ms),
        "next_action": row.next_reason,
        "next_at": _text(row.next_ms),
        "ended": _text(row.ended_ms),
        "ending": row.ending,
        "ending_reason": row.ending_reason,
    }


def _attempts(entries: Sequence[Entry]) -> list[EpisodeAttempt]:
    results = {entry.key: entry for entry in entries if entry.kind is Kind.CHARGE}
    return [
        _attempt(claim, results.get(claim.key, claim))
        for claim in entries
        if claim.kind is Kind.CHARGE_CLAIMED
    ]


def _attempt(claim: Entry, result: Entry) -> EpisodeAttempt:
    same = ("code", "advice", "reason", "provider_id")
    return EpisodeAttempt(
        at=as_of_text(claim.at_ms),
        invoice=claim.invoice,
        amount=claim.amount,
        currency=claim.currency,
        outcome=result.outcome or Outcome.CLAIMED,
        key=claim.key,
        **{name: getattr(result, name) for name in same},
    )


def _mail(entry: Entry) -> EpisodeMail:
    return EpisodeMail(
        at=as_of_text(entry.at_ms),
        invoice=entry.invoice,
        step=entry.step,
        template=entry.template,
        sent=entry.kind is Kind.MAIL,
        reason=entry.reason,
        key=entry.key or None,
    )


def _text(at_ms: int | None) -> str | None:
    return None if at_ms is None else as_of_text(at_ms)
