"""A queue of what asks for scores, as far as functions speak to it (Lambda receives and deletes)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stemtide.logins import Login
from stemtide.ports import UnavailableError
from stemtide.queue_messages import Message
from stemtide.store.errors import translated

ENTRIES: Final = 10
"""Entries of one batch request (SQS API reference)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreQueue:
    """The queue and its dead-letter queue, by URL (`client`: SQS)."""

    client: Any
    url: str
    dead_letter_url: str

    @property
    def name(self) -> str:
        """The queue's name, the last part of its URL."""
        return self.url.rpartition("/")[2]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSender:
    """Puts logins into their queue (`client`: SQS)."""

    client: Any
    url: str

    def send(self, logins: Sequence[Login]) -> list[int]:
        """Send them; the places of those that were not (certainly) taken, which may come twice."""
        left: list[int] = []
        for start in range(0, len(logins), ENTRIES):
            places = range(start, min(start + ENTRIES, len(logins)))
            left += self._send(logins, places)
        return left

    def _send(self, logins: Sequence[Login], places: Sequence[int]) -> Sequence[int]:
        entries = [
            {"Id": str(place), "MessageBody": msgspec.json.encode(logins[place]).decode()} for place in places
        ]
        try:
            with translated():
                answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
        except UnavailableError:
            return places
        return [int(entry["Id"]) for entry in answer.get("Failed", [])]
