"""The provider's objects as they were last seen, in the billing table: a row each under its customer."""

import time
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.billing.objects import Customer, Invoice, Kind, kind_of
from stemtide.billing.ports import Stored
from stemtide.billing.stored import stored_in
from stemtide.store.errors import translated

KEPT_S: Final = 3 * 366 * 86_400
"""How long a settled invoice and its payments are kept: refunds and disputes come within two years."""


class BillingObjects:
    """`billing.ports.Objects` on the billing table (boto3 Table resource)."""

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name

    def get(self, customer: str, kind: Kind, object_id: str, /) -> Stored | None:
        """See the port."""
        found = self._item(_pk(customer), _sk(kind, object_id))
        return None if found is None else stored_in(found)

    def all_of(self, customer: str, kind: Kind, /) -> list[Stored]:
        """See the port."""
        condition = Key("pk").eq(_pk(customer)) & Key("sk").begins_with(_sk(kind, ""))
        return [stored_in(item) for item in self._query(condition)]

    def put(self, stored: Stored, /) -> None:
        """See the port.

        reader A                          reader B
        reads version 1
                                          reads version 1, writes version 2
        writes version 2 -> refused: it is 2
        """
        known = stored.known
        if isinstance(known, Invoice):
            for payment in known.payments:
                self._note(payment, known)
        with translated():
            self._client.put_item(
                TableName=self._name,
                Item=item_of(stored, now_s=int(time.time())),
                ConditionExpression="attribute_not_exists(pk) OR version = :before"
                if stored.version == 1
                else "version = :before",
                ExpressionAttributeValues={":before": stored.version - 1},
            )

    def invoice_of(self, payment: str, /) -> tuple[str, str] | None:
        """See the port."""
        found = self._item(f"payment#{payment}", "invoice")
        return None if found is None else (str(found["customer"]), str(found["invoice"]))

    def _note(self, payment: str, invoice: Invoice) -> None:
        """Whose a payment is, before the invoice's row, so that no row lacks it."""
        with translated():
            self._client.put_item(
                TableName=self._name,
                Item={
                    "pk": f"payment#{payment}",
                    "sk": "invoice",
                    "customer": invoice.customer,
                    "invoice": invoice.id,
                    "expires_at": int(time.time()) + KEPT_S,
                },
            )

    def _item(self, pk: str, sk: str) -> dict[str, Any] | None:
        with translated():
            found = self._client.get_item(TableName=self._name, Key={"pk": pk, "sk": sk}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def _query(self, condition: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        page: dict[str, Any] = {}
        while True:
            with translated():
                found = self._client.query(
                    TableName=self._name, KeyConditionExpression=condition, ConsistentRead=True, **page
                )
            items += found["Items"]
            if "LastEvaluatedKey" not in found:
                return items
            page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


def item_of(stored: Stored, *, now_s: int) -> dict[str, Any]:
    """The row of an object; a settled invoice expires."""
    known = stored.known
    kind = kind_of(known)
    customer = known.id if isinstance(known, Customer) else known.customer
    item: dict[str, Any] = {
        "pk": _pk(customer),
        "sk": _sk(kind, known.id),
        "version": stored.version,
        "read_ms": stored.read_ms,
        "seen_ms": stored.seen_ms,
        "body": msgspec.json.encode(known).decode(),
    }
    if stored.account is not None:
        item["account"] = stored.account
    if stored.former:
        item["former"] = list(stored.former)
    if isinstance(known, Invoice) and known.over:
        item["expires_at"] = now_s + KEPT_S
    return item


def _pk(customer: str) -> str:
    return f"customer#{customer}"


def _sk(kind: Kind, object_id: str) -> str:
    return kind.value if kind is Kind.CUSTOMER else f"{kind.value}#{object_id}"
