"""What a backfill says of an account and day, and what then becomes of what the stream has written of it.

An account has one cutover instant: before it only the backfill counts, from it on only the stream.
`State.covered_ms` says so in every item, and `fold` drops what the stream brings of the time before.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec.structs import replace

from stemtide import users
from stemtide.calls import DAY_MS
from stemtide.limits import OTHER_EVENT, USER_HASH_BYTES
from stemtide.state import Caps, State
from stemtide.users import Users

BACKFILL_SUFFIX: Final = "#backfill"
"""Of the sort key of the item that keeps the backfilled part of a cutover's own day: what a recompute of
that day starts from."""


class Counted(NamedTuple):
    """An account's day as a log has it: (name, events) by their first call, and the sorted hashes of its
    users and of those among them who commented."""

    types: Iterable[tuple[str, int]]
    calls: int
    first_ms: int
    last_ms: int
    users: bytes
    commenters: bytes = b""


class Made(NamedTuple):
    """A state to be written, with all users of its day: those of a spilled state go to the users item."""

    state: State
    users: Users


class OtherBackfillError(Exception):
    """The day was backfilled before, and differently: by another log, or with another cutover."""


class NeedsArchiveError(Exception):
    """The stream has counted calls from both sides of the day's cutover: only its archive tells which."""


def made_of(counted: Counted, *, covered_ms: int, caps: Caps) -> Made:
    """The state that the stream would have made of the same calls, except that it knows no ids and marks."""
    by_event = _capped({}, counted.types, caps)
    spilled = len(counted.users) > caps.inline_users * USER_HASH_BYTES
    present = _present(counted.users)
    state = State(
        events=sum(by_event.values()),
        calls=counted.calls,
        by_event=by_event,
        first_ms=counted.first_ms,
        last_ms=counted.last_ms,
        users=b"" if spilled else counted.users,
        spilled=spilled,
        covered_ms=covered_ms,
        commenters=users.encode(_present(counted.commenters)) if counted.commenters else b"",
    )
    return Made(state, present)


def nothing(covered_ms: int) -> Made:
    """What the backfill says of a day that its log does not have; also the cutover item's content."""
    return Made(State(covered_ms=covered_ms), users.NOBODY)


def cutover_of(streamed_since: int | None, end_ms: int) -> int:
    """The cutover of an account where nobody has said one.

    The end of what the log knows; for an account that was streamed before that, the end of the first day on
    which it was: until then the stream may lack a part of the day, from then on it has all.

    Args:
        streamed_since: the first UTC day (since the epoch) on which a record of the account arrived.
        end_ms: the end of the log.
    """
    return end_ms if streamed_since is None else min(end_ms, (streamed_since + 1) * DAY_MS)


def streamed_since(states: Iterable[tuple[int, State]]) -> int | None:
    """The first UTC day on which a record of these days' states arrived; None if the stream wrote none.

    Args:
        states: with their UTC days (since the epoch).
    """
    return min(((state.arrivals or [day])[0] for day, state in states if state.marks), default=None)


def same_counts(one: State, other: State) -> bool:
    """Whether both hold the same calls of the same day (users of the users item aside)."""
    return _counts(one) == _counts(other)


def _counts(state: State) -> tuple[object, ...]:
    times = state.first_ms, state.last_ms
    return state.calls, state.by_event, *times, state.users, state.spilled, state.commenters


def is_split(day_ms: int, covered_ms: int) -> bool:
    """Whether the cutover lies within the day that begins at `day_ms`."""
    return day_ms < covered_ms < day_ms + DAY_MS


def over_day(stored: State | None, made: Made, *, again: bool = False) -> Made | None:
    """What a day that lies wholly before the cutover holds from now on; None: it does already.

    What the stream had counted counts as duplicate. Its marks stay: what it has brought is known.

    Args:
        again: another backfill of the same day is replaced.

    Raises:
        OtherBackfillError: there is another backfill of the same day.
    """
    if stored is None:
        return made
    if stored.covered_ms is None:
        return _replaced(stored, made, duplicates=stored.calls)
    same = stored.covered_ms == made.state.covered_ms
    if same and same_counts(stored, made.state):
        return None
    if not again and (not same or stored.calls):
        raise OtherBackfillError
    return _replaced(stored, made, duplicates=0)


def over_cutover_day(stored: State | None, present: Users, made: Made, *, caps: Caps) -> Made:
    """What the day of the cutover holds once the part before it is in. To be asked once: it adds.

    Args:
        stored: what the stream has written of the day.
        present: its users.

    Raises:
        NeedsArchiveError: the stream had not known the cutover, and has calls of both sides in it.
        OtherBackfillError: there is a backfill with another cutover.
    """
    cutover = made.state.covered_ms
    assert cutover is not None
    if stored is None:
        return made
    if stored.covered_ms not in (None, cutover):
        raise OtherBackfillError
    if stored.covered_ms is None and stored.last_ms is not None and stored.last_ms < cutover:
        return _replaced(stored, made, duplicates=stored.calls)
    before = stored.first_ms is not None and stored.first_ms < cutover
    if before or len(stored.by_event) > caps.event_types:
        raise NeedsArchiveError
    return _joined(stored, present, made, caps)


def _joined(stored: State, present: Users, made: Made, caps: Caps) -> Made:
    """Both parts of a day; the stream's holds nothing from before the cutover."""
    part = made.state
    by_event = _capped(part.by_event, stored.by_event.items(), caps)
    together = users.joined(present, made.users)
    inline = together.exact and len(together.packed) <= caps.inline_users * USER_HASH_BYTES
    spilled = stored.spilled or part.spilled or not inline
    times = [at for at in (part.first_ms, part.last_ms, stored.first_ms, stored.last_ms) if at is not None]
    state = replace(
        stored,
        events=part.events + stored.events,
        calls=part.calls + stored.calls,
        by_event=by_event,
        first_ms=min(times, default=None),
        last_ms=max(times, default=None),
        users=b"" if spilled else together.packed,
        spilled=spilled,
        covered_ms=part.covered_ms,
        commenters=_commenters(part.commenters, stored.commenters),
    )
    return Made(state, together)


def _commenters(first: bytes, second: bytes) -> bytes:
    if not (first and second):
        return first or second
    return users.encode(users.joined(users.decode(first), users.decode(second)))


def _present(packed: bytes) -> Users:
    """Any number of users, without an object for each."""
    if len(packed) <= users.EXACT_USERS * USER_HASH_BYTES:
        return Users(packed)
    places = range(0, len(packed), USER_HASH_BYTES)
    return users.together([], (packed[at : at + USER_HASH_BYTES] for at in places))


def _replaced(stored: State, made: Made, *, duplicates: int) -> Made:
    state = replace(
        made.state,
        duplicates=stored.duplicates + duplicates,
        marks=stored.marks,
        recent=stored.recent,
        arrivals=stored.arrivals,
    )
    return Made(state, made.users)


def _capped(by_event: dict[str, int], types: Iterable[tuple[str, int]], caps: Caps) -> dict[str, int]:
    """Event types in the order of their first calls, added as the fold adds them."""
    total = dict(by_event)
    for name, events in types:
        counted = name
        if name not in total and len(total) >= caps.event_types:
            counted = OTHER_EVENT
        total[counted] = total.get(counted, 0) + events
    return total
