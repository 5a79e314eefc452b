"""What owners of addresses have chosen: attributes of the address's row, told to the account's timeline."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stemtide.mail.ports import JOURNEY_STOPS, Note, Stop
from stemtide.mail.preferences import Preferences
from stemtide.ports import ConflictError
from stemtide.store import contact_keys as keys
from stemtide.store.contact_items import ContactItems

CHOSEN = (Stop.OPTED_OUT, *JOURNEY_STOPS.values())


@dataclass(frozen=True, slots=True)
class MailChoices:
    """`mail.preferences.Choices` on the contacts table: each choice is one transaction with its note, each
    method raises `ports.UnavailableError` when its outcome is unknown, and repeating changes nothing."""

    items: ContactItems

    def preferences(self, address_key: str) -> Preferences:
        """The choice as of now."""
        item = self.items.get(_row(address_key)) or {}
        return Preferences(
            opted_out=Stop.OPTED_OUT in item,
            journeys_off=frozenset(journey for journey, stop in JOURNEY_STOPS.items() if stop in item),
            stopped=any(stop in item for stop in Stop if stop not in CHOSEN),
        )

    def opt_out(self, address_key: str, *, account: str, at_ms: int, how: str) -> bool:
        """Send an address no lifecycle mail any more; False if it has opted out before."""
        note = _note(account, "opted_out", address_key, at_ms, how)
        return self._write(address_key, (Stop.OPTED_OUT,), (), note)

    def opt_in(self, address_key: str, *, account: str, at_ms: int, how: str) -> bool:
        """Send it every lifecycle mail again; False if nothing was chosen. A complaint stays."""
        return self._write(address_key, (), CHOSEN, _note(account, "opted_in", address_key, at_ms, how))

    def choose(self, address_key: str, *, off: Collection[str], account: str, at_ms: int, how: str) -> bool:
        """Send it lifecycle mail, but none of the journeys `off`; False if that was so. All of them off is to
        opt out, of journeys to come too."""
        if set(off) >= set(JOURNEY_STOPS):
            return self.opt_out(address_key, account=account, at_ms=at_ms, how=how)
        stops = [stop for journey, stop in JOURNEY_STOPS.items() if journey in off]
        note = _note(account, "mail_chosen", address_key, at_ms, how, off=" ".join(sorted(off)))
        return self._write(address_key, stops, [stop for stop in CHOSEN if stop not in stops], note)

    def _write(self, address_key: str, stops: Sequence[Stop], lifted: Sequence[Stop], note: Note) -> bool:
        changes = [f"attribute_not_exists({stop})" for stop in stops]
        changes += [f"attribute_exists({stop})" for stop in lifted]
        set_part = ", ".join(f"{stop} = if_not_exists({stop}, :at)" for stop in stops)
        expression = " ".join(
            part
            for part in (f"SET {set_part}" if stops else "", f"REMOVE {', '.join(lifted)}" if lifted else "")
            if part
        )
        update = {
            "TableName": self.items.name,
            "Key": _row(address_key),
            "UpdateExpression": expression,
            "ConditionExpression": " OR ".join(changes),
            **({"ExpressionAttributeValues": {":at": note.at_ms}} if stops else {}),
        }
        told = {"TableName": self.items.name, "Item": keys.note_item(note, now_s=self.items.now_s)}
        try:
            self.items.transact([{"Update": update}, *([{"Put": told}] if note.account else [])])
        except ConflictError:
            return False
        return True


def _note(account: str, kind: str, address_key: str, at_ms: int, how: str, **facts: str) -> Note:
    return Note(account=account, at_ms=at_ms, kind=kind, about=address_key, facts={"how": how, **facts})


def _row(address_key: str) -> keys.Key:
    return keys.key(keys.of_address(address_key), keys.STATE)
