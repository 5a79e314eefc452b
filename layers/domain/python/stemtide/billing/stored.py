"""The provider's objects as the billing table holds them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stemtide.billing.objects import Customer, Invoice, Kind, Known, Subscription
from stemtide.billing.ports import Stored

_TYPES: Final[dict[Kind, type[Known]]] = {
    Kind.CUSTOMER: Customer,
    Kind.SUBSCRIPTION: Subscription,
    Kind.INVOICE: Invoice,
}


def stored_in(item: Mapping[str, Any]) -> Stored:
    """The object in its row, of the table or of its stream."""
    kind = Kind(str(item["sk"]).partition("#")[0])
    return Stored(
        known=msgspec.json.decode(str(item["body"]), type=_TYPES[kind]),
        version=int(item["version"]),
        read_ms=int(item["read_ms"]),
        seen_ms=int(item["seen_ms"]),
        account=item.get("account"),
        former=tuple(str(one) for one in item.get("former", ())),
    )
