"""What the contacts table tells on the bus: an account, or one of its addresses, gets no more mail."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stemtide.event_ids import event_id

NOTE_PREFIX: Final = "sent#"
ACCOUNT_PREFIX: Final = "account#"
CHOSEN: Final = "mail_chosen"
"""Its owner has chosen which journeys an address gets; `off` of its facts names the others."""
STOPPING: Final = ("erased", "held", CHOSEN, "mail_bounced", "mail_complained", "opted_out")
"""The notes of a timeline after which sequences that run must look at once. A transient bounce is none."""
SEQUENCES: Final = frozenset({"win_back", "retention"})
"""Journeys that somebody who gets other lifecycle mail may not want."""


class ContactStopped(msgspec.Struct, frozen=True, kw_only=True):
    """Mail to an account, or to one of its addresses, was stopped; `how` is what its timeline calls it."""

    id: str
    account: str
    as_of: str
    how: str


def contact_event(new: Mapping[str, Any]) -> ContactStopped | None:
    """The fact that a new note tells, None where mail goes on."""
    kind = str(new["kind"])
    if kind not in STOPPING or (kind == CHOSEN and not _off(new) & SEQUENCES):
        return None
    account, note = str(new["pk"]).removeprefix(ACCOUNT_PREFIX), str(new["sk"]).removeprefix(NOTE_PREFIX)
    as_of = note.partition("#")[0]
    return ContactStopped(id=event_id("contact", account, note), account=account, as_of=as_of, how=kind)


def _off(note: Mapping[str, Any]) -> set[str]:
    facts: dict[str, Any] = msgspec.json.decode(str(note["facts"]))
    return set(str(facts["off"]).split())
