"""What a run must have come to, counted anew from what was put: by no code of the product.

Where the order of an account's calls is known, the count is exact, with a producer's duplicates dropped as
far back as the window of ids reaches. Where it is not, because lanes were read out of order or some of the
calls were given up, it lies between two bounds until the recompute.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.simulation.kinds import AGGREGATE, ARCHIVE
from tests.simulation.pool import DAY_MS, MAX_LATENESS, Item
from tests.simulation.stream import Rec, Shard, Stream

AHEAD_MS: Final = 10 * 60_000
LATENESS_MS: Final = int(MAX_LATENESS.total_seconds() * 1000)
DEAD_AGGREGATE: Final = 1 << AGGREGATE
DEAD_ARCHIVE: Final = 1 << ARCHIVE


class Copy(NamedTuple):
    """A usable call as it came: where, when, and whether the aggregates gave it up.

    `known_ms` is the arrival that it brought with it, if it was put into the stream a second time. What
    lies before its account's cutover (`covered`) the backfill has counted.
    """

    item: Item
    at_ms: int
    arrival_ms: int
    known_ms: int
    sequence: int
    place: int
    shard: Shard
    dead: bool
    covered: bool


@dataclass(slots=True)
class LaneTruth:
    """What one lane holds, in calls; `sure`: without what the aggregates gave up."""

    calls: int = 0
    archive_dead: int = 0
    quarantined: int = 0
    forwarded: int = 0
    accepted: int = 0
    dead: int = 0
    sure_quarantined: int = 0
    sure_forwarded: int = 0


@dataclass(slots=True)
class Truth:
    """All lanes' and all account-days' calls; quarantined positions with their reason, by certainty."""

    lanes: dict[str, LaneTruth] = field(default_factory=dict)
    days: dict[tuple[str, int], list[Copy]] = field(default_factory=dict)
    rejected: dict[tuple[str, int, int], str] = field(default_factory=dict)
    perhaps_rejected: dict[tuple[str, int, int], str] = field(default_factory=dict)
    cutover: tuple[str, int] | None = None
    must_arrive: set[tuple[str, bytes]] = field(default_factory=set)
    arrived: set[tuple[str, bytes]] = field(default_factory=set)


def recount(stream: Stream, cutover: tuple[str, int] | None) -> Truth:
    """Everything that is in the stream, record by record."""
    truth = Truth(cutover=cutover)
    for shard in stream.every:
        lane = truth.lanes[shard.lane] = LaneTruth()
        for rec in shard.recs:
            _count(truth, lane, shard, rec)
    return truth


def _count(truth: Truth, lane: LaneTruth, shard: Shard, rec: Rec) -> None:
    items = rec.items
    lane.calls += len(items)
    if len(items) == 1 and _is_plain(items[0], rec):
        item, at_ms = items[0], items[0].at_ms
        assert at_ms is not None
        lane.accepted += 1
        covered = _is_covered(truth, item, at_ms)
        copy = Copy(item, at_ms, rec.arrival_ms, rec.arrival_ms, rec.sequence, 0, shard, False, covered)
        truth.days.setdefault((item.account, at_ms // DAY_MS), []).append(copy)
        return
    dead = bool(rec.given_up & DEAD_AGGREGATE)
    if dead:
        lane.dead += len(items)
    if rec.given_up & DEAD_ARCHIVE:
        lane.archive_dead += len(items)
    said_ms = rec.arrival_ms if rec.said_ms is None else rec.said_ms
    for index, item in enumerate(items):
        at_ms = said_ms if item.at_ms is None else item.at_ms
        reason = item.reason or _out_of_time(at_ms, said_ms, rec.late_ok)
        if reason is not None:
            lane.quarantined += 1
            lane.sure_quarantined += not dead
            (truth.perhaps_rejected if dead else truth.rejected)[shard.lane, rec.sequence, index] = reason
        elif item.account != rec.key:
            lane.forwarded += 1
            lane.sure_forwarded += not dead
            if not dead:
                truth.must_arrive.add((item.account, item.raw))
        else:
            lane.accepted += 1
            covered = _is_covered(truth, item, at_ms)
            copy = Copy(item, at_ms, rec.arrival_ms, said_ms, rec.sequence, index, shard, dead, covered)
            day = truth.days.get((item.account, at_ms // DAY_MS))
            if day is None:
                truth.days[item.account, at_ms // DAY_MS] = [copy]
            else:
                day.append(copy)
            if rec.said_ms is not None:
                truth.arrived.add((item.account, item.raw))


def _is_plain(item: Item, rec: Rec) -> bool:
    """Nearly every record is: its only call is its own account's, came once, and in time."""
    return (
        item.reason is None
        and item.account == rec.key
        and item.at_ms is not None
        and rec.said_ms is None
        and not rec.given_up
        and -LATENESS_MS <= item.at_ms - rec.arrival_ms <= AHEAD_MS
    )


def _is_covered(truth: Truth, item: Item, at_ms: int) -> bool:
    return truth.cutover is not None and truth.cutover[0] == item.account and at_ms < truth.cutover[1]


def _out_of_time(at_ms: int, arrival_ms: int, late_ok: bool) -> str | None:
    if at_ms > arrival_ms + AHEAD_MS:
        return "in_the_future"
    return "too_late" if at_ms < arrival_ms - LATENESS_MS and not late_ok else None
