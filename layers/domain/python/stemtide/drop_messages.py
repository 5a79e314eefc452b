"""A delivery of the queue between bus and scorer: which drops it holds, and which messages come again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from stemtide.as_of import parse_as_of
from stemtide.domain_events import UsageDropDetected
from stemtide.ports import UnavailableError
from stemtide.scoring_service import UNREADABLE, Fate, Moment

FIRST_PAUSE_S: Final = 5
LONGEST_PAUSE_S: Final = 900


class _Event(msgspec.Struct, frozen=True):
    """What the bus puts into the queue; its own fields are of no interest."""

    detail: UsageDropDetected


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: `receipt` is what a change of this delivery names, `receives` counts this one too."""

    id: str
    receipt: str
    receives: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPorts:
    """What working off touches.

    `score` tells what became of each moment, `note_skipped` that a drop's account is no customer,
    `set_aside(body, error)` keeps what can never be read, `later` delays messages by so many seconds each.
    """

    score: Callable[[Sequence[Moment]], Mapping[Moment, Fate]]
    note_skipped: Callable[[UsageDropDetected], None]
    set_aside: Callable[[str, Exception], None]
    later: Callable[[Sequence[tuple[Message, int]]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`failed` are the ids of the messages that come again; `fates` what became of the accounts."""

    failed: tuple[str, ...]
    fates: Mapping[Moment, Fate]
    unreadable: int

    def answer(self) -> dict[str, Any]:
        """The response of a mapping with ReportBatchItemFailures: the other messages are done."""
        return {"batchItemFailures": [{"itemIdentifier": one} for one in self.failed]}


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


def on_drops(messages: Sequence[Message], *, ports: DropPorts) -> Outcome:
    """Score every account of a delivery as of its drop; one message's trouble holds up no other.

    What failed comes again after a pause that doubles, not only after the queue's visibility time-out.

    Raises:
        Exception: nothing could be scored; all messages come again.
    """
    readable, again = _read(messages, ports)
    moments = {message.id: Moment(drop.account, parse_as_of(drop.as_of)) for message, drop in readable}
    try:
        fates = ports.score(list(dict.fromkeys(moments.values()))) if moments else {}
    except Exception:
        ports.later(_paused(messages))
        raise
    for message, drop in readable:
        fate = fates[moments[message.id]]
        if fate in (Fate.FAILED, Fate.BROKEN) or (fate is Fate.NOT_CUSTOMER and not _noted(drop, ports)):
            again.append(message)
    ports.later(_paused(again))
    unreadable = len(messages) - len(readable)
    return Outcome(failed=tuple(message.id for message in again), fates=fates, unreadable=unreadable)


def pause_s(receives: int) -> int:
    """How long a message waits that failed at its nth receive: 5 s, 10 s, 20 s … 15 minutes."""
    return int(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(receives - 1, 20)))


def _paused(messages: Iterable[Message]) -> list[tuple[Message, int]]:
    return [(message, pause_s(message.receives)) for message in messages]


def _read(
    messages: Iterable[Message], ports: DropPorts
) -> tuple[list[tuple[Message, UsageDropDetected]], list[Message]]:
    """The drops that can be read, and messages that could be neither read nor set aside."""
    readable, again = [], []
    for message in messages:
        try:
            drop = msgspec.json.decode(message.body, type=_Event).detail
            parse_as_of(drop.as_of)
        except UNREADABLE as error:
            if not _done(partial(ports.set_aside, message.body, error)):
                again.append(message)
        else:
            readable.append((message, drop))
    return readable, again


def _noted(drop: UsageDropDetected, ports: DropPorts) -> bool:
    return _done(partial(ports.note_skipped, drop))


def _done(step: Callable[[], None]) -> bool:
    try:
        step()
    except UnavailableError:
        return False
    return True
