"""The provider's events in the billing table: claimed once, worked off from the table's stream.

The claim and the outbox are one item: it is put if it is not there, and the table's stream hands it on. While
it waits it has an `open_state`, by which it is found; when it is worked off it expires.
"""

import time
from collections.abc import Iterator, Mapping
from secrets import token_hex
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.billing.events import Claim, Pending, State
from stemtide.billing.working import Worked
from stemtide.ports import ConflictError
from stemtide.store.errors import TELL_WHAT_STANDS, translated, what_stands

KEPT_S: Final = 35 * 86_400
"""Longer than the provider lists its events (30 days): what is done is not done again by a reconcile."""
EVENT: Final = "event"
PREFIX: Final = "event#"
BY_STATE: Final = "by_state"


class BillingEvents:
    """The claimed events (boto3 Table resource of the billing table)."""

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name

    def claim(self, claim: Claim, /) -> bool:
        """Take an event in; False when it was before.

        webhook                           EventBridge, a repetition, the reconcile
        puts the event
                                          puts the event -> refused: it is there, as it came first

        `taken_by` tells the SDK's repetition of a put whose reply was lost.

        Raises:
            UnavailableError: outcome unknown; the same again does no harm.
        """
        item = {
            **_key(claim.id),
            "claim": msgspec.json.encode(claim).decode(),
            "open_state": State.PENDING.value,
            "arrived": as_of_text(claim.arrived_ms),
            "tries": 0,
            "taken_by": token_hex(8),
        }
        try:
            with translated():
                self._client.put_item(
                    TableName=self._name,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                    **TELL_WHAT_STANDS,
                )
        except ConflictError as refused:
            return bool(what_stands(refused).get("taken_by") == item["taken_by"])
        return True

    def finish(self, claim: Claim, worked: Worked) -> None:
        """Note what became of an event.

        Raises:
            UnavailableError: outcome unknown; the same again does no harm.
        """
        values: dict[str, Any] = {
            ":state": worked.state and worked.state.value,
            ":reason": worked.reason,
            ":account": worked.account,
            ":expires": None if worked.state else int(time.time()) + KEPT_S,
        }
        names = {"open_state": ":state", "reason": ":reason", "account": ":account", "expires_at": ":expires"}
        sets = [f"{name} = {value}" for name, value in names.items() if values[value] is not None]
        gone = [name for name, value in names.items() if values[value] is None]
        expression = f"SET {', '.join(sets)} " if sets else ""
        with translated():
            self._client.update_item(
                TableName=self._name,
                Key=_key(claim.id),
                UpdateExpression=expression + f"REMOVE {', '.join(gone)} ADD tries :one",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={
                    ":one": 1, **{name: v for name, v in values.items() if v is not None}
                },
            )  # fmt: skip

    def again(self, claim: Claim, /, *, driven_ms: int) -> bool:
        """Let an event be worked off once more, now, as it is told; False when it is unknown.

        The item changes, whatever it held, so that the table's stream hands it on.

        Raises:
            UnavailableError: outcome unknown; the same again does no harm.
        """
        try:
            with translated():
                self._client.update_item(
                    TableName=self._name,
                    Key=_key(claim.id),
                    UpdateExpression="SET open_state = :pending, claim = :claim, driven_ms = :now "
                    "REMOVE expires_at, reason",
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={
                        ":pending": State.PENDING.value,
                        ":claim": msgspec.json.encode(claim).decode(),
                        ":now": driven_ms,
                    },
                )
        except ConflictError:
            return False
        return True

    def get(self, event_id: str) -> dict[str, Any] | None:
        """An event's item as of now, None when it is unknown.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            found = self._client.get_item(TableName=self._name, Key=_key(event_id), ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def open(self, state: State, /, *, until_ms: int | None = None) -> Iterator[Pending]:
        """The events that wait in a state, in the order of their arrival; the index lags by an instant.

        Args:
            until_ms: only those that arrived by then (real time, epoch ms).

        Raises:
            UnavailableError: no answer.
        """
        condition = Key("open_state").eq(state.value)
        if until_ms is not None:
            condition &= Key("arrived").lte(as_of_text(until_ms))
        page: dict[str, Any] = {}
        while True:
            with translated():
                found = self._client.query(
                    TableName=self._name, IndexName=BY_STATE, KeyConditionExpression=condition, **page
                )
            yield from (pending_in(item) for item in found["Items"])
            if "LastEvaluatedKey" not in found:
                return
            page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


def pending_in(item: Mapping[str, Any]) -> Pending:
    """The event that waits in its item, of the table or of its stream."""
    return Pending(
        claim=msgspec.json.decode(str(item["claim"]), type=Claim),
        state=State(str(item["open_state"])),
        reason=item.get("reason"),
        tries=int(item.get("tries", 0)),
    )


def _key(event_id: str) -> dict[str, str]:
    return {"pk": f"{PREFIX}{event_id}", "sk": EVENT}
