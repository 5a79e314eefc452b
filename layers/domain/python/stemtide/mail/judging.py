"""Whether a mail may be sent now: the first reason against it wins."""

from types import MappingProxyType
from typing import Final, NamedTuple

from stemtide.config_schema import Config
from stemtide.config_shadow import Capability
from stemtide.mail import budget
from stemtide.mail.budget import Contact
from stemtide.mail.message import MailClass, MailRequest
from stemtide.mail.outcomes import Deferred, Duplicate, Outcome, Reason, Refused, Unknown
from stemtide.mail.ports import JOURNEY_STOPS, Asked, MailRow, MailState, Standing, stops_of
from stemtide.mail.quiet_hours import next_allowed, zone_of
from stemtide.shadow import may_act

LEASE_MS: Final = 180_000
"""Real ms after which nobody who claimed a mail can still be at it: three times the function's time-out."""
CAPABILITIES: Final = MappingProxyType(
    {
        "alerts": Capability.CHURN_ALERTS,
        "retention": Capability.RETENTION,
        "upsell": Capability.UPSELL,
        "dunning": Capability.DUNNING,
        "win_back": Capability.WIN_BACK,
    }
)
"""The capability in whose name a journey acts. Journeys that are not here cannot be in shadow."""


class Go(NamedTuple):
    """It may: this is the contact to count, and the budget with it."""

    contacts: tuple[Contact, ...]


class Abandoned(NamedTuple):
    """Whoever claimed it has died without telling what became of it."""

    row: MailRow


Verdict = Go | Abandoned | Outcome


def standing_row(row: MailRow, *, as_of_ms: int, real_ms: int, scale: float) -> Abandoned | Outcome:
    """What to answer to a request whose mail was claimed before."""
    if row.state is MailState.SENT:
        return Duplicate(key=row.key, of=row.message_id or "")
    if row.state is MailState.REFUSED:
        return Refused(key=row.key, reason=Reason.REFUSED_BY_SES, detail=row.why or "")
    if row.state is MailState.UNKNOWN:
        return Unknown(key=row.key, reason=Reason(row.why or Reason.ABANDONED))
    left_ms = row.claimed_real_ms + LEASE_MS - real_ms
    if left_ms <= 0:
        return Abandoned(row)
    return Deferred(key=row.key, reason=Reason.IN_FLIGHT, until_ms=as_of_ms + round(left_ms * scale))


def judge(
    request: MailRequest,
    asked: Asked,
    standing: Standing,
    *,
    mail_class: MailClass,
    config: Config,
    as_of_ms: int,
) -> Go | Outcome:
    """Whether a mail that nobody has claimed yet may be sent at an instant (model time)."""
    refusal = refusal_of(request.journey, standing, mail_class=mail_class, config=config)
    if refusal is not None:
        return Refused(key=asked.key, reason=refusal, detail=_words(refusal, standing))
    if standing.paused is not None:
        return Deferred(key=asked.key, reason=Reason.CAMPAIGN_PAUSED, detail=standing.paused)
    zone, own = zone_of((request.zone, standing.zone), company=config.company.time_zone)
    free_ms = next_allowed(as_of_ms, zone, config.mail.quiet_hours, mail_class)
    if free_ms > as_of_ms:
        detail = zone.key if own else f"{zone.key}, the company's: the account's is not known"
        return Deferred(key=asked.key, reason=Reason.QUIET_HOURS, until_ms=free_ms, detail=detail)
    contact = Contact(as_of_ms, asked.key, mail_class, request.journey)
    spent = budget.decide(standing.contacts, contact, config.contacts)
    if isinstance(spent, budget.Spent):
        if spent.until_ms is None:
            return Refused(key=asked.key, reason=Reason.BUDGET, detail=spent.reason)
        return Deferred(key=asked.key, reason=Reason.BUDGET, until_ms=spent.until_ms, detail=spent.reason)
    return Go(budget.with_contact(standing.contacts, contact, config.contacts))


def refusal_of(journey: str, standing: Standing, *, mail_class: MailClass, config: Config) -> Reason | None:
    """Why no mail of a journey goes to an address as things stand, None: one may.

    A hold and `do_not_contact` stop both classes: they are about the account, not about advertising.
    """
    capability = CAPABILITIES.get(journey)
    if capability is not None and not may_act(capability, shadow=config.shadow).act:
        return Reason.SHADOW
    if standing.erased:
        return Reason.ERASED
    if standing.held is not None:
        return Reason.HELD
    if standing.do_not_contact:
        return Reason.DO_NOT_CONTACT
    stop = next((one for one in stops_of(mail_class, journey) if one in standing.stops), None)
    if stop in JOURNEY_STOPS.values():
        return Reason.OPTED_OUT
    return None if stop is None else Reason(stop)


def _words(refusal: Reason, standing: Standing) -> str:
    return standing.held or "" if refusal is Reason.HELD else ""
