"""Shadow mode: may a capability act on an account, and what becomes of a fact when it may not.

A capability is in shadow when `[shadow]` of stemtide.toml names it, or, for one score, when the model that
made it was promoted in shadow. The first is asked at the moment of acting; the second is written on the
score (`MODEL` in its `shadow`), so that it holds for exactly what that model said.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from stemtide.billing.told import (
    InvoicePaymentFailed,
    InvoiceSettled,
    PaymentMethodChanged,
    SubscriptionCanceled,
    SubscriptionStarted,
)
from stemtide.config_shadow import Capability, Shadow
from stemtide.contact_events import ContactStopped
from stemtide.domain_events import DomainEvent, RiskTierChanged, UsageDropDetected
from stemtide.plays.told import CsmTaskRaised

MODEL: Final = "model"
"""Stands beside the names of capabilities on a score: the model that made it is in shadow."""
REASON: Final = "shadow"
"""Why something was withheld, as timelines tell it."""
BECAUSE_CAPABILITY: Final = "capability"
SHADOWED_DROP: Final = f"{UsageDropDetected.__name__}.shadow"
"""The detail type of a drop in shadow. Only the queue to the scorer follows it: a score acts on nobody."""
FOLLOWED_BY: Final[Mapping[type[DomainEvent], tuple[Capability, ...]]] = MappingProxyType(
    {
        UsageDropDetected: (Capability.CHURN_ALERTS,),
        RiskTierChanged: (Capability.CHURN_ALERTS,),
        InvoicePaymentFailed: (Capability.DUNNING,),
        InvoiceSettled: (),
        SubscriptionStarted: (),
        SubscriptionCanceled: (Capability.WIN_BACK,),
        PaymentMethodChanged: (Capability.DUNNING,),
        ContactStopped: (),
        CsmTaskRaised: (Capability.RETENTION,),
    }
)
"""The capabilities that act on a fact of the bus. It is withheld when none of them may; what only ends what
others do has none and never is."""


class Verdict(NamedTuple):
    """Whether a capability may act; if not, why ("shadow") and what is in shadow (`capability`, `model`)."""

    act: bool
    reason: str | None = None
    because: str | None = None


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that nobody was let act on: its own id, account and instant, which event it would have been,
    the capabilities that it was kept from, why, and its detail."""

    id: str
    account: str
    as_of: str
    event: str
    capabilities: tuple[Capability, ...]
    reason: str
    because: str
    detail: dict[str, Any]


class Dispatch(NamedTuple):
    """What becomes of a fact: the detail type it is published under (None: it is not), and what is noted."""

    detail_type: str | None
    withheld: Withheld | None


MAY: Final = Verdict(True)


def may_act(capability: Capability, *, shadow: Shadow, stamped: Collection[str] = ()) -> Verdict:
    """Whether a capability may act now on what is known of an account.

    Every act on an account asks here right before it, with the configuration of that moment.

    Args:
        shadow: as configured now.
        stamped: `shadow` of the account's score (`Assessment`), where the act rests on it.
    """
    if capability in shadow.capabilities:
        return Verdict(False, REASON, BECAUSE_CAPABILITY)
    if MODEL in stamped:
        return Verdict(False, REASON, MODEL)
    return MAY


def stamp(shadow: Shadow, *, model: bool) -> tuple[str, ...]:
    """What a score is written with: the capabilities in shadow at that time, and `MODEL` if its model is.

    The report of what would have happened reads it long after the configuration has changed.
    """
    return tuple(sorted({*map(str, shadow.capabilities), *([MODEL] if model else [])}))


def dispatch(fact: DomainEvent, *, shadow: Shadow, stamped: Collection[str] = ()) -> Dispatch:
    """Publish a fact as it is unless every capability that acts on it is held back.

    A drop in shadow is published under another name, as its account must be scored all the same.
    """
    followers = FOLLOWED_BY[type(fact)]
    of_a_score = stamped if isinstance(fact, RiskTierChanged) else ()
    verdicts = [may_act(one, shadow=shadow, stamped=of_a_score) for one in followers]
    name = type(fact).__name__
    if not followers or any(verdict.act for verdict in verdicts):
        return Dispatch(name, None)
    withheld = Withheld(
        id=fact.id,
        account=fact.account,
        as_of=fact.as_of,
        event=name,
        capabilities=followers,
        reason=REASON,
        because=verdicts[0].because or BECAUSE_CAPABILITY,
        detail=msgspec.to_builtins(fact),
    )
    return Dispatch(SHADOWED_DROP if isinstance(fact, UsageDropDetected) else None, withheld)
