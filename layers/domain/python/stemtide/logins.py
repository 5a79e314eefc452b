"""When a user has logged in: from the write that counts a login to the queue of those who ask for a score.

Whoever counts a login says so in the item that it writes anyway (`ports.LOGIN`): no further read or write.
The table's stream brings such writes to the detecting function, which puts the newest of each account into a
queue of its own, so that a wave of logins delays no drop.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from stemtide.as_of import as_of_text
from stemtide.ports import LOGIN
from stemtide.state import Event
from stemtide.table_stream import Change

LIVE_MS: Final = 3_600_000
"""A login that arrives later than so long after it happened tells nothing of now: a replay, an old batch."""

Arrival: TypeAlias = Callable[[int], int]
"""When the record of this sequence number arrived, epoch ms."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the account logged in; `as_of` is the instant at which the login arrived (ISO)."""

    account: str
    as_of: str


def newest_login(
    events: Sequence[Event],
    before: Mapping[str, int],
    after: Mapping[str, int],
    *,
    is_login: Callable[[str], bool],
    arrival: Arrival,
) -> int | None:
    """When the newest login arrived that was just counted, None when there is none that is live.

    Args:
        events: those of the account and day.
        before: weights by event type without them.
        after: with them.
    """
    if not any(count != before.get(name) and is_login(name) for name, count in after.items()):
        return None
    logins = ((arrival(event.sequence), event.at_ms) for event in events if is_login(event.name))
    return max((arrived for arrived, at_ms in logins if arrived - at_ms <= LIVE_MS), default=None)


def on_logins(changes: Iterable[Change], send: Callable[[Sequence[Login]], Iterable[int]]) -> tuple[str, ...]:
    """Hand over the newest login of each account.

    Args:
        send: answers the places of those that were not (certainly) taken.

    Returns:
        The sequence numbers to come again.
    """
    newest: dict[str, tuple[int, Change]] = {}
    for change in changes:
        arrived = (change.new or {}).get(LOGIN)
        account = str(change.keys["account"])
        if arrived is not None and (account not in newest or int(arrived) >= newest[account][0]):
            newest[account] = int(arrived), change
    found = [Login(account=account, as_of=as_of_text(at_ms)) for account, (at_ms, _) in newest.items()]
    told = [change for _, change in newest.values()]
    return tuple(told[place].sequence for place in send(found)) if found else ()
