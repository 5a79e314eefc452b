"""What SES tells of a message, in each of its shapes: event publishing and feedback notifications through
SNS, and events of the default bus."""

from collections.abc import Mapping
from email.utils import parseaddr
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from stemtide.calls import timestamp_ms
from stemtide.mail.message import address_key
from stemtide.mail.tags import Tagged, tagged

PERMANENT: Final = "Permanent"
NOT_SPAM: Final = "not-spam"
"""Feedback type (RFC 6430) of somebody who takes a mail out of the spam folder."""
SES_SOURCE: Final = "aws.ses"


class NoticeError(ValueError):
    """The message is no notice of SES: it can never be worked off."""


class NoticeKind(StrEnum):
    """What happened to a message: names of attributes of its mail's row, which hold the instant."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    REJECTED = "rejected"
    NOT_RENDERED = "not_rendered"
    DELAYED = "delayed"
    OPENED = "opened"
    CLICKED = "clicked"
    SOFT_BOUNCED = "soft_bounced"


_KINDS: Final = {
    "Send": (NoticeKind.ACCEPTED, "send"),
    "Delivery": (NoticeKind.DELIVERED, "delivery"),
    "Bounce": (NoticeKind.BOUNCED, "bounce"),
    "Complaint": (NoticeKind.COMPLAINED, "complaint"),
    "Reject": (NoticeKind.REJECTED, "reject"),
    "Rendering Failure": (NoticeKind.NOT_RENDERED, "failure"),
    "DeliveryDelay": (NoticeKind.DELAYED, "deliveryDelay"),
    "Open": (NoticeKind.OPENED, "open"),
    "Click": (NoticeKind.CLICKED, "click"),
}
_DETAIL_TYPES: Final = {
    "Email Sent": "Send",
    "Email Delivered": "Delivery",
    "Email Bounced": "Bounce",
    "Email Complaint Received": "Complaint",
    "Email Rejected": "Reject",
    "Email Rendering Failed": "Rendering Failure",
    "Email Delivery Delayed": "DeliveryDelay",
    "Email Opened": "Open",
    "Email Clicked": "Click",
}
_IGNORED: Final = ("Subscription", "AmazonSnsSubscriptionSucceeded")
_RECIPIENTS: Final = {
    NoticeKind.BOUNCED: "bouncedRecipients",
    NoticeKind.SOFT_BOUNCED: "bouncedRecipients",
    NoticeKind.COMPLAINED: "complainedRecipients",
}


class Notice(NamedTuple):
    """What SES tells of a message at an instant (epoch ms, real time); `addresses` are the keys of those who
    bounced or complained, `tagged` is None in notices without tags."""

    kind: NoticeKind
    at_ms: int
    message_id: str
    addresses: tuple[str, ...]
    tagged: Tagged | None
    detail: str


def parse(body: str) -> Notice | None:
    """The notice in a message of the queue; None: one of no interest.

    Raises:
        NoticeError: it is none.
    """
    try:
        return _notice(_event(_json(body)))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NoticeError(f"no notice of SES: {type(error).__name__}: {error}"[:300]) from error


def _json(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])


def _event(message: dict[str, Any]) -> dict[str, Any]:
    """Out of its envelope: SNS's, the bus's, or none (raw delivery)."""
    if "Message" in message and "TopicArn" in message:
        text = message["Message"]
        if text.startswith("Successfully validated SNS topic"):
            return {"eventType": "AmazonSnsSubscriptionSucceeded"}
        return _event(_json(text))
    if message.get("source") == SES_SOURCE:
        named = _DETAIL_TYPES.get(message["detail-type"], message["detail-type"])
        return {"eventType": named, **message["detail"]}
    return message


def _notice(event: Mapping[str, Any]) -> Notice | None:
    name = event.get("eventType") or event["notificationType"]
    if name in _IGNORED:
        return None
    kind, part = _KINDS[name]
    told, mail = event.get(part) or {}, event["mail"]
    if kind is NoticeKind.BOUNCED and told["bounceType"] != PERMANENT:
        kind = NoticeKind.SOFT_BOUNCED
    if kind is NoticeKind.COMPLAINED and told.get("complaintFeedbackType") == NOT_SPAM:
        return None
    affected = told[_RECIPIENTS[kind]] if kind in _RECIPIENTS else ()
    return Notice(
        kind=kind,
        at_ms=timestamp_ms(told.get("timestamp") or mail["timestamp"]),
        message_id=str(mail["messageId"]),
        addresses=tuple(address_key(parseaddr(one["emailAddress"])[1]) for one in affected),
        tagged=tagged(mail.get("tags") or {}),
        detail=_detail(told),
    )


def _detail(told: Mapping[str, Any]) -> str:
    """In words, without addresses: what a remote server says may quote them."""
    names = ("bounceType", "bounceSubType", "complaintFeedbackType", "complaintSubType", "delayType")
    words = [str(told[name]) for name in names if told.get(name)]
    return "/".join(words)[:100]
