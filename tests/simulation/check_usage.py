"""Whether the usage table holds what it must hold."""

from collections.abc import Iterator

from stemtide import users as stored_users
from stemtide.calls import day_of_index
from stemtide.ports import CUTOVER_SORT, UsageRow
from stemtide.state import decode

from tests.simulation.counting import Day, in_order, once
from tests.simulation.kinds import AGGREGATE
from tests.simulation.memory import Stored
from tests.simulation.pool import COMMENTS, DAY_MS
from tests.simulation.truth import Copy, Truth
from tests.simulation.world import World

USERS_SUFFIX = "#users"
HASH_BYTES = 8


def usage(world: World, truth: Truth) -> Iterator[str]:
    """Day by day: exactly where that can be known, else between bounds."""
    items = usage_items(world.stored)
    sure = _sure_once(truth) if world.recounted else {}
    for (account, index), copies in truth.days.items():
        row = items.pop((account, day_of_index(index)), None)
        if row is None:
            if not all(copy.dead for copy in copies):
                yield f"nothing is counted of {account} on {day_of_index(index)}"
            continue
        state = decode(row.blob)
        found = found_day(row, world.stored)
        if row.events != state.events or state.events != sum(state.by_event.values()):
            yield f"{account} on {row.sort} counts {row.events}, {state.events}, {state.by_event}"
        name = f"{account} on {row.sort}"
        if world.recounted:
            yield from _bounded(copies, found, name, at_least=sure[account, index])
        else:
            yield from _compared(world, copies, found, name, spilled=state.spilled)
        if not _covered(state.arrivals, copies):
            yield f"{account} on {row.sort} does not know all arrival days: {state.arrivals}"
    for account, sort in items:
        yield f"{account} on {sort} is counted and was never put"


def usage_items(stored: Stored) -> dict[tuple[str, str], UsageRow]:
    """The days in the usage table, without what belongs to them."""
    return {
        key: row
        for key, row in stored.usage.items()
        if not key[1].endswith(USERS_SUFFIX) and key[1] != CUTOVER_SORT
    }


def found_day(row: UsageRow, stored: Stored) -> Day:
    """A day as it is stored."""
    state = decode(row.blob)
    packed = state.users
    if state.spilled:
        present = stored_users.decode(stored.usage[row.account, row.sort + USERS_SUFFIX].blob)
        packed = present if isinstance(present, bytes) else present.packed
    first, last = state.first_ms, state.last_ms
    if first is None or last is None:
        return Day(duplicates=state.duplicates)
    commenters = _hashes(stored_users.decode(state.commenters).packed) if state.commenters else set()
    return Day(state.calls, state.duplicates, state.by_event, _hashes(packed), commenters, first, last)


def _hashes(packed: bytes) -> set[bytes]:
    return {packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)}


def _compared(world: World, copies: list[Copy], found: Day, name: str, *, spilled: bool) -> Iterator[str]:
    expected = _expected(world, copies)
    if expected is None:
        at_least = len({copy.item.id for copy in copies if not copy.dead and not copy.covered})
        yield from _bounded(copies, found, name, at_least=at_least)
        return
    if spilled and expected.users <= found.users <= {copy.item.user for copy in copies}:
        # Users are written before the counts: one whose only call then proved a duplicate remains.
        expected.users = found.users
    if expected != found:
        yield f"{name} must be {expected.shown()}, is {found.shown()}"


def _sure_once(truth: Truth) -> dict[tuple[str, int], int]:
    """By day the calls that count whether or not it has been recomputed: of ids that were never given up."""
    dead = {(key[0], copy.item.id) for key, copies in truth.days.items() for copy in copies if copy.dead}
    sure = {
        key: [copy for copy in copies if (key[0], copy.item.id) not in dead]
        for key, copies in truth.days.items()
    }
    return {key: day.calls for key, day in once(sure, max_types=1).items()}


def _expected(world: World, copies: list[Copy]) -> Day | None:
    """The day as it must be, None where it cannot be known exactly before the recompute."""
    caps, early = world.plan.caps, world.consumers[AGGREGATE].early
    shards = {copy.shard for copy in copies}
    if any(copy.dead for copy in copies) or (len(shards) > 1 and shards & early):
        return None
    expected = in_order(copies, window=caps.id_window, max_types=caps.event_types)
    if caps.remembered_ids and expected != in_order(copies, window=len(copies), max_types=caps.event_types):
        return None  # what lies beyond the window is remembered as it comes
    return expected


def _bounded(copies: list[Copy], found: Day, name: str, *, at_least: int) -> Iterator[str]:
    if not any(copy.dead for copy in copies) and found.calls + found.duplicates != len(copies):
        yield f"{name} had {len(copies)} calls, counts {found.calls} and {found.duplicates} duplicates"
    copies = [copy for copy in copies if not copy.covered]
    if not at_least <= found.calls <= len(copies):
        yield f"{name} must count {at_least} to {len(copies)} calls, counts {found.calls}"
    if not found.calls:
        return
    users = {copy.item.user for copy in copies}
    commenters = {copy.item.user for copy in copies if copy.item.name in COMMENTS}
    if found.users - users or found.commenters - commenters:
        yield f"{name} counts users that were never there"
    times = [copy.at_ms for copy in copies]
    if not min(times) <= found.first_ms <= found.last_ms <= max(times):
        yield f"{name} lies between {found.first_ms} and {found.last_ms}"
    weight, at_most = sum(found.by_event.values()), sum(copy.item.weight for copy in copies)
    if not found.calls <= weight <= at_most:
        yield f"{name} weighs {found.by_event}"
    whole = found.users == users - {None} and found.commenters == commenters - {None}
    if at_least == len(copies) and not (whole and weight == at_most):
        yield f"{name} must have {len(users - {None})} users and weigh {at_most}, is {found.shown()}"


def _covered(arrivals: list[int], copies: list[Copy]) -> bool:
    days = {copy.arrival_ms // DAY_MS for copy in copies if not copy.dead}
    spans = list(zip(arrivals[::2], arrivals[1::2], strict=True))
    return all(any(first <= day <= last for first, last in spans) for day in days)
