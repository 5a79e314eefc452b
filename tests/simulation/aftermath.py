"""After a run: what was given up is put back, everything is recomputed, and now it must be exact."""

from collections.abc import Iterator
from itertools import groupby
from random import Random

from stemtide.archive import object_key, pack
from stemtide.calls import day_of, day_of_index
from stemtide.dead_letters import DeadLetter, parse_dead_letter
from stemtide.kinesis_event import Delivered
from stemtide.ports import CUTOVER_SORT
from stemtide.requeue import put_back

from tests.simulation.check_usage import found_day, usage_items
from tests.simulation.counting import once
from tests.simulation.kinds import AGGREGATE
from tests.simulation.letters import Letter
from tests.simulation.recount import at_the_end, canonical
from tests.simulation.recount_stores import read_day
from tests.simulation.truth import recount
from tests.simulation.world import World

IN_PARTS = 12
"""Of so many seeds one is recomputed day by day, each in two buckets; the others at once."""
LOOKED_AT_TWICE = 4
"""Of so many seeds one is recomputed a second time, which must find nothing to do."""
WHOLE = frozenset({"invalid_json", "not_an_object"})
"""Records that cannot carry an envelope."""


def after_the_run(world: World) -> Iterator[str]:
    """Put back, work off, recompute; what is wrong then."""
    for letter in world.letters.all:
        if letter.lost and not letter.put_back:
            put_letter_back(world, letter)
        letter.put_back = True
    world.drain()
    world.look()
    yield from world.wrong
    in_parts = world.plan.seed % IN_PARTS == 0
    done = at_the_end(world, world.stored.usage, by_day=in_parts, of=1 + in_parts)
    if done.lagging:
        yield f"the recompute leaves {done.lagging} items behind: {done.examples}"
    yield from _exact(world)
    if world.plan.seed % LOOKED_AT_TWICE:
        return
    again = at_the_end(world, world.stored.usage, by_day=False, of=1)
    if again.corrected or again.lagging or again.postponed:
        yield f"a second recompute corrects {again.corrected} items, leaves {again.lagging}"


def put_letter_back(world: World, letter: Letter) -> None:
    """As `stemtide requeue` does it: calls into the stream, records into the archive."""
    dead = parse_dead_letter(letter.body)
    assert isinstance(dead, DeadLetter)
    if letter.consumer == AGGREGATE:
        for rec, record in zip(letter.recs, dead.records, strict=True):
            out = put_back(record)
            said_ms = rec.arrival_ms if rec.said_ms is None else rec.said_ms
            if rec.items[0].reason in WHOLE:
                said_ms = world.now_ms
            world.producers.put_again(out.key, rec, out.data, said_ms)
        return
    for day, run in groupby(dead.records, key=lambda record: day_of(record.arrival_ms)):
        records = list(run)
        world.stored.bodies[object_key(letter.lane, day, records)] = pack(records)


def _exact(world: World) -> Iterator[str]:
    """Every account-day is what a count of each id's first call gives; nothing else is counted."""
    expected = once(recount(world.stream, world.plan.cutover).days, max_types=world.plan.caps.event_types)
    items = usage_items(world.stored)
    for key, day in expected.items():
        account, sort = key[0], day_of_index(key[1])
        row = items.pop((account, sort), None)
        if row is None:
            if day.calls:
                yield f"after the recompute nothing is counted of {account} on {sort}"
            continue
        found = found_day(row, world.stored)
        found.duplicates = day.duplicates
        if found != day:
            yield f"after the recompute {account} on {sort} must be {day.shown()}, is {found.shown()}"
    for account, sort in items:
        yield f"{account} on {sort} is counted and was never put"


def replayed(world: World) -> Iterator[str]:
    """The archive, cut anew, counted into an empty table: the same usage."""
    rng = Random(world.plan.seed)
    bodies: dict[str, bytes] = {}
    for day in {key.split("/")[1] for key in world.stored.bodies}:
        lanes: dict[str, list[Delivered]] = {}
        for lane, record in read_day(world.stored.bodies, day):
            made = Delivered(int(record.seq), record.key, record.arrival_ms, record.bytes)
            lanes.setdefault(lane, []).append(made)
        for lane, records in lanes.items():
            bodies |= _cut_anew(rng, lane, day, records)
    kept, world.stored.bodies = world.stored.bodies, dict(rng.sample(sorted(bodies.items()), len(bodies)))
    usage = {key: row for key, row in world.stored.usage.items() if key[1] == CUTOVER_SORT}
    done = at_the_end(world, usage, by_day=False, of=1)
    world.stored.bodies = kept
    one, other = canonical(world.stored.usage), canonical(usage)
    if done.lagging or one != other:
        yield f"the archive replayed into an empty table gives {other}, not {one}"


def _cut_anew(rng: Random, lane: str, day: str, records: list[Delivered]) -> Iterator[tuple[str, bytes]]:
    """Objects of other bounds, which may overlap."""
    at = 0
    while at < len(records):
        end = min(len(records), at + 1 + rng.randrange(40))
        part = records[max(0, at - rng.randrange(3)) : end]
        yield object_key(lane, day, part), pack(part)
        at = end
