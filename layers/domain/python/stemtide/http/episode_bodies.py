"""The JSON bodies of the routes about episodes, made from rows and ledger entries."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from msgspec import field

from stemtide.as_of import as_of_text
from stemtide.config_billing import CollectionOwner
from stemtide.config_plays import Cause
from stemtide.dunning.episode import Episode as Dunning
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Actor, Entry, Kind
from stemtide.http.account_bodies import Instant
from stemtide.http.bodies import Body
from stemtide.http.play_bodies import CameOf, Ends, EpisodeOffer, EpisodeTask, of_play, offers, tasks, text
from stemtide.scoring.assessment import Tier
from stemtide.store.episode_audit import gaps
from stemtide.store.episode_rows import AnyRow, journey_of


class LedgerEntry(Body, frozen=True):
    """What an episode did, or left undone; `number` counts its entries.

    `amount` is in minor units of `currency`, `key` what makes the act happen once, `provider_id` what the
    payment provider calls it. `outcome` is a charge's, `step` and `template` are a mail's or task's,
    `percent`, `months` and `expires` an offer's, whose `code` is what the customer types.
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
    percent: int | None
    months: int | None
    expires: Instant | None


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
    """A run of a journey about one account; `next_action` comes at `next_at` unless something happens before.

    `started` is when it came to what opened it: a payment failed (dunning; `failed` says the same), the
    subscription ended (win-back), the account came into the tier (retention). It has `ended` once nothing is
    done any more; `ending` and `ending_reason` say why. Of dunning are `invoice` (the one that it was opened
    for) and `owner`. Of plays are `cause` or `tier` (the highest so far), `held_out` (it gets nothing, by
    lot), the `outcome`, which may be known long after the end, and what the offer that was taken costs, in
    minor units of `currency`. What a journey does not have is null.
    """

    id: str
    journey: str
    account: str
    customer: str | None
    invoice: str | None
    policy: str
    owner: CollectionOwner | None
    cause: Cause | None
    tier: Tier | None
    held_out: bool | None
    state: Literal["running", "ended"]
    started: Instant
    failed: Instant | None
    opened: Instant
    next_action: str | None
    next_at: Instant | None
    ended: Instant | None
    ending: Ends | None
    ending_reason: str | None
    outcome: CameOf | None
    outcome_at: Instant | None
    outcome_reason: str | None
    cost: int | None
    currency: str | None


class Episode(EpisodeSummary, frozen=True):
    """An episode with all that it did, oldest first; `gaps` says what its ledger lacks, nothing as a rule."""

    attempts: list[EpisodeAttempt]
    mails: list[EpisodeMail]
    tasks: list[EpisodeTask]
    offers: list[EpisodeOffer]
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
        percent=entry.percent,
        months=entry.months,
        expires=text(entry.expires_ms),
        **{name: getattr(entry, name) for name in same},
    )


def summary(row: AnyRow) -> EpisodeSummary:
    """An episode in a list."""
    return EpisodeSummary(**_summed(row))


def whole_episode(row: AnyRow, entries: Sequence[Entry]) -> Episode:
    """An episode with its ledger, as it is: also one that has gaps."""
    in_order = sorted(entries, key=lambda entry: entry.seq)
    return Episode(
        **_summed(row),
        attempts=_attempts(in_order),
        mails=[_mail(one) for one in in_order if one.kind in (Kind.MAIL, Kind.MAIL_SKIPPED)],
        tasks=tasks(in_order),
        offers=offers(in_order),
        ledger=[ledger_entry(row.account, row.id, one) for one in in_order],
        gaps=list(gaps(row, in_order)),
    )


def _summed(row: AnyRow) -> dict[str, Any]:
    known = {
        "id": row.id,
        "journey": journey_of(row),
        "account": row.account,
        "policy": row.policy,
        "opened": as_of_text(row.opened_ms),
        **(_of_dunning(row) if isinstance(row, Dunning) else of_play(row)),
    }
    return {name: known.get(name) for name in EpisodeSummary.__struct_fields__}


def _of_dunning(row: Dunning) -> dict[str, Any]:
    return {
        "customer": row.customer,
        "invoice": row.anchor,
        "owner": row.owner,
        "state": "ended" if row.is_over else "running",
        "started": as_of_text(row.started_ms),
        "failed": as_of_text(row.started_ms),
        "next_action": row.next_reason,
        "next_at": text(row.next_ms),
        "ended": text(row.ended_ms),
        "ending": None if row.ending is None else Ends(row.ending),
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
