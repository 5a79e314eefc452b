"""What SES tells of a mail, in the mail's row: the first of each kind, with what hangs on it, at once."""

from dataclasses import dataclass
from typing import Any, Final

from stemtide.mail.message import MailClass
from stemtide.mail.notices import Notice, NoticeKind
from stemtide.mail.noticing import NotedMail
from stemtide.mail.ports import MailState, Note
from stemtide.ports import ConflictError, ThrottledError
from stemtide.store import contact_keys as keys
from stemtide.store.contact_items import ContactItems

TRIES: Final = 5
COUNTED: Final = {NoticeKind.BOUNCED: "bounces", NoticeKind.COMPLAINED: "complaints"}
PROVEN: Final = (MailState.CLAIMED.value, MailState.UNKNOWN.value)
"""A mail in these states was sent after all, whatever the notice tells of it."""
_FACTS: Final = ("class", "journey", "episode", "step", "template")


@dataclass(frozen=True, slots=True)
class NoticeRows:
    """The rows of mails, as notices change them."""

    items: ContactItems

    def note(self, notice: Notice, *, at_ms: int) -> NotedMail | None:
        """Note a notice; None: no mail of ours, or one that has expired.

        notice                             confirmation of the same mail
        reads: claimed
                                           sets sent
        sets sent and delivered,
        if claimed -> refused. Reads again.

        Raises:
            UnavailableError: outcome unknown; a repetition changes nothing.
        """
        row = self._find(notice)
        if row is None:
            return None
        for _ in range(TRIES):
            mail = self.items.get(row)
            if mail is None:
                return None
            found = NotedMail(
                account=mail["pk"].removeprefix("account#"),
                campaign=mail["campaign"],
                mail_class=MailClass(mail["class"]),
            )
            if notice.kind.value in mail and mail["state"] not in PROVEN:
                return found
            try:
                self.items.transact(self._actions(mail, notice, at_ms))
            except ConflictError:
                continue
            return found
        raise ThrottledError("the mail's row changes all the time")

    def _find(self, notice: Notice) -> keys.Key | None:
        if notice.tagged is not None:
            return keys.mail_row_key(notice.tagged.account, notice.tagged.key)
        found = self.items.get(keys.message_key(notice.message_id))
        return None if found is None else keys.mail_row_key(found["account"], found["key"])

    def _actions(self, mail: keys.Item, notice: Notice, at_ms: int) -> list[dict[str, Any]]:
        proves, first = mail["state"] in PROVEN, notice.kind.value not in mail
        sets, values = [], {":was": mail["state"], ":at": at_ms}
        if first:
            sets.append("#kind = :at")
        if proves:
            sets += ["#state = :sent", "message_id = :id", "sent_ms = :at"]
            values |= {":sent": MailState.SENT.value, ":id": notice.message_id}
        update = {
            "TableName": self.items.name,
            "Key": keys.key(mail["pk"], mail["sk"]),
            "UpdateExpression": "SET "
            + ", ".join(sets)
            + (" REMOVE open_state, claimed_at, why" if proves else ""),
            "ConditionExpression": "#state = :was" + (" AND attribute_not_exists(#kind)" if first else ""),
            "ExpressionAttributeNames": {
                "#state": "state",
                **({"#kind": notice.kind.value} if first else {}),
            },
            "ExpressionAttributeValues": values,
        }
        actions: list[dict[str, Any]] = [{"Update": update}]
        if proves:
            actions += [self._put(self._message(mail, notice)), self._put(self._sent(mail))]
        if first:
            actions.append(self._put(self._told(mail, notice, at_ms)))
        if first and notice.kind in COUNTED:
            actions.append(self._count(mail, COUNTED[notice.kind]))
        return actions

    def _count(self, mail: keys.Item, name: str) -> dict[str, Any]:
        key = keys.counts_key(mail["campaign"], int(mail["run"]), int(mail["claimed_ms"]))
        return {
            "Update": {
                "TableName": self.items.name,
                "Key": key,
                "UpdateExpression": "ADD #name :one",
                "ExpressionAttributeNames": {"#name": name},
                "ExpressionAttributeValues": {":one": 1},
            }
        }

    def _message(self, mail: keys.Item, notice: Notice) -> keys.Item:
        return {
            **keys.message_key(notice.message_id),
            "account": mail["pk"].removeprefix("account#"),
            "key": mail["sk"].removeprefix(keys.MAIL_PREFIX),
            "expires_at": self.items.now_s + keys.KEPT_S,
        }

    def _sent(self, mail: keys.Item) -> keys.Item:
        """The same row that the confirmation writes: it is told once."""
        return self._note(mail, "mail_sent", int(mail["claimed_ms"]), {name: mail[name] for name in _FACTS})

    def _told(self, mail: keys.Item, notice: Notice, at_ms: int) -> keys.Item:
        facts = {name: mail[name] for name in _FACTS} | ({"detail": notice.detail} if notice.detail else {})
        return self._note(mail, f"mail_{notice.kind}", at_ms, facts)

    def _note(self, mail: keys.Item, kind: str, at_ms: int, facts: dict[str, Any]) -> keys.Item:
        note = Note(
            account=mail["pk"].removeprefix("account#"),
            at_ms=at_ms,
            kind=kind,
            about=mail["sk"].removeprefix(keys.MAIL_PREFIX),
            facts=facts,
        )
        return keys.note_item(note, now_s=self.items.now_s)

    def _put(self, item: keys.Item) -> dict[str, Any]:
        return {"Put": {"TableName": self.items.name, "Item": item}}
