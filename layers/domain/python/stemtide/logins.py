"""When a user has logged in: from the write that counts a login to the queue of those who ask for a score.

Whoever counts a login says so in the item that it writes anyway (`ports.LOGIN`): no further read or write.
The table's stream brings such writes to the detecting function, which puts the newest of each account into a
queue of its own, so that a wave of logins delays no drop.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
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
    accepted: Collection[bytes],
    *,
    is_login: Callable[[str], bool],
    arrival: Arrival,
) -> int | None:
    """When the newest login arrived that was just counted, None when there is none that is live.

    Args:
        events: those of the account and day.
        accepted: the ids of those that were counted, be it as `other` beyond the cap of a day's types.
    """
    names = {name for name in {event.name for event in events} if is_login(name)}
    if not names:
        return None
    counted = accepted if isinstance(accepted, Mapping | Set) else set(accepted)
    logins = (
        (arrival(event.sequence), event.at_ms)
        for event in events
        if event.name in names and event.id_hash in counted
    )
    return max((arrived for arrived, at_ms in logins if arrived - at_ms <= LIVE_MS), default=None)


def on_logins(changes: Iterable[Change], send: Callable[[Sequence[Login]], Collection[int]]) -> int:
    """Hand over the newest login of each account. One that is lost delays nothing: the account is scored
    after its next login, or at night.

    Args:
        send: answers the places of those that were not (certainly) taken.

    Returns:
        How many were lost.
    """
    newest: dict[str, int] = {}
    for change in changes:
        arrived = (change.new or {}).get(LOGIN)
        account = str(change.keys["account"])
        if arrived is not None:
            newest[account] = max(int(arrived), newest.get(account, int(arrived)))
    found = [Login(account=account, as_of=as_of_text(at_ms)) for account, at_ms in newest.items()]
    return len(send(found)) if found else 0
