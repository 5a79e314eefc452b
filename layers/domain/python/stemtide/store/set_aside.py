"""What can never be worked off goes to the queue where people look, with its payload and the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from stemtide.store.errors import translated


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
