"""The messages of the queues that ask for scores, and when those that failed come again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stemtide.ports import UnavailableError

FIRST_PAUSE_S: Final = 5
LONGEST_PAUSE_S: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: `receipt` is what a change of this delivery names, `receives` counts this one too."""

    id: str
    receipt: str
    receives: int
    body: str


def messages_of(event: Mapping[str, Any]) -> list[Message]:
    """The messages of a delivery, as Lambda hands them to a function."""
    return [
        Message(
            id=record["messageId"],
            receipt=record["receiptHandle"],
            receives=int(record["attributes"]["ApproximateReceiveCount"]),
            body=record["body"],
        )
        for record in event["Records"]
    ]


def queue_of(event: Mapping[str, Any]) -> str:
    """The name of the queue that a delivery comes from."""
    return str(event["Records"][0]["eventSourceARN"]).rpartition(":")[2]


def answer(failed: Iterable[str]) -> dict[str, Any]:
    """The response of a mapping with ReportBatchItemFailures: all but these messages are done."""
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def pause_s(receives: int) -> int:
    """How long a message waits that failed at its nth receive: 5 s, 10 s, 20 s … 15 minutes."""
    return int(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(receives - 1, 20)))


def paused(messages: Iterable[Message]) -> list[tuple[Message, int]]:
    """Messages that failed, each with the seconds that it waits."""
    return [(message, pause_s(message.receives)) for message in messages]


def done(step: Callable[[], None]) -> bool:
    """Whether a step was taken, or must be taken again."""
    try:
        step()
    except UnavailableError:
        return False
    return True
