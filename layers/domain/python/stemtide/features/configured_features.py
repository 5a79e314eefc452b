"""The features of what a configuration names: parts of the product, meters of the plans."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from stemtide.config_schema import Events
from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Feature
from stemtide.features.history import Counter
from stemtide.features.limit_features import counted, of_meter
from stemtide.features.view import Fact

RATES: Final = (90, 360)
"""Days of the averages of each part: what an account usually does, and has done for as long as known."""


class Shape(NamedTuple):
    """The names of the configured parts and meters: what a vector has besides the features everybody has."""

    parts: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()

    @classmethod
    def of(cls, events: Events) -> "Shape":
        """As configured."""
        return cls(tuple(one.name for one in events.features), tuple(one.name for one in events.meters))

    @property
    def columns(self) -> int:
        """How many counters a day has behind those of `Counter`."""
        return len(self.parts) + len(self.meters)


NO_SHAPE: Final = Shape()


def of_shape(shape: Shape) -> Iterator[Feature]:
    """The features of the parts, then those of the meters."""
    for place, name in enumerate(shape.parts):
        yield from _of_part(name, len(Counter) + place)
    for place, name in enumerate(shape.meters):
        column = len(Counter) + len(shape.parts) + place
        what = f"events of {name}"
        yield from of_meter(name, what, *counted(column), len(Fact) + place)


def _of_part(name: str, column: int) -> Iterator[Feature]:
    yield Feature(
        name=f"{name}_share_30d",
        unit="share",
        windows=(30,),
        label=f"Share of {name} in all events, 30 days",
        subject=f"the share of {name}",
        meaning=f"events of {name} / events of the last 30 days; unknown without events",
        wording=s.share(f"of events in the last 30 days were of {name}"),
        formula=f.share(column),
    )
    for days in RATES:
        yield Feature(
            name=f"{name}_per_day_{days}d",
            unit="events a day",
            windows=(days,),
            label=f"Events of {name} a day, {days}-day average",
            subject=f"the number of events of {name} a day",
            meaning=f"events of {name}: sum over the known days of the last {days}, by their number",
            wording=s.level(f"event of {name}", f"events of {name}", f"a day in the last {days} days"),
            formula=f.average(column, days),
        )
    yield Feature(
        name=f"{name}_total",
        unit="events",
        windows=(360,),
        dtype="whole",
        label=f"Events of {name}, 360 days",
        subject=f"the number of events of {name} in a year",
        meaning=f"events of {name} in the last 360 days, at most 100,000",
        wording=s.level(f"event of {name}", f"events of {name}", "in the last 360 days"),
        formula=f.saturating(column),
    )
