"""How a mail is claimed and what becomes of the claim: transactions over all the rows that it hangs on."""

from dataclasses import dataclass
from typing import Any, Final

from stemtide.mail.budget import Contact, without
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import Claim, MailRow, MailState, Note, stops_of
from stemtide.ports import ConflictError, ThrottledError
from stemtide.store import contact_keys as keys
from stemtide.store.contact_items import ContactItems
from stemtide.store.record_keys import RECORD

Action = dict[str, dict[str, Any]]
GIVE_BACK_TRIES: Final = 6
_MINE: Final = "#token = :token AND #state = :claimed"
_NAMES: Final = {"#token": "token", "#state": "state"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailClaims:
    """The contacts table, and the name of the accounts table."""

    items: ContactItems
    accounts_table: str

    def claim(self, claim: Claim) -> None:
        """Claim a mail.

        Everything that was read is checked again by the transaction itself:

            worker                            opt-out, complaint, hold, pause, another mail
            reads: nothing stands against it
                                              writes its row
            claims -> refused: that row is not as it was read
            reads again, decides again

        Whatever commits first is seen by the other: a claim after it does not exist.

        Raises:
            ConflictError: see there.
            UnavailableError: outcome unknown; the row's token tells.
        """
        asked = claim.asked
        stops = [f"attribute_not_exists({stop})" for stop in stops_of(claim.mail_class, claim.journey)]
        account = keys.of_account(asked.account)
        not_held = "attribute_not_exists(held) AND attribute_not_exists(erased_ms)"
        self.items.transact(
            [
                self._check(keys.key(keys.of_address(asked.address), keys.STATE), " AND ".join(stops)),
                self._check(keys.key(account, keys.HOLD), not_held),
                {
                    "ConditionCheck": {
                        "TableName": self.accounts_table,
                        "Key": {"account": asked.account, "item": RECORD},
                        "ConditionExpression": "attribute_not_exists(do_not_contact)",
                    }
                },
                self._runs(claim),
                self._count(claim, 1),
                self._budget(claim.asked.account, claim.contacts, over=claim.budget_version),
                {
                    "Put": {
                        "TableName": self.items.name,
                        "Item": keys.mail_item(claim, now_s=self.items.now_s),
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )

    def confirm(self, claim: Claim, *, message_id: str, at_ms: int) -> None:
        """The mail is sent; a notice may have said so before."""
        row = keys.mail_row_key(claim.asked.account, claim.asked.key)
        try:
            self.items.transact(
                [
                    self._update(
                        row,
                        "SET #state = :sent, message_id = :id, sent_ms = :at"
                        " REMOVE open_state, claimed_at, why",
                        "#token = :token",
                        {":token": claim.token, ":sent": "sent", ":id": message_id, ":at": at_ms},
                    ),
                    self._put(
                        {
                            **keys.message_key(message_id),
                            "account": claim.asked.account,
                            "key": claim.asked.key,
                            "expires_at": self.items.now_s + keys.KEPT_S,
                        }
                    ),
                    self._put(keys.note_item(sent_note(claim), now_s=self.items.now_s)),
                ]
            )
        except ConflictError:
            return  # the row is not there: it has expired

    def give_back(self, claim: Claim) -> None:
        """As if the mail had never been claimed."""
        row = keys.mail_row_key(claim.asked.account, claim.asked.key)
        deletion = {
            "Delete": {
                "TableName": self.items.name,
                "Key": row,
                "ConditionExpression": _MINE,
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": {":token": claim.token, ":claimed": "claimed"},
            }
        }
        self._return(claim, [deletion])

    def refuse(self, claim: Claim, *, why: str, at_ms: int) -> None:
        """SES never takes this mail."""
        note = Note(
            account=claim.asked.account,
            at_ms=at_ms,
            kind="mail_refused",
            about=claim.asked.key,
            reason=Reason.REFUSED_BY_SES,
            facts={**_facts(claim), "detail": why},
        )
        refusal = self._update(
            keys.mail_row_key(claim.asked.account, claim.asked.key),
            "SET #state = :refused, why = :why REMOVE open_state, claimed_at",
            _MINE,
            {":token": claim.token, ":claimed": "claimed", ":refused": "refused", ":why": why},
        )
        self._return(claim, [refusal, self._put(keys.note_item(note, now_s=self.items.now_s))])

    def write_budget(self, account: str, contacts: tuple[Contact, ...], *, over: int) -> None:
        """Count a contact that is no mail.

        Raises:
            ConflictError: the budget has changed since it was read.
        """
        self.items.transact([self._budget(account, contacts, over=over)])

    def mark_unknown(self, mail: MailRow, *, reason: Reason, at_ms: int) -> bool:
        """Tell that nobody knows; False if meanwhile somebody does."""
        note = Note(account=mail.account, at_ms=at_ms, kind="mail_unknown", about=mail.key, reason=reason)
        change = self._update(
            keys.mail_row_key(mail.account, mail.key),
            "SET #state = :unknown, why = :why REMOVE open_state, claimed_at",
            _MINE,
            {":token": mail.token, ":claimed": "claimed", ":unknown": "unknown", ":why": str(reason)},
        )
        try:
            self.items.transact([change, self._put(keys.note_item(note, now_s=self.items.now_s))])
        except ConflictError:
            return False
        return True

    def _return(self, claim: Claim, actions: list[Action]) -> None:
        """Do the actions on the claimed row together with giving back its contact and its count.

        A condition fails when the budget has changed (again, with the new one) or when it has happened
        before: then the row is no longer claimed by this token.
        """
        account = keys.key(keys.of_account(claim.asked.account), keys.BUDGET)
        row = keys.mail_row_key(claim.asked.account, claim.asked.key)
        for _ in range(GIVE_BACK_TRIES):
            found = self.items.get_all({self.items.name: [account, row]})[self.items.name]
            by_key = {item["sk"]: item for item in found}
            held, mail = by_key.get(keys.BUDGET), by_key.get(row["sk"])
            if mail is None or (mail["token"], mail["state"]) != (claim.token, MailState.CLAIMED.value):
                return
            left = without(keys.contacts_in(held), claim.asked.key)
            version = 0 if held is None else int(held["version"])
            budget = self._budget(claim.asked.account, left, over=version)
            try:
                self.items.transact([*actions, self._count(claim, -1), budget])
            except ConflictError:
                continue
            return
        raise ThrottledError("the budget changes all the time")

    def _runs(self, claim: Claim) -> Action:
        """The campaign is not paused, and no resumption has begun a new count."""
        state = keys.key(keys.of_campaign(claim.asked.campaign), keys.STATE)
        condition = "attribute_not_exists(paused) AND "
        check = self._check(state, condition + ("#run = :run" if claim.run else "attribute_not_exists(#run)"))
        check["ConditionCheck"]["ExpressionAttributeNames"] = {"#run": "run"}
        if claim.run:
            check["ConditionCheck"]["ExpressionAttributeValues"] = {":run": claim.run}
        return check

    def _count(self, claim: Claim, mails: int) -> Action:
        return {
            "Update": {
                "TableName": self.items.name,
                "Key": keys.counts_key(claim.asked.campaign, claim.run, claim.at_ms),
                "UpdateExpression": "SET expires_at = :end ADD mails :mails",
                "ExpressionAttributeValues": {":mails": mails, ":end": self.items.now_s + keys.KEPT_S},
            }
        }

    def _budget(self, account: str, contacts: Any, *, over: int) -> Action:
        put = self._put(keys.budget_item(account, contacts, over + 1))
        put["Put"]["ConditionExpression"] = "version = :read" if over else "attribute_not_exists(version)"
        if over:
            put["Put"]["ExpressionAttributeValues"] = {":read": over}
        return put

    def _check(self, key: keys.Key, condition: str) -> Action:
        return {
            "ConditionCheck": {"TableName": self.items.name, "Key": key, "ConditionExpression": condition}
        }

    def _put(self, item: keys.Item) -> Action:
        return {"Put": {"TableName": self.items.name, "Item": item}}

    def _update(self, key: keys.Key, expression: str, condition: str, values: dict[str, Any]) -> Action:
        return {
            "Update": {
                "TableName": self.items.name,
                "Key": key,
                "UpdateExpression": expression,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": values,
            }
        }


def sent_note(claim: Claim) -> Note:
    """What the timeline tells of a sent mail: of the instant of its claim, so that it is told once."""
    return Note(
        account=claim.asked.account,
        at_ms=claim.at_ms,
        kind="mail_sent",
        about=claim.asked.key,
        facts=_facts(claim),
    )


def _facts(claim: Claim) -> dict[str, str | int]:
    return {
        "class": claim.mail_class.value,
        "journey": claim.journey,
        "episode": claim.episode,
        "step": claim.step,
        "template": claim.template,
    }
