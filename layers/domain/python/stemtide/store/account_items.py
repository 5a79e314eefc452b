"""The accounts table's ways of writing and reading: put what is new, set part of a record, query."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stemtide.ports import ConflictError, ThrottledError
from stemtide.store import record_keys as keys
from stemtide.store.errors import TELL_WHAT_STANDS, translated, what_stands


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountItems:
    """The table `name` through `client` (that of a boto3 Table resource), which threads may share."""

    client: Any
    name: str

    def put_new(self, item: Mapping[str, Any]) -> bool:
        """Put the row; False if there is another one under its key.

        first delivery          redelivery
        puts the row
                                puts the row -> refused: it is there, as it was first put

        Raises:
            UnavailableError: outcome unknown.
        """
        return self._put(item, "attribute_not_exists(#item)", {})

    def put_of_night(self, item: Mapping[str, Any], *, ended_at: str = "") -> bool:
        """Put the row unless there is one of a later beginning of the night, or the same one.

        Args:
            ended_at: when the score was found to have ended; the same one written since then is renewed.

        batch of v1 (slow)      run by v2, rollback     run by v1 again
        puts v1, begun at 1
                                puts v2, begun at 2
                                                        puts v1 over it, begun at 3
        again: begun at 1 -> refused: it is there, begun at 3

        Raises:
            UnavailableError: outcome unknown.
        """
        condition = (
            "attribute_not_exists(#item) OR begun_ms < :begun"
            " OR (begun_ms = :begun AND (assessment <> :assessment OR scored_at <= :ended))"
        )
        compared = {":begun": item["begun_ms"], ":assessment": item["assessment"], ":ended": ended_at}
        return self._put(item, condition, compared)

    def _put(self, item: Mapping[str, Any], condition: str, compared: Mapping[str, Any]) -> bool:
        values = {"ExpressionAttributeValues": compared} if compared else {}
        try:
            with translated():
                self.client.put_item(
                    TableName=self.name,
                    Item=item,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#item": "item"},
                    **values,
                    **TELL_WHAT_STANDS,
                )
        except ConflictError as refused:
            return what_stands(refused) == item
        return True

    def update(
        self,
        account: str,
        values: Mapping[str, Any],
        *,
        condition: str,
        compared: Mapping[str, Any] | None = None,
    ) -> bool:
        """Whether the record was set; see `updated`."""
        return self._update(account, values, condition, compared, answer="NONE") is not None

    def updated(
        self,
        account: str,
        values: Mapping[str, Any],
        *,
        condition: str,
        compared: Mapping[str, Any] | None = None,
    ) -> keys.StoredRecord | None:
        """Set attributes of the record (None removes one) if the condition holds; the record as it is then,
        which saves reading it.

        Whoever writes first also gives the record its place in the index, as one without a score.

        Args:
            compared: further values that the condition names.

        Returns:
            None: the condition does not hold.

        Raises:
            UnavailableError: outcome unknown.
        """
        answer = self._update(account, values, condition, compared, answer="ALL_NEW")
        return None if answer is None else keys.record_in(answer["Attributes"])

    def _update(
        self,
        account: str,
        values: Mapping[str, Any],
        condition: str,
        compared: Mapping[str, Any] | None,
        *,
        answer: str,
    ) -> dict[str, Any] | None:
        given = {name: value for name, value in values.items() if value is not None}
        places = {"tier": keys.UNSCORED, "risk_key": keys.risk_key(account, None)}
        missing = {name: value for name, value in places.items() if name not in values}
        sets = [f"#{name} = :{name}" for name in given]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in missing]
        gone = [f"#{name}" for name in values if name not in given]
        expression = "SET " + ", ".join(sets) + (" REMOVE " + ", ".join(gone) if gone else "")
        named = {**given, **missing, **(compared or {})}
        try:
            with translated():
                found: dict[str, Any] = self.client.update_item(
                    TableName=self.name,
                    Key={"account": account, "item": keys.RECORD},
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in {**values, **missing}},
                    ExpressionAttributeValues={f":{name}": value for name, value in named.items()},
                    ReturnValues=answer,
                )
        except ConflictError:
            return None
        return found

    def record(self, account: str) -> keys.StoredRecord | None:
        """The customer record as of now, None when nothing is known of the account.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            found = self.client.get_item(
                TableName=self.name, Key={"account": account, "item": keys.RECORD}, ConsistentRead=True
            )
        return keys.record_in(found["Item"]) if "Item" in found else None

    def rows(self, account: str, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """Those rows of an account that there are, by sort key, as of now: one request.

        Raises:
            UnavailableError: no answer, or not of all.
        """
        wanted = {"Keys": [{"account": account, "item": name} for name in names], "ConsistentRead": True}
        with translated():
            found = self.client.batch_get_item(RequestItems={self.name: wanted})
        if found.get("UnprocessedKeys"):
            raise ThrottledError
        return {item["item"]: item for item in found["Responses"][self.name]}

    def query(self, condition: Any, **more: Any) -> Iterator[dict[str, Any]]:
        """The items that a key condition (boto3's) finds, page by page, as of now.

        Args:
            more: further parameters of the request; `Limit` is that of a page.

        Raises:
            UnavailableError: no answer.
        """
        page: dict[str, Any] = {}
        while True:
            with translated():
                found = self.client.query(
                    TableName=self.name, KeyConditionExpression=condition, ConsistentRead=True, **more, **page
                )
            yield from found["Items"]
            if "LastEvaluatedKey" not in found:
                return
            page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}
