"""What Stemtide says on its bus: past-tense facts about accounts, each with an id that a repetition keeps.

The bus delivers at least once and in any order: consumers go by `id` and `as_of`. Documented in
docs/events.md; fields are only ever added.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stemtide.as_of import as_of_text
from stemtide.billing.stored import stored_in
from stemtide.billing.told import BILLING_EVENTS, BillingEvent, billing_event
from stemtide.contact_events import NOTE_PREFIX, ContactStopped, contact_event
from stemtide.drops import Drop
from stemtide.event_ids import event_id
from stemtide.plays.told import CsmTaskRaised, task_event
from stemtide.scoring.assessment import Assessment, Basis, Driver, Tier
from stemtide.table_stream import Change

SOURCE: Final = "stemtide"
DROP_PREFIX: Final = "drop#"
RECORD_ITEM: Final = "record"
ENTRY_PREFIX: Final = "ledger#"


class UsageDropDetected(msgspec.Struct, frozen=True, kw_only=True):
    """An account's use fell by more than a rule allows.

    `before` and `now` are the sums of the rule's measure over two weeks of closed UTC days, `change` is
    now / before - 1, `day` the UTC date of `as_of`.
    """

    id: str
    account: str
    rule: str
    day: str
    as_of: str
    measure: str
    before: int
    now: int
    change: float


class RiskTierChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An account's churn risk moved to another tier; `previous` is null at its first score."""

    id: str
    account: str
    tier: Tier
    previous: Tier | None
    score: int
    previous_score: int | None
    as_of: str
    basis: Basis
    model_version: str | None
    trigger: str
    drivers: tuple[Driver, ...] = ()


DomainEvent = UsageDropDetected | RiskTierChanged | BillingEvent | ContactStopped | CsmTaskRaised
EVENTS: Final = (UsageDropDetected, RiskTierChanged, *BILLING_EVENTS, ContactStopped, CsmTaskRaised)


def event_of(change: Change) -> DomainEvent | None:
    """The fact that a change of the accounts, billing, contacts or episodes table tells, None where it tells
    none.

    Raises:
        ValueError, KeyError: an item that this version cannot read.
    """
    if change.new is None:
        return None
    if "pk" in change.keys:
        return _of_row(change, change.new)
    item = str(change.keys["item"])
    if item.startswith(DROP_PREFIX):
        return _drop(change.new) if change.event == "INSERT" else None
    return _tier(change.new, change.old or {}) if item == RECORD_ITEM else None


def _of_row(change: Change, new: Mapping[str, Any]) -> DomainEvent | None:
    """What a row of the contacts, the episodes or the billing table tells."""
    row = str(change.keys["sk"])
    if row.startswith((NOTE_PREFIX, ENTRY_PREFIX)):
        if change.event != "INSERT":
            return None
        return contact_event(new) if row.startswith(NOTE_PREFIX) else task_event(new)
    return billing_event(stored_in(new), stored_in(change.old) if change.old else None)


def stamp_of(change: Change) -> tuple[str, ...]:
    """What did not act on the score that a change brings (`stemtide.shadow.stamp`); empty without a score."""
    found = _assessment(change.new or {})
    return () if found is None else found.shadow


def _drop(item: Mapping[str, Any]) -> UsageDropDetected:
    drop = msgspec.json.decode(str(item["drop"]), type=Drop)
    as_of = as_of_text(drop.as_of_ms)
    return UsageDropDetected(
        id=event_id("drop", drop.account, as_of[:10], drop.rule),
        account=drop.account,
        rule=drop.rule,
        day=as_of[:10],
        as_of=as_of,
        measure=str(drop.figures["measure"]),
        before=int(drop.figures["before"]),
        now=int(drop.figures["now"]),
        change=float(drop.figures["change"]),
    )


def _tier(new: Mapping[str, Any], old: Mapping[str, Any]) -> RiskTierChanged | None:
    now, was = _assessment(new), _assessment(old)
    if now is None or now.tier is None or now.score is None or now.tier == (was.tier if was else None):
        return None
    account, as_of = str(new["account"]), str(new["as_of"])
    return RiskTierChanged(
        id=event_id("tier", account, as_of, now.model_version or now.basis, str(new["trigger"])),
        account=account,
        tier=now.tier,
        previous=was.tier if was else None,
        score=now.score,
        previous_score=was.score if was else None,
        as_of=as_of,
        basis=now.basis,
        model_version=now.model_version,
        trigger=str(new["trigger"]),
        drivers=now.drivers,
    )


def _assessment(item: Mapping[str, Any]) -> Assessment | None:
    text = item.get("assessment")
    return None if text is None else msgspec.json.decode(str(text), type=Assessment)
