"""Whether what a run has stored is what it must be."""

from collections.abc import Iterator

from stemtide.archive import merged
from stemtide.calls import day_of_index
from stemtide.facts import fact_id

from tests.simulation.check_usage import usage
from tests.simulation.memory import Stored
from tests.simulation.pool import DAY_MS
from tests.simulation.producers import JITTER_MS
from tests.simulation.truth import DEAD_ARCHIVE, Copy, LaneTruth, Truth, recount
from tests.simulation.world import World


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
        *usage(world, truth),
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
    """Each fact is there, as known from its first arrival on; nothing else is."""
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
        latest = min((copy.known_ms for copy in alive), default=None)
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
