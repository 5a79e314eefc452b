"""A delivery of the queue of logins: whose account is scored, and which messages come again."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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

    `is_whole` tells whether the last closed day at an instant is. `claim` takes the right to score an account
    as of a login; False: it has a score of then, or another login has taken it (not one of those instants,
    which are the delivery's own). `score` tells what became of each moment, `set_aside(body, error)` keeps
    what can never be read, `later` delays messages by so many seconds each.
    """

    is_whole: Callable[[int], bool]
    claim: Callable[[Moment, Collection[int]], bool]
    score: Callable[[Sequence[Moment]], Mapping[Moment, Fate]]
    set_aside: Callable[[str, Exception], None]
    later: Callable[[Sequence[tuple[Message, int]]], None]
    side_by_side: SideBySide


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`failed` are the ids of the messages that come again, `fates` what became of the accounts that were
    looked at; `debounced` is how many had a score already, or another login had asked for one."""

    failed: tuple[str, ...]
    fates: Mapping[Moment, Fate]
    debounced: int
    unreadable: int

    def answer(self) -> dict[str, Any]:
        """The response of a mapping with ReportBatchItemFailures: the other messages are done."""
        return answer(self.failed)


def on_logins(messages: Sequence[Message], *, ports: LoginPorts) -> Outcome:
    """Score the accounts of a delivery as of their newest logins, those that have no score of then yet.

    A claim as of s answers every login up to s, and those of less than the debounce after it, whoever works
    them off side by side. So logins may come twice and in any order: once all are worked off, each account
    was scored as of less than that before its newest login, or as of later. A claim is its message's own, so
    that a crash does not lose the score:

        delivery of 09:00                     delivery of 09:20
        claims 09:00, crashes
                                              claims 09:20 -> refused: less than an hour after 09:00
        comes again, claims 09:00 -> its own
        scores

    Of an account that could not be scored in all tries the next login within the debounce asks in vain. While
    the last closed day lacks events nobody is scored and nothing claimed: the next login asks anew.

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
    held_back = [moment for moment in newest if not ports.is_whole(moment.as_of_ms)]
    rest = [moment for moment in newest if moment not in held_back]

    def claimed(moment: Moment) -> bool | None:
        """Whether an account must be scored; None: nobody could say."""
        try:
            return ports.claim(moment, {at_ms for at_ms, _ in accounts[moment.account]})
        except UnavailableError:
            return None

    asked = dict(zip(rest, ports.side_by_side(claimed, rest), strict=True))
    due = [moment for moment in rest if asked[moment]]
    fates = dict(ports.score(due)) if due else {}
    fates |= {moment: Fate.FAILED for moment in rest if asked[moment] is None}
    fates |= dict.fromkeys(held_back, Fate.HELD_BACK)
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
