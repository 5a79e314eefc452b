"""How SES is told which mail a message is, so that its notices tell it back: tags of letters, digits, `_` and
`-`."""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from stemtide.mail.message import MailClass
from stemtide.mail.ports import Claim

MAX_TAG_CHARS: Final = 256
"""Of a tag's value (SES API reference, MessageTag)."""
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")
_KEY: Final = re.compile(r"[0-9a-f]{24}")


class Tagged(NamedTuple):
    """What a message's tags tell: whose mail it is, and its class."""

    account: str
    key: str
    mail_class: MailClass


def tags_of(claim: Claim) -> dict[str, str]:
    """The tags of a mail. The account may have any letters, so it is encoded; episode and step are for
    people to look at."""
    return {
        "mail": claim.asked.key,
        "account": urlsafe_b64encode(claim.asked.account.encode()).decode().rstrip("="),
        "class": claim.mail_class.value,
        "journey": _plain(claim.journey),
        "episode": _plain(claim.episode),
        "step": _plain(claim.step),
        "template": _plain(claim.template),
    }


def tagged(tags: Mapping[str, Any]) -> Tagged | None:
    """What the tags of a notice tell; None: it is no mail of ours."""
    mail, account, kind = (_first(tags.get(name)) for name in ("mail", "account", "class"))
    if not _KEY.fullmatch(mail) or not account:
        return None
    try:
        name = b64decode(account + "=" * (-len(account) % 4), altchars=b"-_", validate=True).decode()
        return Tagged(name, mail, MailClass(kind))
    except ValueError:
        return None


def _first(values: Any) -> str:
    return str(values[0]) if isinstance(values, Sequence) and values else ""


def _plain(text: str) -> str:
    return _OTHER.sub("-", text)[:MAX_TAG_CHARS] or "-"
