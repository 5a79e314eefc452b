"""Every object of the provider by kind and id, with the indexes that its routes need."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from payments.errors import missing

Object = dict[str, Any]


def _field(name: str) -> Callable[[Object], str | None]:
    return lambda obj: obj[name]


def subscription_of(invoice: Object) -> str | None:
    """The subscription that an invoice bills, None for one of its own."""
    parent = invoice["parent"]
    found: str | None = parent["subscription_details"]["subscription"] if parent else None
    return found


def intent_of(payment: Object) -> str | None:
    found: str | None = payment["payment"].get("payment_intent")
    return found


INDEXES: Final[dict[str, dict[str, Callable[[Object], str | None]]]] = {
    "subscription": {"customer": _field("customer")},
    "subscription_item": {"subscription": _field("subscription")},
    "invoice": {"customer": _field("customer"), "subscription": subscription_of},
    "invoiceitem": {"customer": _field("customer")},
    "invoice_payment": {"invoice": _field("invoice"), "payment_intent": intent_of},
    "payment_intent": {"customer": _field("customer")},
    "payment_method": {"customer": _field("customer")},
    "charge": {"customer": _field("customer"), "payment_intent": _field("payment_intent")},
    "refund": {"charge": _field("charge")},
    "dispute": {"charge": _field("charge")},
    "credit_note": {"invoice": _field("invoice")},
    "customer_balance_transaction": {"customer": _field("customer")},
    "promotion_code": {"code": lambda obj: obj["code"].upper()},
}


class Store:
    """The objects, each kind in order of creation; `dirty` names what has changed since it was last saved."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Object]] = {}
        self.dirty: dict[tuple[str, str], None] = {}
        self.fresh: list[Object] | None = None
        """Where new objects are noted while a request may still be taken back."""
        self._indexes: dict[tuple[str, str, str], dict[str, None]] = {}

    def put(self, obj: Object) -> Object:
        """Take an object in, or take note that it has changed."""
        kind, object_id = obj["object"], obj["id"]
        objects = self.kinds.setdefault(kind, {})
        if self.fresh is not None and object_id not in objects:
            self.fresh.append(obj)
        objects[object_id] = obj
        self.dirty[kind, object_id] = None
        for name, value_of in INDEXES.get(kind, {}).items():
            value = value_of(obj)
            if value is not None:
                self._indexes.setdefault((kind, name, value), {})[object_id] = None
        return obj

    def find(self, kind: str, object_id: str) -> Object | None:
        return self.kinds.get(kind, {}).get(object_id)

    def need(self, kind: str, object_id: str, *, param: str | None = "id") -> Object:
        """The object of this id.

        Raises:
            ApiError: there is none.
        """
        obj = self.find(kind, object_id)
        if obj is None:
            raise missing(kind, object_id, param=param)
        return obj

    def of(self, kind: str, name: str, value: str) -> list[Object]:
        """The objects whose indexed field has the value now, oldest first."""
        objects = self.kinds.get(kind, {})
        value_of = INDEXES[kind][name]
        ids = self._indexes.get((kind, name, value), ())
        return [objects[i] for i in ids if i in objects and value_of(objects[i]) == value]

    def all(self, kind: str) -> list[Object]:
        """All objects of a kind, oldest first."""
        return list(self.kinds.get(kind, {}).values())

    def remove(self, obj: Object) -> None:
        self.kinds[obj["object"]].pop(obj["id"], None)
        self.dirty[obj["object"], obj["id"]] = None

    def taken_dirty(self) -> Iterator[tuple[str, str, Object | None]]:
        """What has changed since the last call, in order; None for what was removed."""
        dirty, self.dirty = self.dirty, {}
        for kind, object_id in dirty:
            yield kind, object_id, self.find(kind, object_id)
