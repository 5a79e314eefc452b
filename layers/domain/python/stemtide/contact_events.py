"""What the contacts table tells on the bus: an account, or one of its addresses, gets no more mail."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stemtide.event_ids import event_id

NOTE_PREFIX: Final = "sent#"
ACCOUNT_PREFIX: Final = "account#"
STOPPING: Final = frozenset(
    {"opted_out", "mail_complained", "mail_bounced", "mail_suppressed", "held", "erased"}
)
"""The notes of a timeline after which sequences that run must look at once."""


class ContactStopped(msgspec.Struct, frozen=True, kw_only=True):
    """Mail to an account, or to one of its addresses, was stopped; `how` is what its timeline calls it."""

    id: str
    account: str
    as_of: str
    how: str


def contact_event(new: Mapping[str, Any]) -> ContactStopped | None:
    """The fact that a new note tells, None where mail goes on."""
    kind = str(new["kind"])
    if kind not in STOPPING:
        return None
    account, note = str(new["pk"]).removeprefix(ACCOUNT_PREFIX), str(new["sk"]).removeprefix(NOTE_PREFIX)
    as_of = note.partition("#")[0]
    return ContactStopped(id=event_id("contact", account, note), account=account, as_of=as_of, how=kind)
