"""The contacts table: whom mail may reach, what was sent, how often an account was contacted."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.mail.budget import Contact
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import Asked, Claim, MailRow, Note, Standing, Stop
from stemtide.profile import Profile
from stemtide.store import contact_keys as keys
from stemtide.store.campaigns import Campaigns
from stemtide.store.contact_addresses import Addresses
from stemtide.store.contact_claims import MailClaims
from stemtide.store.contact_items import ContactItems
from stemtide.store.contact_notices import NoticeRows
from stemtide.store.mail_choices import MailChoices
from stemtide.store.record_keys import RECORD

PAGE: Final = 100


class Contacts:
    """`mail.ports.ContactRows` on the contacts table, with what people and notices change there.

    Args:
        table: boto3 Table resource of the contacts table.
        accounts_table: name of the accounts table, whose records say `do_not_contact` and the zone.
    """

    def __init__(self, table: Any, *, accounts_table: str) -> None:
        self._items = ContactItems(table)
        self._accounts = accounts_table
        self._claims = MailClaims(items=self._items, accounts_table=accounts_table)
        self.addresses = Addresses(self._items)
        self.campaigns = Campaigns(self._items)
        self.notices = NoticeRows(self._items)
        self.choices = MailChoices(self._items)

    def look(self, asked: Asked) -> Standing:
        """All that a decision goes by, as of now."""
        account = keys.of_account(asked.account)
        wanted = [
            keys.mail_row_key(asked.account, asked.key),
            keys.key(account, keys.HOLD),
            keys.key(account, keys.BUDGET),
            keys.key(keys.of_address(asked.address), keys.STATE),
            keys.key(keys.of_campaign(asked.campaign), keys.STATE),
        ]
        record_key = {"account": asked.account, "item": RECORD}
        found = self._items.get_all({self._items.name: wanted, self._accounts: [record_key]})
        rows = {(item["pk"], item["sk"]): item for item in found.get(self._items.name, ())}
        mail, hold, budget, address, campaign = (rows.get((one["pk"], one["sk"])) for one in wanted)
        record = next(iter(found.get(self._accounts, ())), {})
        hold, campaign = hold or {}, campaign or {}
        return Standing(
            stops=_stops(address or {}),
            held=hold.get("held"),
            erased="erased_ms" in hold,
            do_not_contact="do_not_contact" in record,
            zone=_zone(record),
            paused=campaign.get("paused"),
            run=int(campaign.get("run", 0)),
            contacts=keys.contacts_in(budget),
            budget_version=0 if budget is None else int(budget["version"]),
            mail=None if mail is None else keys.mail_in(mail),
        )

    def claim(self, claim: Claim) -> None:
        """Claim a mail; see `MailClaims.claim`."""
        self.campaigns.enlist(claim.asked.campaign)
        self._claims.claim(claim)

    def confirm(self, claim: Claim, *, message_id: str, at_ms: int) -> None:
        """The mail is sent."""
        self._claims.confirm(claim, message_id=message_id, at_ms=at_ms)

    def give_back(self, claim: Claim) -> None:
        """The mail was certainly not sent."""
        self._claims.give_back(claim)

    def refuse(self, claim: Claim, *, why: str, at_ms: int) -> None:
        """The mail was certainly not sent and never will be."""
        self._claims.refuse(claim, why=why, at_ms=at_ms)

    def mark_unknown(self, mail: MailRow, *, reason: Reason, at_ms: int) -> bool:
        """Nobody knows whether the claimed mail was sent."""
        return self._claims.mark_unknown(mail, reason=reason, at_ms=at_ms)

    def pause(self, campaign: str, *, why: str, at_ms: int) -> bool:
        """Stop a campaign."""
        return self.campaigns.pause(campaign, why=why, at_ms=at_ms)

    def budget(self, account: str) -> tuple[tuple[Contact, ...], int]:
        """`mail.booking.BudgetRows.budget`."""
        item = self._items.get(keys.key(keys.of_account(account), keys.BUDGET))
        return keys.contacts_in(item), 0 if item is None else int(item["version"])

    def write_budget(self, account: str, contacts: tuple[Contact, ...], *, over: int) -> None:
        """`mail.booking.BudgetRows.write_budget`."""
        self._claims.write_budget(account, contacts, over=over)

    def note(self, note: Note) -> None:
        """Tell the timeline; a second note of the same thing changes nothing."""
        self._items.put_new(keys.note_item(note, now_s=self._items.now_s))

    def notes(self, account: str, *, before_ms: int | None = None, limit: int = PAGE) -> list[Note]:
        """What happened to an account and what was withheld, newest first, up to `limit` of before an instant
        (model time)."""
        end = "~" if before_ms is None else as_of_text(before_ms)
        condition = Key("pk").eq(keys.of_account(account)) & Key("sk").between(
            keys.SENT_PREFIX, f"{keys.SENT_PREFIX}{end}"
        )
        found: list[Note] = []
        for item in self._items.query(condition, ScanIndexForward=False, Limit=limit):
            found.append(keys.note_in(item))
            if len(found) == limit:
                break
        return found

    def mails(self, account: str) -> Iterator[dict[str, Any]]:
        """The rows of an account's mails."""
        return self._items.rows(keys.of_account(account), keys.MAIL_PREFIX)

    def hold_of(self, account: str) -> dict[str, Any]:
        """The row of an account's hold: `held` (why), `held_ms`, `erased_ms`; empty without one."""
        return self._items.get(keys.key(keys.of_account(account), keys.HOLD)) or {}

    def hold(self, account: str, *, why: str, at_ms: int) -> bool:
        """Let no mail go to an account until it is released; False if it is held already.

        Raises:
            UnavailableError: outcome unknown; a repetition changes nothing.
        """
        held = self._items.change(
            keys.key(keys.of_account(account), keys.HOLD),
            "SET held = :why, held_ms = :at",
            ConditionExpression="attribute_not_exists(held)",
            ExpressionAttributeValues={":why": why, ":at": at_ms},
        )
        self.note(Note(account=account, at_ms=at_ms, kind="held", reason=why))
        return held

    def release(self, account: str, *, at_ms: int) -> bool:
        """End a hold; False if there is none. What was erased stays erased."""
        note = Note(account=account, at_ms=at_ms, kind="released")
        told = {"TableName": self._items.name, "Item": keys.note_item(note, now_s=self._items.now_s)}
        return self._items.change(
            keys.key(keys.of_account(account), keys.HOLD),
            "REMOVE held, held_ms",
            {"Put": told},
            ConditionExpression="attribute_exists(held)",
        )

    def erase(self, account: str, *, at_ms: int) -> int:
        """Never contact an account again, nor any address that it was mailed at; how many those are.

        The tombstone comes first: what is claimed after it does not exist. No address is stored anywhere, so
        none has to be removed; their keys stay, so that an import cannot bring them back.

        Raises:
            UnavailableError: outcome unknown; a repetition goes on.
        """
        self._items.update(
            keys.key(keys.of_account(account), keys.HOLD),
            "SET erased_ms = if_not_exists(erased_ms, :at)",
            ExpressionAttributeValues={":at": at_ms},
        )
        mailed = sorted({item["address"] for item in self.mails(account)})
        for address in mailed:
            self.addresses.stop(address, Stop.ERASED, at_ms=at_ms)
        self.note(Note(account=account, at_ms=at_ms, kind="erased"))
        return len(mailed)

    def open_claims(self, before_real_ms: int) -> Iterator[MailRow]:
        """Mails claimed before an instant (real time) that nothing was heard of since."""
        for item in self._items.open_claims(as_of_text(before_real_ms)):
            yield keys.mail_in(item)

    def opt_out(self, address_key: str, *, account: str, at_ms: int, how: str) -> bool:
        """Send an address no lifecycle mail any more; False if it has opted out before."""
        return self.choices.opt_out(address_key, account=account, at_ms=at_ms, how=how)

    def opt_in(self, address_key: str, *, account: str, at_ms: int, how: str) -> bool:
        """Take an opt-out back; False if there is none. A complaint stays."""
        return self.choices.opt_in(address_key, account=account, at_ms=at_ms, how=how)


def _stops(item: dict[str, Any]) -> dict[Stop, int]:
    return {stop: int(item[stop]) for stop in Stop if stop in item}


def _zone(record: dict[str, Any]) -> str | None:
    if "profile" not in record:
        return None
    return msgspec.json.decode(record["profile"], type=Profile).time_zone
