"""What can never be worked off goes to the queue where people look, with its payload and the reason."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.store.errors import translated

TOLD_S: Final = 35 * 86_400
"""For longer than an account that has become silent is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Sends to the dead-letter queue (`client`: SQS) on behalf of a function."""

    client: Any
    queue_url: str
    function: str

    def send(self, payload: Mapping[str, Any], error: Exception) -> None:
        """Keep the payload.

        Raises:
            UnavailableError: outcome unknown.
        """
        body = {
            "function": self.function,
            "reason": f"{type(error).__name__}: {error}"[:500],
            "payload": payload,
        }
        with translated():
            self.client.send_message(QueueUrl=self.queue_url, MessageBody=msgspec.json.encode(body).decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideOnce:
    """Sends what is met again and again once, or after `TOLD_S` again (`table`: boto3 Table resource of the
    ingest table, where it is noted)."""

    aside: SetAside
    table: Any

    def send(self, name: str, payload: Mapping[str, Any], error: Exception) -> None:
        """Keep the payload unless one of this name and kind of error was kept before.

        A crash between the two steps sends it twice, and never not at all.

        Raises:
            UnavailableError: outcome unknown.
        """
        pk, sk = f"set-aside#{self.aside.function}", f"{name}#{type(error).__name__}"
        asked = Key("pk").eq(pk) & Key("sk").eq(sk)
        with translated():
            found = self.table.meta.client.query(
                TableName=self.table.name, KeyConditionExpression=asked, ConsistentRead=True
            )["Items"]
        if found:
            return
        self.aside.send(payload, error)
        with translated():
            self.table.meta.client.put_item(
                TableName=self.table.name,
                Item={"pk": pk, "sk": sk, "expires_at": int(time.time()) + TOLD_S},
            )
