"""Correcting one usage item by the archive, and never taking away what the stream has counted meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from stemtide import users
from stemtide.aggregate import Rules
from stemtide.canonical import project
from stemtide.commit import USERS_SLACK_S, USERS_SUFFIX
from stemtide.day_items import Item, UsageStore, read_item, with_users
from stemtide.lanes import pack
from stemtide.ports import ConflictError, Pace, ThrottledError, UnavailableError, UsageRow
from stemtide.progress import Progress
from stemtide.recount import AccountCalls, Recounted
from stemtide.state import Caps, State, encode

MAX_TRIES: Final = 5
"""Tries of one item against the stream's own writes; after them it is left for the next round or night."""
PAUSE_S: Final = 0.2


class Left(StrEnum):
    """Why an item was left as it is."""

    LAGS = "the archive lags behind the item"
    HOLE = "records of its days are in the archive's dead letters"
    INCOMPLETE = "the archive no longer has what the item has counted"
    BUSY = "the item kept changing"
    UNAVAILABLE = "the table did not answer"
    NO_TIME = "the time was up"
    MORE_DAYS = "more days of the archive are needed"
    BROKEN = "it cannot be read or written as it is: /aws/lambda/...-recompute logs why"


class Corrected(NamedTuple):
    """What became of an item: calls more or less than before, whether it was written, what it is now."""

    calls: int
    written: bool
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrector:
    """Compares items with the archive and writes what differs.

    `broken` is told of an item that cannot be read or written for any other reason than a busy table.
    """

    items: UsageStore
    pace: Pace
    rules: Rules
    caps: Caps
    broken: Callable[[Item, Exception], None]

    def read(self, account: str, day: int) -> Item | Left:
        """The item as of now; or why it cannot be looked at."""
        try:
            return read_item(self.items, account, day)
        except UnavailableError:
            return Left.UNAVAILABLE
        except Exception as error:
            self.broken(Item(account=account, day=day), error)
            return Left.BROKEN

    def correct(
        self, item: Item, calls: AccountCalls, touched: Sequence[int], *, days: set[int], progress: Progress
    ) -> Corrected | Left:
        """Bring the item to what the archive says of it.

        Args:
            item: as read after `progress` was.
            calls: the account's, of the arrival days `days`, read after `progress` was.
            touched: arrival days on which the archive has calls of this item.
            days: arrival days that were read.
            progress: how far the consumers have come.
        """
        try:
            return self._correct(item, calls, touched, days=days, progress=progress)
        except Exception as error:  # the item's alone: it is told, and the bucket's others go on
            self.broken(item, error)
            return Left.BROKEN

    def _correct(
        self, item: Item, calls: AccountCalls, touched: Sequence[int], *, days: set[int], progress: Progress
    ) -> Corrected | Left:
        changed: int | None = None
        why = Left.BUSY
        for attempt in range(MAX_TRIES):
            if attempt and self.pace.spent():
                return Left.NO_TIME
            try:
                item = read_item(self.items, item.account, item.day) if attempt else item
                found = self._recount(item, calls, touched, days=days, progress=progress)
                if isinstance(found, Left):
                    return found
                if found is None:
                    return Corrected(changed or 0, changed is not None, item)
                right = self._right(item, found, touched)
                changed = found.state.calls - item.state.calls
                self.items.put_together(self._rows(item, right))
            except ConflictError:
                changed, why = None, Left.BUSY
            except ThrottledError:
                changed, why = None, Left.UNAVAILABLE
                self._pause()
            except UnavailableError:  # written or not: the item as it is then tells
                why = Left.UNAVAILABLE
                self._pause()
            else:
                return Corrected(changed, True, right)
        return why

    def _pause(self) -> None:
        self.pace.pause(PAUSE_S * (0.5 + self.pace.jitter()))

    def _recount(
        self, item: Item, calls: AccountCalls, touched: Sequence[int], *, days: set[int], progress: Progress
    ) -> Recounted | Left | None:
        """The day as it should be, None when it is so; or why nobody can tell yet.

        Up to its own marks the item has everything, so there the archive must be complete: a call that it
        lacks would be taken away. Behind them everything up to the aggregates' ledger is final: what of it
        is not in the item was given up, and counts by its copy in the archive.

            lane        ... 10      20      30      40
            item                    mark
            aggregates                              ledger
            archive                         ledger          -> counts up to 30, as far as both have come
            archive         ledger                          -> left: calls 10 to 20 would be missed
        """
        if item.is_backfilled:
            return None
        needed, marks = item.days_needed(touched), item.marks
        if not needed <= days:
            return Left.MORE_DAYS
        if any(mark > progress.archive.get(lane, -1) for lane, mark in marks.items()):
            return Left.LAGS
        holes = [hole for hole in progress.holes if hole.concerns(needed)]
        if any(hole.first <= marks.get(hole.lane, -1) for hole in holes):
            return Left.HOLE
        if not calls.hold(item.day, marks):
            return Left.INCOMPLETE
        bound = progress.final(holes)
        bound |= {lane: max(mark, bound.get(lane, -1)) for lane, mark in marks.items()}
        found = calls.recount(item.day, bound=bound, begin=item.begin, caps=self.caps)
        if not item.begin.state.calls and _copies(found.state) < _copies(item.state):
            return Left.INCOMPLETE  # given up by the archive, and nobody has registered it yet
        same = project(found.state, found.users) == project(item.state, item.users)
        knows_cutover = not item.version or found.state.covered_ms == item.state.covered_ms
        return None if same and knows_cutover else found

    def _right(self, item: Item, found: Recounted, touched: Sequence[int]) -> Item:
        """The item's next version: what the archive says."""
        marks = {lane: pack(max(at, item.marks.get(lane, -1))) for lane, at in found.seen.items()}
        state = msgspec.structs.replace(
            found.state,
            marks={**item.state.marks, **marks},
            recent=item.state.recent,
            arrivals=item.arrivals(touched),
        )
        arrived_s = (found.last_arrival_ms or 0) // 1000
        expires_at = max(item.expires_at, arrived_s + int(self.rules.retention.total_seconds()))
        return replace(item, version=item.version + 1, state=state, users=found.users, expires_at=expires_at)

    def _rows(self, item: Item, right: Item) -> list[UsageRow]:
        """The item as it will be, and its users where they are kept apart, to be written together.

        Users may become fewer here, which the stream's writes never do: they put the users first and the
        counts that need them behind. Both at once, over what was read of both, keep them exact:

            aggregates                           recount
                                                 reads counts v=7, users v=3
            puts users v=4 (with Zoe)
                                                 puts counts v=8 and users v=4 without Zoe
                                                 -> refused, reads again: counts v=7, users v=4
                                                 puts counts v=8 and users v=5 without Zoe
            puts counts v=8 (Zoe's call)
            -> refused, reads both again,
            puts users v=6 (with Zoe), counts v=9
        """
        row = UsageRow(
            account=item.account,
            sort=item.sort,
            version=right.version,
            blob=encode(right.state),
            events=right.state.events,
            expires_at=right.expires_at,
        )
        return [row, *self._users_rows(item, right)] if right.state.spilled else [row]

    def _users_rows(self, item: Item, right: Item) -> list[UsageRow]:
        if not item.state.spilled:  # a write that never came to the counts may have left users
            item = replace(with_users(self.items, item), users=users.NOBODY)
        if item.users == right.users and item.users_version and item.users_expire_at >= right.expires_at:
            return []
        return [
            UsageRow(
                account=item.account,
                sort=item.sort + USERS_SUFFIX,
                version=item.users_version + 1,
                blob=users.encode(right.users),
                events=0,
                expires_at=max(item.users_expire_at, right.expires_at + USERS_SLACK_S),
            )
        ]


def _copies(state: State) -> int:
    """How many calls came, each as often as it came: what is repeated counts here, too."""
    return state.calls + state.duplicates
