"""The contacts table's ways of reading and writing: one request each."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from boto3.dynamodb.conditions import Key

from stemtide.ports import ConflictError, ThrottledError
from stemtide.store.contact_keys import OPEN, OPEN_INDEX, Item
from stemtide.store.errors import translated, translated_transaction

Action: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Of a transaction: `Put`, `Update`, `Delete` or `ConditionCheck` with what it asks for."""


@dataclass(frozen=True, slots=True)
class ContactItems:
    """The contacts table (boto3 Table resource); its client may be shared by threads."""

    table: Any

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    @property
    def now_s(self) -> int:
        """Real time (epoch s): rows expire by it, whatever the model clock says."""
        return int(time.time())

    def get(self, key: Mapping[str, str]) -> Item | None:
        """The item as of now.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            found = self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        item: Item | None = found.get("Item")
        return item

    def get_all(self, keys: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, list[Item]]:
        """The items that exist under keys of several tables, as of now.

        Raises:
            UnavailableError: no answer.
        """
        asked = {name: {"Keys": list(of_table), "ConsistentRead": True} for name, of_table in keys.items()}
        with translated():
            found = self._client.batch_get_item(RequestItems=asked)
        if found.get("UnprocessedKeys"):
            raise ThrottledError("BatchGetItem left keys unread")
        answers: dict[str, list[Item]] = found["Responses"]
        return answers

    def put_new(self, item: Item) -> bool:
        """Put the row unless it exists.

        Raises:
            UnavailableError: outcome unknown; a repetition changes nothing.
        """
        try:
            with translated():
                self._client.put_item(
                    TableName=self.name, Item=item, ConditionExpression="attribute_not_exists(pk)"
                )
        except ConflictError:
            return False
        return True

    def update(self, key: Mapping[str, str], expression: str, **more: Any) -> Item:
        """Change a row, so that the same again changes nothing; its new content (with `ReturnValues`).

        Raises:
            UnavailableError: outcome unknown.
        """
        with translated():
            found = self._client.update_item(
                TableName=self.name, Key=key, UpdateExpression=expression, **more
            )
        item: Item = found.get("Attributes", {})
        return item

    def change(self, key: Mapping[str, str], expression: str, *others: Action, **more: Any) -> bool:
        """Change a row and do the other actions; False if a condition does not hold: nothing was done.

        A transaction even for one row, as the SDK repeats what has no answer:

            a plain update                    its repetition
            is done, the reply is lost
                                              -> refused, for what it has done itself

        A transaction's repetition is known by its token, and answered as the first one was.

        Raises:
            UnavailableError: outcome unknown.
        """
        update = {"TableName": self.name, "Key": key, "UpdateExpression": expression, **more}
        try:
            self.transact([{"Update": update}, *others])
        except ConflictError:
            return False
        return True

    def transact(self, actions: Sequence[Action]) -> None:
        """Do all of the actions or none.

        Raises:
            ConflictError: a condition does not hold; nothing was done.
            ThrottledError: nothing was done.
            UnavailableError: outcome unknown.
        """
        with translated_transaction():
            self._client.transact_write_items(TransactItems=list(actions))

    def query(self, condition: Any, **more: Any) -> Iterator[Item]:
        """The items that a key condition finds, page by page.

        Raises:
            UnavailableError: no answer.
        """
        page: dict[str, Any] = {}
        while True:
            with translated():
                found = self._client.query(
                    TableName=self.name,
                    KeyConditionExpression=condition,
                    **{"ConsistentRead": True} | more,
                    **page,
                )
            yield from found["Items"]
            if "LastEvaluatedKey" not in found:
                return
            page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}

    def rows(self, pk: str, prefix: str) -> Iterator[Item]:
        """The rows of a partition whose sort key begins with `prefix`."""
        return self.query(Key("pk").eq(pk) & Key("sk").begins_with(prefix))

    def open_claims(self, before: str) -> Iterator[Item]:
        """Mails that were claimed before an instant (as text) and of which nothing was heard, oldest first.

        The index lags: each must be looked at under a condition.
        """
        condition = Key("open_state").eq(OPEN) & Key("claimed_at").lt(before)
        return self.query(condition, IndexName=OPEN_INDEX, ConsistentRead=False)

    @property
    def _client(self) -> Any:
        return self.table.meta.client
