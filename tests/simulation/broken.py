"""Designs of the aggregates that do not work: each must fall soon, or the simulation proves nothing.

They are the ones that were measured on throw-away simulators before this one, put in place of a part of the
product, in this process and for as long as the context lasts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import msgspec
from stemtide import commit, corrections, limits, recount
from stemtide.aggregate import AggregatePorts, Rules, aggregate
from stemtide.calls import day_of_index
from stemtide.fold import Folded, fold
from stemtide.lanes import pack
from stemtide.ports import ConflictError, UsageRow
from stemtide.progress import Progress
from stemtide.state import Event, State, decode, mark_of

from tests.simulation import environment
from tests.simulation.generator import generate
from tests.simulation.kinds import AGGREGATE
from tests.simulation.letters import Letter
from tests.simulation.memory import MemoryItems
from tests.simulation.plan import Plan
from tests.simulation.recount_stores import MemoryArchive
from tests.simulation.seeds import outcome
from tests.simulation.truth import recount as recount_of
from tests.simulation.world import World


class Design(NamedTuple):
    """A broken design: how it is put in place, and what says that a run of it is wrong."""

    in_place: Callable[[], AbstractContextManager[Any]]
    judge: Callable[[Plan], list[str]] = lambda plan: outcome(plan)[1]


def falls_at(name: str, *, within: int) -> int | None:
    """The first seed in which the design goes wrong, None if it holds for so many."""
    design = DESIGNS[name]
    with design.in_place():
        return next((seed for seed in range(within) if design.judge(generate(seed))), None)


def _folding(fold_so: Callable[..., Folded]) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(commit, "fold", fold_so)


def plain_add(state: State, events: Sequence[Event], *, lane: str, **options: Any) -> Folded:
    """No item knows what is in: whatever comes is added."""
    bare = msgspec.structs.replace(state, marks={}, ids=b"")
    return fold(bare, events, lane=lane, **options | {"memory": None})


def one_global_mark(state: State, events: Sequence[Event], *, lane: str, **options: Any) -> Folded:
    """One mark for all lanes: of a child read before its parent, the parent's records look old."""
    highest = max((mark_of(state, other) for other in state.marks), default=-1)
    marks = {lane: pack(highest)} if highest >= 0 else {}
    return fold(msgspec.structs.replace(state, marks=marks), events, lane=lane, **options)


def no_suffix(state: State, events: Sequence[Event], *, lane: str, **options: Any) -> Folded:
    """A batch is known by where it ends: with other bounds all of it is folded again."""
    if mark_of(state, lane) == events[-1].sequence:
        return Folded(state=state)
    marks = {other: mark for other, mark in state.marks.items() if other != lane}
    bare = msgspec.structs.replace(state, marks=marks, ids=b"")
    return fold(bare, events, lane=lane, **options | {"memory": None})


def failed_condition_is_a_duplicate() -> AbstractContextManager[Any]:
    """Whoever wrote the item in between is taken to have written the same."""
    put = MemoryItems._put

    def taken_for_done(self: MemoryItems, row: UsageRow) -> None:
        try:
            put(self, row)
        except ConflictError:
            return

    return patch.object(MemoryItems, "_put", taken_for_done)


def on_after_a_failed_record() -> AbstractContextManager[Any]:
    """As a batch processor does: each record on its own, and on to the next after one that failed."""

    def record_by_record(event: Mapping[str, Any], *, ports: AggregatePorts, rules: Rules) -> dict[str, Any]:
        failures: list[Any] = []
        for record in event["Records"]:
            failures += aggregate({"Records": [record]}, ports=ports, rules=rules)["batchItemFailures"]
        return {"batchItemFailures": failures}

    return patch.object(environment, "aggregate", record_by_record)


@contextmanager
def recompute_on_a_lagging_archive() -> Iterator[None]:
    """What the archive has now is taken for the truth, however far it has come."""
    honest = MemoryArchive._progress

    def complete(self: MemoryArchive) -> Progress:
        told = honest(self)
        return Progress(aggregate=told.aggregate, archive={**told.archive, **told.aggregate})

    trusting = patch.object(recount.AccountCalls, "hold", lambda self, day, marks: True)
    uncounted = patch.object(corrections, "_copies", lambda state: 0)
    with patch.object(MemoryArchive, "_progress", complete), trusting, uncounted:
        yield


def _old_numbers(world: World, letter: Letter) -> None:
    if letter.consumer == AGGREGATE:
        world.consumers[AGGREGATE].again(letter.recs)


def handed_back(plan: Plan, back: Callable[[World, Letter], None] = _old_numbers) -> list[str]:
    """What was given up is handed to the aggregates again, as it was; which days lack calls then.

    Runs with a recompute on the way say nothing here: it finds the calls in the archive. An item takes all
    repetitions of a delivery: by portions they may be given up again, as retries are few here.
    """
    caps = replace(plan.caps, new_duplicates=limits.MAX_NEW_DUPLICATES)
    world, wrong = outcome(replace(plan, caps=caps), recomputed=False)
    if world.recounted:
        return wrong
    for letter in world.letters.all:
        if letter.lost:
            back(world, letter)
    world.drain()
    for (account, day), copies in recount_of(world.stream, world.plan.cutover).days.items():
        row = world.stored.usage.get((account, day_of_index(day)))
        counted = 0 if row is None else decode(row.blob).calls
        if counted < len({copy.item.id for copy in copies if not copy.covered}):
            wrong.append(f"of {account} on {day_of_index(day)} {counted} calls are counted")
    return wrong


DESIGNS: Final = {
    "plain ADD": Design(_folding(plain_add)),
    "one global mark": Design(_folding(one_global_mark)),
    "a failed condition is a duplicate": Design(failed_condition_is_a_duplicate),
    "on after a failed record": Design(on_after_a_failed_record),
    "dead letters with their old numbers": Design(nullcontext, handed_back),
    "no suffix": Design(_folding(no_suffix)),
    "recompute on a lagging archive": Design(recompute_on_a_lagging_archive),
}
