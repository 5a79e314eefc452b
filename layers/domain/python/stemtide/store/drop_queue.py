"""The queue of drops, as far as the function itself speaks to it (Lambda receives and deletes)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from stemtide.drop_messages import Message
from stemtide.ports import UnavailableError
from stemtide.store.errors import translated

ENTRIES: Final = 10
"""Entries of one batch request (SQS API reference)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropQueue:
    """The queue and its dead-letter queue, by URL (`client`: SQS)."""

    client: Any
    url: str
    dead_letter_url: str

    def set_aside(self, body: str, error: Exception) -> None:
        """Put a message that nobody can read where people look, as it came.

        Raises:
            UnavailableError: outcome unknown.
        """
        reason = {"DataType": "String", "StringValue": f"{type(error).__name__}: {error}"[:500]}
        with translated():
            self.client.send_message(
                QueueUrl=self.dead_letter_url, MessageBody=body, MessageAttributes={"reason": reason}
            )

    def later(self, pauses: Sequence[tuple[Message, int]]) -> None:
        """Let messages wait so many seconds; without it they wait for the queue's visibility time-out."""
        for start in range(0, len(pauses), ENTRIES):
            entries = [
                {"Id": str(place), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
                for place, (message, seconds) in enumerate(pauses[start : start + ENTRIES])
            ]
            try:
                with translated():
                    self.client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
            except UnavailableError:
                return
