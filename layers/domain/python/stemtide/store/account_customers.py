"""Whose a payment provider's customer is, by the trait that names it."""

from typing import Any, Final

from boto3.dynamodb.conditions import Key

from stemtide.store.errors import translated

INDEX: Final = "by_customer"


class AccountCustomers:
    """Finds accounts by `stripe_customer_id` (boto3 Table resource of the accounts table)."""

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name

    def account_of(self, customer: str) -> str | None:
        """The account whose profile names the customer, the first by name if several do; None: none does.

        The index lags behind the table by an instant.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            found = self._client.query(
                TableName=self._name,
                IndexName=INDEX,
                KeyConditionExpression=Key("customer_key").eq(customer),
                Limit=1,
            )
        return next((str(item["account"]) for item in found["Items"]), None)
