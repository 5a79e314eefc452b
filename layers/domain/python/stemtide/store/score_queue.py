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
TRIES: Final = 2
"""Of a login: it is worth less than the time of those who wait behind it."""


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
        """Send them, twice what was not taken; the places of those that were not (certainly) taken.

        A request without an answer ends a try: where the queue is out, nobody waits for each of them.
        """
        left = list(range(len(logins)))
        for _ in range(TRIES):
            left = self._try(logins, left) if left else left
        return left

    def _try(self, logins: Sequence[Login], wanted: Sequence[int]) -> list[int]:
        left: list[int] = []
        for start in range(0, len(wanted), ENTRIES):
            places = wanted[start : start + ENTRIES]
            refused = self._send(logins, places)
            if refused is None:
                return [*left, *wanted[start:]]
            left += refused
        return left

    def _send(self, logins: Sequence[Login], places: Sequence[int]) -> list[int] | None:
        """The places that were refused; None: no answer."""
        entries = [
            {"Id": str(place), "MessageBody": msgspec.json.encode(logins[place]).decode()} for place in places
        ]
        try:
            with translated():
                answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
        except UnavailableError:
            return None
        return [int(entry["Id"]) for entry in answer.get("Failed", [])]
