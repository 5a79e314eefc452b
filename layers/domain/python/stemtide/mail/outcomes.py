"""What became of a request to send a mail, as callers and timelines are told."""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why a mail was not sent, or not now."""

    SHADOW = "shadow"
    HELD = "held"
    ERASED = "erased"
    DO_NOT_CONTACT = "do_not_contact"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    COMPLAINED = "complained"
    COMPLAINED_OF_SERVICE_MAIL = "complained_of_service_mail"
    OPTED_OUT = "opted_out"
    CAMPAIGN_PAUSED = "campaign_paused"
    QUIET_HOURS = "quiet_hours"
    BUDGET = "budget"
    IN_FLIGHT = "in_flight"
    BUSY = "busy"
    THROTTLED = "throttled"
    SENDING_STOPPED = "sending_stopped"
    NO_ADDRESS = "no_address"
    NOT_RENDERED = "not_rendered"
    REFUSED_BY_SES = "refused_by_ses"
    REPLY_LOST = "reply_lost"
    ABANDONED = "abandoned"


class _Outcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="outcome"):
    """`key` is the mail's (empty where the recipient is no address), `detail` says more in words."""

    key: str


class Sent(_Outcome, frozen=True, tag="sent"):
    """SES has taken the mail under this id."""

    message_id: str


class Deferred(_Outcome, frozen=True, tag="deferred"):
    """Not now: ask again from `until_ms` (model time) on; None: when somebody has ended the reason."""

    reason: Reason
    until_ms: int | None = None
    detail: str = ""


class Refused(_Outcome, frozen=True, tag="refused"):
    """Not this mail to this recipient, as things stand."""

    reason: Reason
    detail: str = ""


class Unknown(_Outcome, frozen=True, tag="unknown"):
    """It was handed to SES and nobody knows whether it was taken: it is never sent again."""

    reason: Reason


class Duplicate(_Outcome, frozen=True, tag="duplicate"):
    """It was sent before, as the message `of`."""

    of: str


Outcome = Sent | Deferred | Refused | Unknown | Duplicate
