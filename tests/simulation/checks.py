"""Whether what a run has stored is what it must be."""

from collections.abc import Iterator

from stemtide import users as stored_users
from stemtide.archive import merged
from stemtide.calls import day_of_index
from stemtide.facts import fact_id
from stemtide.ports import CUTOVER_SORT, UsageRow
from stemtide.state import decode

from tests.simulation.kinds import AGGREGATE
from tests.simulation.memory import Stored
from tests.simulation.pool import DAY_MS
from tests.simulation.truth import DEAD_ARCHIVE, Copy, Day, LaneTruth, Truth, in_order, once, recount
from tests.simulation.world import JITTER_MS, World

USERS_SUFFIX = "#users"
HASH_BYTES = 8


def problems(world: World) -> list[str]:
    """Everything that is wrong after a run."""
    truth = recount(world.stream, world.plan.cutover)
    return [
        *world.wrong,
        *world.letters.wrong,
        *_ledgers(world, truth),
        *_quarantine(world.stored, truth),
        *_forwarded(truth),
        *_facts(world.stored, truth),
        *_archive(world),
        *_usage(world, truth),
    ]


# --- counters ------------------------------------------------------------------------------------


def _ledgers(world: World, truth: Truth) -> Iterator[str]:
    aggregate, archive = world.stored.ledgers
    dead, archive_dead = world.letters.totals
    for name, lane in truth.lanes.items():
        row = aggregate.get(name)
        counts = {} if row is None else row.counts
        lost = dead[name].events if name in dead else 0
        if sum(counts.values()) + lost != lane.calls:
            yield f"{name}: {lane.calls} calls came, {counts} and {lost} dead are accounted for"
        received = archive[name].counts.get("in", 0) if name in archive else 0
        received += archive_dead[name].events if name in archive_dead else 0
        if received != lane.calls:
            yield f"{name}: {lane.calls} calls came, the archive says {received}"
        yield from _parts(name, lane, counts)
    for lanes in (aggregate, archive, dead, archive_dead):
        for name in lanes.keys() - truth.lanes.keys():
            yield f"{name} is no lane of the stream"


def _parts(name: str, lane: LaneTruth, counts: dict[str, int]) -> Iterator[str]:
    if not lane.sure_quarantined <= counts.get("quarantined", 0) <= lane.quarantined:
        yield f"{name}: {lane.quarantined} calls are unusable, {counts}"
    if not lane.sure_forwarded <= counts.get("forwarded", 0) <= lane.forwarded:
        yield f"{name}: {lane.forwarded} calls are another account's, {counts}"
    unknown = counts.keys() - {"applied", "duplicate", "quarantined", "forwarded"}
    if unknown:
        yield f"{name} counts {unknown}"


# --- what is set aside ---------------------------------------------------------------------------


def _quarantine(stored: Stored, truth: Truth) -> Iterator[str]:
    for place, reason in truth.rejected.items():
        row = stored.quarantine.get(place)
        if row is None or row.reason != reason:
            yield f"{place} is not quarantined as {reason}: {row}"
    known = truth.rejected.keys() | truth.perhaps_rejected.keys()
    for place in stored.quarantine.keys() - known:
        yield f"{place} is quarantined for nothing: {stored.quarantine[place]}"


def _forwarded(truth: Truth) -> Iterator[str]:
    for account, raw in truth.must_arrive - truth.arrived:
        yield f"a call of {account} was not put under its own key: {raw!r}"


def _facts(stored: Stored, truth: Truth) -> Iterator[str]:
    """Each fact is there, as known from its first arrival on; nothing else is.

    One that was put into the stream a second time may be taken for the repeat of one that overtook it.
    """
    kept: dict[tuple[str, str], int] = {}
    for account, id_, known_ms in stored.facts:
        kept[account, id_] = min(kept.get((account, id_), known_ms), known_ms)
    put: dict[tuple[str, str], list[Copy]] = {}
    for (account, _), copies in truth.days.items():
        for copy in copies:
            if copy.item.says is not None:
                put.setdefault((account, fact_id(copy.item.id)), []).append(copy)
    for key in kept.keys() - put.keys():
        yield f"{key} is kept as a fact for nothing"
    for key, copies in put.items():
        alive = [copy for copy in copies if not copy.dead]
        direct = [copy.known_ms for copy in alive if copy.known_ms == copy.arrival_ms]
        latest = min(direct) if direct else max((copy.known_ms for copy in alive), default=None)
        first = min(copy.known_ms for copy in copies)
        if latest is not None and not first <= kept.get(key, 0) <= latest + JITTER_MS:
            yield f"the fact {key} was known at {latest}, kept is {kept.get(key)}"


# --- the archive ---------------------------------------------------------------------------------


def _archive(world: World) -> Iterator[str]:
    """Every record is there once, in order and as it was; those that were given up may be missing."""
    found: dict[tuple[str, str], list[bytes]] = {}
    for key, body in sorted(world.stored.bodies.items()):
        _, day, lane, _ = key.split("/")
        found.setdefault((lane.replace("_", "/"), day), []).append(body)
    for shard in world.stream.every:
        by_day: dict[str, list[tuple[int, str, int, bool]]] = {}
        for rec in shard.recs:
            line = rec.sequence, rec.key, rec.arrival_ms, bool(rec.given_up & DEAD_ARCHIVE)
            by_day.setdefault(day_of_index(rec.arrival_ms // DAY_MS), []).append(line)
        for day, lines in by_day.items():
            kept = [
                (int(one.seq), one.key, one.arrival_ms) for one in merged(found.pop((shard.lane, day), []))
            ]
            if kept != [line[:3] for line in lines] and not _all_but_dead(kept, lines):
                yield f"the archive of {shard.lane} on {day} holds {len(kept)} of {len(lines)} records"
    for lane, day in found:
        yield f"the archive holds {day} of {lane}, where nothing was"


def _all_but_dead(kept: list[tuple[int, str, int]], lines: list[tuple[int, str, int, bool]]) -> bool:
    there = set(kept)
    expected = [line[:3] for line in lines if not line[3] or line[:3] in there]
    return kept == expected


# --- usage ---------------------------------------------------------------------------------------


def _usage(world: World, truth: Truth) -> Iterator[str]:
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
    hashes = {packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)}
    first, last = state.first_ms, state.last_ms
    if first is None or last is None:
        return Day(duplicates=state.duplicates)
    return Day(state.calls, state.duplicates, state.by_event, hashes, first, last)


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
    if found.users - users:
        yield f"{name} counts users that were never there"
    times = [copy.at_ms for copy in copies]
    if not min(times) <= found.first_ms <= found.last_ms <= max(times):
        yield f"{name} lies between {found.first_ms} and {found.last_ms}"
    weight, at_most = sum(found.by_event.values()), sum(copy.item.weight for copy in copies)
    if not found.calls <= weight <= at_most:
        yield f"{name} weighs {found.by_event}"
    if at_least == len(copies) and (found.users != users - {None} or weight != at_most):
        yield f"{name} must have {len(users - {None})} users and weigh {at_most}, is {found.shown()}"


def _covered(arrivals: list[int], copies: list[Copy]) -> bool:
    days = {copy.arrival_ms // DAY_MS for copy in copies if not copy.dead}
    spans = list(zip(arrivals[::2], arrivals[1::2], strict=True))
    return all(any(first <= day <= last for first, last in spans) for day in days)
