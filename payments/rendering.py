"""Objects as the API shows them: parts put in, `expand` followed.

What is inside an object is replaced, never changed in place; so what is shown is a copy of each object that
shares its inner values, and stays as it was.
"""

import marshal
from typing import Any, Final

from payments.errors import invalid
from payments.shapes.catalog import plan_of
from payments.store import Object, Store

SHOWN_ROWS: Final = 10
"""How many items, lines or payments an object carries; the rest is paged."""
KINDS: Final = {
    "charge": "charge",
    "coupon": "coupon",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "default_price": "price",
    "discount": "discount",
    "discounts": "discount",
    "invoice": "invoice",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "price": "price",
    "product": "product",
    "promotion_code": "promotion_code",
    "subscription": "subscription",
}
"""Fields that hold ids, by the kind of what they name."""
INCLUDABLE: Final = {
    ("charge", "refunds"): ("refund", "charge", "/v1/refunds?charge={}"),
    ("customer", "subscriptions"): ("subscription", "customer", "/v1/subscriptions?customer={}"),
    ("invoice", "payments"): ("invoice_payment", "invoice", "/v1/invoice_payments?invoice={}"),
}
"""Lists that are shown only when asked for: their kind, the index that finds them, their address."""
INNER: Final = frozenset(
    {
        ("coupon", "applies_to"),
        ("coupon", "currency_options"),
        ("price", "currency_options"),
        ("price", "tiers"),
    }
)
"""Parts that are shown only when asked for, kept under names that begin with `_`."""
MOST_LEVELS: Final = 4
"""Of a path of `expand` (API reference, 'Expanding responses')."""
PRIVATE: Final = frozenset({"charge", "coupon", "customer", "payment_method", "price"})
"""Kinds that hold something of the provider's own, by names that begin with `_`."""


def copied(value: Any) -> Any:
    """A deep copy of plain values (for what may be changed and taken back)."""
    return marshal.loads(marshal.dumps(value))  # noqa: S302 - our own bytes, of this moment


def rendered(store: Store, obj: Object, expand: list[str] | tuple[str, ...] = ()) -> Object:
    """The object as an answer shows it at this moment.

    Raises:
        ApiError: a path of `expand` leads nowhere.
    """
    shown = _shown(store, obj)
    for path in expand:
        _expand(store, shown, path.split("."), path)
    return shown


def check_levels(expand: list[str]) -> None:
    """Raises ApiError for a path of `expand` that goes too deep."""
    for path in expand:
        if len(path.split(".")) > MOST_LEVELS:
            raise invalid(
                f"You cannot expand more than {MOST_LEVELS} levels of a property ({path}).", param="expand"
            )


def page_of(rows: list[Object], url: str) -> Object:
    """The first rows of a list inside an object."""
    return {"object": "list", "data": rows[:SHOWN_ROWS], "has_more": len(rows) > SHOWN_ROWS, "url": url}


def _shown(store: Store, obj: Object) -> Object:
    kind = obj["object"]
    if kind == "subscription":
        shown = {key: value for key, value in obj.items() if key[0] != "_"}
        items = [_shown(store, item) for item in store.of("subscription_item", "subscription", obj["id"])]
        shown["items"] = page_of(items, f"/v1/subscription_items?subscription={obj['id']}")
        return shown
    if kind == "subscription_item":
        price = store.need("price", obj["price"])
        return {**obj, "plan": plan_of(price), "price": _shown(store, price)}
    if kind == "invoice":
        lines = obj["lines"]
        return {**obj, "lines": page_of(lines["data"], lines["url"])}
    if kind in PRIVATE:
        return {key: value for key, value in obj.items() if key[0] != "_"}
    return dict(obj)


def _expand(store: Store, node: Object, path: list[str], whole: str) -> None:
    head, rest = path[0], path[1:]
    includable = INCLUDABLE.get((node.get("object", ""), head))
    if includable and head not in node:
        kind, index, url = includable
        rows = [_shown(store, row) for row in reversed(store.of(kind, index, node["id"]))]
        node[head] = page_of(rows, url.format(node["id"]))
    kind = node.get("object", "")
    if (kind, head) in INNER and head not in node:
        node[head] = store.need(kind, node["id"]).get(f"_{head}")
    if head not in node:
        raise invalid(f"This property cannot be expanded ({whole}).", param="expand")
    node[head] = _followed(store, node[head], head, rest, whole)


def _followed(store: Store, value: Any, head: str, rest: list[str], whole: str) -> Any:
    if isinstance(value, list):
        return [_followed(store, item, head, rest, whole) for item in value]
    if isinstance(value, str) and head in KINDS:
        found = store.find(KINDS[head], value)
        if found is None:
            return value
        value = _shown(store, found)
    elif isinstance(value, str):
        raise invalid(f"This property cannot be expanded ({whole}).", param="expand")
    if isinstance(value, dict):
        value = dict(value)
        if rest:
            _expand(store, value, rest, whole)
    return value
