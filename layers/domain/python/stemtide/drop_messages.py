"""A delivery of the queue between bus and scorer: which drops it holds, and which messages come again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from stemtide.as_of import parse_as_of
from stemtide.domain_events import UsageDropDetected
from stemtide.ports import UNREADABLE
from stemtide.queue_messages import Message, answer, done, paused
from stemtide.scoring_service import Fate, Moment

AGAIN: Final = (Fate.FAILED, Fate.BROKEN, Fate.HELD_BACK)


class _Event(msgspec.Struct, frozen=True):
    """What the bus puts into the queue; its own fields are of no interest."""

    detail: UsageDropDetected


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPorts:
    """What working off touches.

    `is_whole` tells whether the last closed day at an instant is, `score` what became of each moment,
    `note_skipped` that a drop's account is no customer, `set_aside(body, error)` keeps what can never be
    read, `later` delays messages by so many seconds each.
    """

    is_whole: Callable[[int], bool]
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
        return answer(self.failed)


def on_drops(messages: Sequence[Message], *, ports: DropPorts) -> Outcome:
    """Score every account of a delivery as of its drop; one message's trouble holds up no other.

    What failed comes again after a pause that doubles, not only after the queue's visibility time-out; so
    does a drop while the last closed day lacks events.

    Raises:
        Exception: nothing could be scored; all messages come again.
    """
    readable, again = _read(messages, ports)
    moments = {message.id: Moment(drop.account, parse_as_of(drop.as_of)) for message, drop in readable}
    try:
        fates = _scored(list(dict.fromkeys(moments.values())), ports)
    except Exception:
        ports.later(paused(messages))
        raise
    for message, drop in readable:
        fate = fates[moments[message.id]]
        if fate in AGAIN or (fate is Fate.NOT_CUSTOMER and not _noted(drop, ports)):
            again.append(message)
    ports.later(paused(again))
    unreadable = len(messages) - len(readable)
    return Outcome(failed=tuple(message.id for message in again), fates=fates, unreadable=unreadable)


def _scored(moments: Sequence[Moment], ports: DropPorts) -> dict[Moment, Fate]:
    held_back = [moment for moment in moments if not ports.is_whole(moment.as_of_ms)]
    rest = [moment for moment in moments if moment not in held_back]
    return {**dict.fromkeys(held_back, Fate.HELD_BACK), **(ports.score(rest) if rest else {})}


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
            if not done(partial(ports.set_aside, message.body, error)):
                again.append(message)
        else:
            readable.append((message, drop))
    return readable, again


def _noted(drop: UsageDropDetected, ports: DropPorts) -> bool:
    return done(partial(ports.note_skipped, drop))
