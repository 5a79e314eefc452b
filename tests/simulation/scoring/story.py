"""A sequence of triggers of one account, in the order in which they happen to arrive, and what goes wrong."""

from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final, NamedTuple

from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.scoring.assessment import Trigger

from tests.simulation.scoring.table import Fault

TODAY: Final = 20_000
INSTANTS: Final = tuple(
    sorted(
        [end_of_day_ms(TODAY - ago) for ago in range(4)]
        + [TODAY * DAY_MS - ago * DAY_MS + hour * 3_600_000 for ago in range(3) for hour in (9, 17)]
    )
)
"""Ends of days and hours between them: several of one closed day."""
VERSIONS: Final = (None, "v1", "v2")
MOST: Final = 7
FAULTS: Final = (*Fault,)


class Event(NamedTuple):
    """A trigger: of this instant, to be worked off by this version (None: rules)."""

    as_of_ms: int
    trigger: Trigger
    version: str | None


@dataclass(frozen=True, kw_only=True)
class Story:
    """What arrives: deliveries of one or more events; `again` all of them once more, at last; `ended` are the
    instants at which the account was no customer, `faults` by number of the call of the table."""

    deliveries: tuple[tuple[Event, ...], ...]
    again: tuple[Event, ...]
    ended: frozenset[int]
    faults: dict[int, Fault]

    @property
    def events(self) -> frozenset[Event]:
        return frozenset(event for delivery in self.deliveries for event in delivery)


def story(seed: int) -> Story:
    """Some events, each at least once, in any order, late, repeated and in batches."""
    source = Random(seed)
    versions = source.sample(VERSIONS, source.choice((1, 1, 1, 2, 3)))
    instants = source.sample(INSTANTS, source.randint(1, len(INSTANTS)))
    events = [
        Event(source.choice(instants), source.choice(tuple(Trigger)), source.choice(versions))
        for _ in range(source.randint(1, MOST))
    ]
    arriving = [*events, *source.choices(events, k=source.randint(0, 4))]
    source.shuffle(arriving)
    deliveries = []
    while arriving:
        size = source.choice((1, 1, 1, 2, 3))
        deliveries.append(_of_one_kind(arriving[:size]))
        arriving = arriving[size:]
    gone = source.random() < 0.2
    return Story(
        deliveries=tuple(one for delivery in deliveries for one in delivery),
        again=tuple(source.sample(events, len(events))),
        ended=frozenset(source.sample(INSTANTS, source.randint(1, 3))) if gone else frozenset(),
        faults=_faults(source, calls=8 * len(deliveries)),
    )


def _of_one_kind(events: list[Event]) -> list[tuple[Event, ...]]:
    """A delivery is of one trigger and one version; the others come alone."""
    first = events[0]
    alike = [one for one in events if one[1:] == first[1:]]
    return [tuple(alike), *((one,) for one in events if one[1:] != first[1:])]


def _faults(source: Random, *, calls: int) -> dict[int, Fault]:
    """None in a third of the stories; a few or many in the others."""
    share = source.choice((0.0, 0.05, 0.2))
    return {number: source.choice(FAULTS) for number in range(1, calls) if source.random() < share}


def ticking(start_ms: int = TODAY * DAY_MS) -> "count[int]":
    """Times at which scores are computed."""
    return count(start_ms, 7)
