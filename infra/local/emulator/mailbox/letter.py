"""A request of SES's API v2 as a row of the mailbox: what a recipient would have got."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from stemtide.clock import ModelClock

ACCOUNT_ID = re.compile(r"[A-Za-z0-9._:@-]{1,128}")
TAGS = ("class", "episode", "step")
Row = dict[str, Any]


def row_of(
    message_id: str, request: Mapping[str, Any], *, real_ms: int, clock: ModelClock, shown: Mapping[str, Any]
) -> Row:
    """The row of a mail.

    Args:
        request: the body of SendEmail.
        real_ms: when it was taken; `at` is that instant by the model clock, as policies count days.
        shown: what the emulator made of it: subject and bodies of mails that are no MIME messages.
    """
    tags = {one.get("Name"): one.get("Value") for one in request.get("EmailTags") or ()}
    raw = (request.get("Content") or {}).get("Raw") or {}
    message = _parsed(raw.get("Data", ""))
    return {
        "id": message_id,
        "at": _iso(clock.at(real_ms)),
        "to": ", ".join((request.get("Destination") or {}).get("ToAddresses") or ())
        or str(message.get("to", "")),
        "from": str(message.get("from") or request.get("FromEmailAddress", "")),
        "subject": str(message.get("subject") or shown.get("Subject", "")),
        "headers": {name: str(value) for name, value in message.items()},
        "text": _part(message, "plain") or shown.get("BodyText") or "",
        "html": _part(message, "html") or shown.get("BodyHtml") or "",
        **{name: tags.get(name) for name in TAGS},
        "account": _account(tags.get("account")),
        "tags": tags,
        "sent_at": _iso(real_ms),
    }


def _parsed(data: str) -> EmailMessage:
    """The MIME message; one without headers when there is none."""
    return BytesParser(policy=policy.default).parsebytes(base64.b64decode(data))


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return "" if part is None else str(part.get_content())


def _account(tag: str | None) -> str | None:
    """The account of a tag; its letters are wrapped in base64url, as tags take few."""
    if tag is None:
        return None
    try:
        account = base64.urlsafe_b64decode(tag + "=" * (-len(tag) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return tag
    return account if ACCOUNT_ID.fullmatch(account) else tag


def _iso(at_ms: int) -> str:
    text = datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
