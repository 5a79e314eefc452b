"""What must be true once everything is worked off, told from the story alone as far as it tells it."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from stemtide.as_of import as_of_text
from stemtide.calls import DAY_MS, day_of
from stemtide.http.accounts import trend_of
from stemtide.scoring.assess import Assessed, assess_fully
from stemtide.scoring.assessment import Trigger
from stemtide.scoring.movement import moved_between, packed
from stemtide.store.record_keys import StoredRecord, StoredScore

from tests.simulation.scoring.story import INSTANTS, Event, Story, story
from tests.simulation.scoring.world import ACCOUNT, REGISTRY, World, models, vector_of

FOREVER = INSTANTS[-1] + DAY_MS


def outcome(seed: int) -> list[str]:
    """What is wrong when a seed's story is worked off, and when all of it was once more.

    The end of a customer may be found late by a delivery that was overtaken: the repetition finds it.
    """
    world = World(story(seed))
    world.run()
    at_first = [] if world.story.ended else _wrong(world)
    world.run_again()
    return [*world.wrong, *at_first, *_wrong(world)]


def _wrong(world: World) -> list[str]:
    rows = world.records.scores(ACCOUNT, 0, FOREVER)
    record = world.records.read(ACCOUNT) or StoredRecord(account=ACCOUNT)
    return [*_rows(world.story, rows), *_record(world.story, rows, record), *_trend(rows)]


def _rows(told: Story, rows: Sequence[StoredScore]) -> Iterator[str]:
    """Exactly one row per instant, trigger and version, with what was served."""
    wanted = sorted(_key(event) for event in told.events if event.as_of_ms not in told.ended)
    found = [row.key for row in rows]
    if sorted(found) != wanted:
        yield f"rows {sorted(found)}, but there must be {wanted}"
    for row in rows:
        version = None if row.model_version == "rules" else row.model_version
        vector = vector_of(row.as_of_ms, customer=True)
        expected = _expected(row.as_of_ms, version)
        if (row.assessment, row.vector, row.contributions, row.registry) != (
            expected.assessment,
            vector.values.astype("<f8").tobytes(),
            packed(expected.contributions),
            REGISTRY.hash,
        ):
            yield f"the row {row.key} holds something else than was served"


@lru_cache(maxsize=256)
def _expected(as_of_ms: int, version: str | None) -> Assessed:
    [found] = assess_fully(models()[version], [vector_of(as_of_ms, customer=True)])
    return found


def _record(told: Story, rows: Sequence[StoredScore], record: StoredRecord) -> Iterator[str]:
    """The record shows the newest instant, and what moved since the one before it."""
    instants = sorted({row.as_of_ms for row in rows})
    ends = {event.as_of_ms for event in told.events if event.as_of_ms in told.ended}
    if not instants:
        if record.assessment is not None:
            yield "a score without a row"
        return
    over = {end for end in ends if end > instants[-1]}
    if over:  # the look that found it first says since when
        if (record.assessment, record.moved) != (None, None) or record.as_of_ms not in over:
            yield f"it ended at {sorted(map(as_of_text, over))}, but the record says {record}"
        return
    now = _counting([row for row in rows if row.as_of_ms == instants[-1]])
    shown = (record.as_of_ms, record.model_version, record.trigger, record.scored_at_ms, record.assessment)
    if shown != (now.as_of_ms, now.model_version, now.trigger, now.scored_at_ms, now.assessment):
        yield f"the newest score is {now.key}, but the record shows {shown[:3]}"
    before = [row for row in rows if row.as_of_ms == instants[-2]] if len(instants) > 1 else []
    moved = moved_between(_counting(before), now, REGISTRY) if before else None
    if record.moved != moved:
        since, said = (one and one.since for one in (moved, record.moved))
        yield f"moved since {since}, but the record says {said}"


def _trend(rows: Sequence[StoredScore]) -> Iterator[str]:
    """The last score of each day is that of the day's newest instant."""
    newest: dict[str, int] = {}
    for row in rows:
        day = day_of(row.as_of_ms // DAY_MS * DAY_MS)
        newest[day] = max(newest.get(day, 0), row.as_of_ms)
    wanted = {
        day: _counting([row for row in rows if row.as_of_ms == at]).assessment.score
        for day, at in newest.items()
    }
    found = {point.date.isoformat(): point.score for point in trend_of(rows)}
    if found != wanted:
        yield f"the trend is {found}, but must be {wanted}"


def _counting(rows: Sequence[StoredScore]) -> StoredScore:
    """Of one instant: of the version that scored last the trigger that stands last."""
    last = sorted(rows, key=lambda row: (row.scored_at_ms, row.model_version))[-1].model_version
    order = list(Trigger)
    return sorted(
        (row for row in rows if row.model_version == last), key=lambda row: order.index(row.trigger)
    )[-1]


def _key(event: Event) -> str:
    return f"score#{as_of_text(event.as_of_ms)}#{event.trigger}#{event.version or 'rules'}"
