"""The contacts table's keys and stored shapes. No address stands in it: only keys of addresses."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stemtide.as_of import as_of_text
from stemtide.calls import day_of, timestamp_ms
from stemtide.mail.budget import Contact
from stemtide.mail.message import MailClass
from stemtide.mail.ports import Claim, MailRow, MailState, Note

HOLD: Final = "hold"
BUDGET: Final = "budget"
STATE: Final = "state"
MAIL: Final = "mail"
MAIL_PREFIX: Final = "mail#"
SENT_PREFIX: Final = "sent#"
COUNTS_PREFIX: Final = "counts#"
CAMPAIGNS: Final = "campaigns"
OPEN_INDEX: Final = "by_open"
OPEN: Final = "claimed"
KEPT_S: Final = 400 * 86_400
"""How long timelines, counts and message ids are kept (real time)."""
MAIL_KEPT_S: Final = 3 * 366 * 86_400
"""How long a mail is known to have been sent: longer than any episode goes on."""

Item = dict[str, Any]
Key = dict[str, str]


def of_account(account: str) -> str:
    """The partition of an account."""
    return f"account#{account}"


def of_address(address_key: str) -> str:
    """The partition of an address."""
    return f"address#{address_key}"


def of_campaign(campaign: str) -> str:
    """The partition of a campaign."""
    return f"campaign#{campaign}"


def key(pk: str, sk: str) -> Key:
    """A primary key."""
    return {"pk": pk, "sk": sk}


def mail_row_key(account: str, mail: str) -> Key:
    """Where a mail's row is."""
    return key(of_account(account), f"{MAIL_PREFIX}{mail}")


def message_key(message_id: str) -> Key:
    """Where it is told which mail a message is."""
    return key(f"message#{message_id}", MAIL)


def counts_key(campaign: str, run: int, claimed_ms: int) -> Key:
    """Where the mails of a campaign are counted that were claimed on a day (model time, UTC)."""
    return key(of_campaign(campaign), f"{COUNTS_PREFIX}{run:06d}#{day_of(claimed_ms)}")


def mail_item(claim: Claim, *, now_s: int) -> Item:
    """The row of a mail as it is claimed."""
    return {
        **mail_row_key(claim.asked.account, claim.asked.key),
        "state": MailState.CLAIMED.value,
        "open_state": OPEN,
        "claimed_at": as_of_text(claim.real_ms),
        "token": claim.token,
        "claimed_ms": claim.at_ms,
        "claimed_real_ms": claim.real_ms,
        "address": claim.asked.address,
        "class": claim.mail_class.value,
        "template": claim.template,
        "journey": claim.journey,
        "episode": claim.episode,
        "step": claim.step,
        "campaign": claim.asked.campaign,
        "run": claim.run,
        "expires_at": now_s + MAIL_KEPT_S,
    }


def mail_in(item: Mapping[str, Any]) -> MailRow:
    """The mail in its row."""
    return MailRow(
        account=item["pk"].removeprefix("account#"),
        key=item["sk"].removeprefix(MAIL_PREFIX),
        state=MailState(item["state"]),
        token=item["token"],
        claimed_real_ms=int(item["claimed_real_ms"]),
        message_id=item.get("message_id"),
        why=item.get("why"),
    )


def budget_item(account: str, contacts: tuple[Contact, ...], version: int) -> Item:
    """The row of an account's budget."""
    return {
        **key(of_account(account), BUDGET),
        "version": version,
        "contacts": msgspec.json.encode(contacts).decode(),
    }


def contacts_in(item: Mapping[str, Any] | None) -> tuple[Contact, ...]:
    """The contacts in a budget's row."""
    found = (
        [] if item is None else msgspec.json.decode(item["contacts"], type=list[tuple[int, str, str, str]])
    )
    return tuple(Contact(at, mail, MailClass(kind), journey) for at, mail, kind, journey in found)


def note_item(note: Note, *, now_s: int) -> Item:
    """The row of a note in an account's timeline: the same thing at the same instant is told once."""
    what = "#".join([note.kind, note.about, *([str(note.reason)[:64]] if note.reason else [])])
    return {
        **key(of_account(note.account), f"{SENT_PREFIX}{as_of_text(note.at_ms)}#{what}"),
        "kind": note.kind,
        "about": note.about,
        **({} if note.reason is None else {"reason": str(note.reason)}),
        "facts": msgspec.json.encode(note.facts).decode(),
        "expires_at": now_s + KEPT_S,
    }


def note_in(item: Mapping[str, Any]) -> Note:
    """The note in its row."""
    instant = item["sk"].removeprefix(SENT_PREFIX).partition("#")[0]
    return Note(
        account=item["pk"].removeprefix("account#"),
        at_ms=timestamp_ms(instant),
        kind=item["kind"],
        about=item["about"],
        reason=item.get("reason"),
        facts=msgspec.json.decode(item["facts"]),
    )
