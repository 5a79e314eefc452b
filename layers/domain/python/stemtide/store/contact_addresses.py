"""What stops mail to an address: one row per address key, which holds no address."""

from dataclasses import dataclass
from typing import Final

from stemtide.as_of import as_of_text
from stemtide.calls import timestamp_ms
from stemtide.mail.ports import Stop
from stemtide.store import contact_keys as keys
from stemtide.store.contact_items import ContactItems

MOST_SOFT: Final = 100
"""Transient bounces that a row remembers: as many as the configuration may ask for."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The rows of addresses. Every method raises `ports.UnavailableError` when its outcome is unknown;
    repeating changes nothing."""

    items: ContactItems

    def stops(self, address_key: str) -> dict[Stop, int]:
        """What stops mail to an address, with its instant (epoch ms, model time)."""
        item = self.items.get(_row(address_key)) or {}
        return {stop: int(item[stop]) for stop in Stop if stop in item}

    def stop(self, address_key: str, stop: Stop, *, at_ms: int) -> bool:
        """Stop mail to an address; False if the same has stopped it before (the first instant stays)."""
        return self.items.change(
            _row(address_key),
            "SET #stop = :at",
            ConditionExpression="attribute_not_exists(#stop)",
            ExpressionAttributeNames={"#stop": stop.value},
            ExpressionAttributeValues={":at": at_ms},
        )

    def lift(self, address_key: str, stop: Stop) -> bool:
        """Take back what stops mail; False if it does not. After a bounce the count of transient ones begins
        anew."""
        also = ", soft" if stop is Stop.BOUNCED else ""
        return self.items.change(
            _row(address_key),
            f"REMOVE #stop{also}",
            ConditionExpression="attribute_exists(#stop)",
            ExpressionAttributeNames={"#stop": stop.value},
        )

    def soft_bounce(self, address_key: str, *, message_id: str, at_ms: int, since_ms: int) -> int:
        """Note a transient bounce of a message once; how many there were since an instant."""
        mark = f"{as_of_text(at_ms)}#{message_id}"
        found = self._soft(address_key, "ADD", {mark})
        old = {one for one in found if timestamp_ms(one.partition("#")[0]) < since_ms}
        if old or len(found) > MOST_SOFT:
            old |= set(sorted(found)[:-MOST_SOFT])
            self._soft(address_key, "DELETE", old)
        return len(found - old)

    def _soft(self, address_key: str, action: str, marks: set[str]) -> set[str]:
        found = self.items.update(
            _row(address_key),
            f"{action} soft :marks",
            ExpressionAttributeValues={":marks": marks},
            ReturnValues="ALL_NEW",
        )
        return set(found.get("soft", ()))


def _row(address_key: str) -> keys.Key:
    return keys.key(keys.of_address(address_key), keys.STATE)
