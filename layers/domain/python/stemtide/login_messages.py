"""A delivery of the queue of logins: whose account is scored, and which messages come again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from stemtide.as_of import parse_as_of
from stemtide.logins import Login
from stemtide.ports import UNREADABLE, SideBySide, UnavailableError
from stemtide.queue_messages import Message, answer, done, paused
from stemtide.scoring_service import Fate, Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPorts:
    """What working off touches.

    `scored_until` tells the instant of the newest score of an account's record (epoch ms, None: it has none),
    `score` what became of each moment, `set_aside(body, error)` keeps what can never be read, `later` delays
    messages by so many seconds each. `debounce_ms` is how long after a score's instant no login asks for
    another.
    """

    scored_until: Callable[[str], int | None]
    score: Callable[[Sequence[Moment]], Mapping[Moment, Fate]]
    set_aside: Callable[[str, Exception], None]
    later: Callable[[Sequence[tuple[Message, int]]], None]
    side_by_side: SideBySide
    debounce_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`failed` are the ids of the messages that come again, `fates` what became of the accounts that were
    looked at; `debounced` is how many had a score already."""

    failed: tuple[str, ...]
    fates: Mapping[Moment, Fate]
    debounced: int
    unreadable: int

    def answer(self) -> dict[str, Any]:
        """The response of a mapping with ReportBatchItemFailures: the other messages are done."""
        return answer(self.failed)


def on_logins(messages: Sequence[Message], *, ports: LoginPorts) -> Outcome:
    """Score the accounts of a delivery as of their newest logins, those that have no score of then yet.

    A score of instant s answers every login up to s, and those of less than `debounce_ms` after it. So logins
    may come twice and in any order: once all are worked off, the record of each account has a score of less
    than that before its newest login, or of later.

    Raises:
        Exception: nothing could be scored; all messages come again.
    """
    try:
        return _on_logins(messages, ports)
    except Exception:
        ports.later(paused(messages))
        raise


def _on_logins(messages: Sequence[Message], ports: LoginPorts) -> Outcome:
    accounts, again = _read(messages, ports)
    newest = [Moment(account, max(at for at, _ in found)) for account, found in accounts.items()]
    asked = dict(zip(newest, ports.side_by_side(lambda moment: _is_due(moment, ports), newest), strict=True))
    due = [moment for moment in newest if asked[moment]]
    fates = dict(ports.score(due)) if due else {}
    fates |= {moment: Fate.FAILED for moment in newest if asked[moment] is None}
    for moment, fate in fates.items():
        if fate in (Fate.FAILED, Fate.BROKEN):
            again += [message for _, message in accounts[moment.account]]
    ports.later(paused(again))
    return Outcome(
        failed=tuple(message.id for message in again),
        fates=fates,
        debounced=sum(one is False for one in asked.values()),
        unreadable=len(messages) - sum(map(len, accounts.values())),
    )


def _is_due(moment: Moment, ports: LoginPorts) -> bool | None:
    """Whether an account must be scored; None: it could not be read."""
    try:
        scored_ms = ports.scored_until(moment.account)
    except UnavailableError:
        return None
    return scored_ms is None or scored_ms + max(ports.debounce_ms, 1) <= moment.as_of_ms


def _read(
    messages: Iterable[Message], ports: LoginPorts
) -> tuple[dict[str, list[tuple[int, Message]]], list[Message]]:
    """The logins that can be read by account, and messages that could be neither read nor set aside."""
    accounts: dict[str, list[tuple[int, Message]]] = {}
    again = []
    for message in messages:
        try:
            login = msgspec.json.decode(message.body, type=Login)
            at_ms = parse_as_of(login.as_of)
        except UNREADABLE as error:
            if not done(partial(ports.set_aside, message.body, error)):
                again.append(message)
        else:
            accounts.setdefault(login.account, []).append((at_ms, message))
    return accounts, again
