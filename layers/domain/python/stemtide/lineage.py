"""From a feature back to the events it is computed from, and from an event type to the features it feeds.

Nobody writes down what a feature reads: its formula is run on accounts that were made up, once as they are
and once for each column of what formulas are given with other values in it. What changes the feature is what
it reads, so what is said here cannot go stale. What a column counts is what the configuration says.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Final, NamedTuple

import numpy as np

from stemtide.calls import is_told
from stemtide.config_schema import Events, Signal
from stemtide.event_meaning import key_of
from stemtide.facts import KIND_OF, NPS_KIND, OF_SUBSCRIPTIONS, TICKET_KIND, standing_at
from stemtide.features.cohorts import AGE_EDGES, QUANTILES, Cohorts
from stemtide.features.configured_features import Shape
from stemtide.features.feature import Feature
from stemtide.features.formulas import Formula
from stemtide.features.history import Counter, is_feature
from stemtide.features.kernel import Row, batch_of, no_history
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import NAMES
from stemtide.features.usage_at import DAYS, Distinct
from stemtide.features.view import Batch, Fact, Floats, View
from stemtide.limits import LONG_DAYS

ROWS: Final = 256
"""Made-up accounts: enough for each to differ in whatever a formula may ask about."""
LARGEST: Final = 40
"""Of a day's counters and of distinct counts; small, so that comparisons fall either way."""
LARGEST_FACT: Final = 1_000
EVERY_EVENT: Final = ("*",)
TRAITS: Final = "group"
TERMS: Final = tuple(name for name, kind in KIND_OF.items() if kind in OF_SUBSCRIPTIONS)
TICKETS: Final = tuple(name for name, kind in KIND_OF.items() if kind == TICKET_KIND)
SURVEYS: Final = tuple(name for name, kind in KIND_OF.items() if kind == NPS_KIND)
_TYPES: Final = "TYPES"
_USE: Final = frozenset({"EVENTS", "ACTIVE", "CONCENTRATION", "MIX_SHIFT"})
"""What every event type adds to but those that systems tell."""
_ALL: Final = frozenset({"USERS", "TOP_USER_DAYS", "CHAMPION_AWAY"})
"""What every event type adds to."""
_COMMENTERS: Final = "COMMENTERS"
_SAID_BY: Final = {
    "SEATS": (TRAITS, *TERMS),
    "MRR": (TRAITS, *TERMS),
    "AGE_DAYS": (TRAITS, *TERMS),
    "TENURE_DAYS": (TRAITS, *TERMS),
    "DAYS_TO_RENEWAL": (TRAITS, *TERMS),
    "TERM_MONTHS": TERMS,
    "UPGRADES": TERMS,
    "DOWNGRADES": TERMS,
    "LAST_RENEWAL": TERMS,
    "HEADROOM": TERMS,
    "PRICE_STEP": TERMS,
    "MRR_CHANGE": TERMS,
    "TERM_NUMBER": TERMS,
    "TICKETS_30": TICKETS,
    "URGENT_TICKETS_30": TICKETS,
    "CSAT_30": TICKETS,
    "SENTIMENT_30": TICKETS,
    "SENTIMENT_TREND": TICKETS,
    "NPS": SURVEYS,
    "DISCOUNT": (TRAITS, *TERMS),
    "SEATS_LIMIT": (TRAITS, *TERMS),
    "API_LIMIT": (TRAITS, *TERMS),
}
"""Which calls say a column of the profile, by its name in `view.Fact`."""


class Column(NamedTuple):
    """A column of what formulas are given: of a `counter`, a `distinct` count or a `fact` of the profile, by
    its place; `history` is the number of known days."""

    kind: str
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One thing that a feature is computed from.

    `kind` is `counter`, `distinct`, `fact`, `part` or `meter` (as configured), or `history`. `patterns` are
    the event types that feed it (globs, as configured), `signal` what those tell, `matches` whether an event
    type does. `exact` is False where all are named because nobody has said which do.
    """

    name: str
    kind: str
    patterns: tuple[str, ...]
    matches: Callable[[str], bool]
    signal: Signal | None = None
    exact: bool = True

    def matching(self, names: Iterable[str]) -> list[str]:
        """The event types among `names` that feed it."""
        return [name for name in names if self.matches(name)]


def inputs_of(features: Sequence[Feature], events: Events) -> list[list[Input]]:
    """What each of the features reads; the known days only if it reads nothing else, as every window is
    over known days."""
    found = columns_read(tuple(feature.formula for feature in features), Shape.of(events))
    return [
        [_input(column, events) for column in columns if len(columns) == 1 or column.kind != "history"]
        for columns in found
    ]


def feeds(name: str, features: Sequence[Feature], events: Events) -> list[tuple[Feature, list[Input]]]:
    """The features that an event type feeds, each with the inputs through which it does."""
    found = [
        (feature, [one for one in inputs if one.matches(name)])
        for feature, inputs in zip(features, inputs_of(features, events), strict=True)
    ]
    return [(feature, inputs) for feature, inputs in found if inputs]


@lru_cache(maxsize=8)
def columns_read(formulas: tuple[Formula, ...], shape: Shape) -> list[list[Column]]:
    """The columns that change what each formula says of the made-up accounts."""
    batch, other = _made_up(shape, seed=1), _made_up(shape, seed=2)
    before = _values(formulas, batch)
    found: list[list[Column]] = [[] for _ in formulas]
    for column, changed in _with_one_changed(batch, other):
        for columns, old, new in zip(found, before, _values(formulas, changed), strict=True):
            if not np.array_equal(old, new, equal_nan=True):
                columns.append(column)
    return found


def _values(formulas: Sequence[Formula], batch: Batch) -> list[Floats]:
    """What the formulas say, with a table of cohorts for those that rank."""
    spread = np.geomspace(
        LARGEST / 1e4, LARGEST * 1e4, QUANTILES
    )  # sums of days as well as shares lie within
    tables = [(spread * (1 + age)).tolist() for age in range(len(AGE_EDGES) + 1)]
    cohorts = Cohorts(
        values={name: tuple(map(tuple, tables)) for name in NAMES},
        everyone={name: tuple(tables[0]) for name in NAMES},
    )
    view = View(batch, cohorts)
    return [formula(view) for formula in formulas]


def _made_up(shape: Shape, *, seed: int) -> Batch:
    """Accounts of all sorts: with and without use of each counter, long known and new, facts unknown too."""
    nobody = Row(no_history(shape), standing_at([], 0), DAYS)
    like = batch_of([nobody], Basis(shape=shape))
    random = np.random.default_rng(seed)

    def counts(given: Floats) -> Floats:
        size = (ROWS, *given.shape[1:])
        used = random.random((*size[:2], 1)) < 2 / 3
        return (random.integers(0, LARGEST, size) * used * (random.random(size) < 2 / 3)).astype(np.float64)

    facts = random.integers(-LARGEST_FACT // 5, LARGEST_FACT, (ROWS, like.facts.shape[1])).astype(np.float64)
    facts[random.random(facts.shape) < 1 / 8] = np.nan
    known = random.integers(0, 2 * LONG_DAYS, ROWS).clip(max=LONG_DAYS).astype(np.float64)
    distinct = random.integers(0, LARGEST, (ROWS, like.distinct.shape[1])).astype(np.float64)
    return Batch(
        block=counts(like.block), long=counts(like.long), known=known, distinct=distinct, facts=facts
    )


def _with_one_changed(batch: Batch, other: Batch) -> Iterator[tuple[Column, Batch]]:
    """The batch with one column at a time as the other one has it."""
    for place in range(batch.block.shape[1]):
        both = {name: _mixed(getattr(batch, name), getattr(other, name), place) for name in ("block", "long")}
        yield Column("counter", place), replace(batch, **both)
    for place in range(batch.distinct.shape[1]):
        mixed = _mixed(batch.distinct, other.distinct, place)
        yield Column("distinct", place), replace(batch, distinct=mixed)
    for place in range(batch.facts.shape[1]):
        yield Column("fact", place), replace(batch, facts=_mixed(batch.facts, other.facts, place))
    yield Column("history", 0), replace(batch, known=other.known)


def _mixed(first: Floats, second: Floats, place: int) -> Floats:
    mixed = first.copy()
    mixed[:, place] = second[:, place]
    return mixed


def _input(column: Column, events: Events) -> Input:
    if column.kind == "history":
        return Input(name="history", kind="history", patterns=EVERY_EVENT, matches=_any)
    if column.kind == "fact":
        return _of_profile(column.place, events)
    if column.kind == "counter" and column.place >= len(Counter):
        return _of_group(column.place - len(Counter), events)
    of = Distinct(column.place) if column.kind == "distinct" else Counter(column.place)
    made = partial(Input, name=of.name.lower(), kind=column.kind)
    counted = re.sub(r"_\d.*", "", of.name)
    signal = signal_of(counted)
    if signal is not None:
        patterns = tuple(getattr(events, key_of(signal)))
        return made(patterns=patterns, signal=signal, matches=lambda name: signal in events.classify(name))
    if counted == _TYPES:
        return _of_parts(made, events)
    if counted in _USE:
        return made(patterns=EVERY_EVENT, matches=_is_use)
    return made(patterns=EVERY_EVENT, matches=_any, exact=counted in _ALL)


def _of_profile(place: int, events: Events) -> Input:
    """A column of the profile; behind `Fact` come the limits of the configured meters."""
    if place >= len(Fact):
        name, said = f"{events.meters[place - len(Fact)].name}_limit", (TRAITS, *TERMS)
        return Input(name=name, kind="fact", patterns=said, matches=said.__contains__)
    of = Fact(place).name
    patterns = _SAID_BY.get(of, (TRAITS, *TERMS))
    known = of in _SAID_BY
    return Input(name=of.lower(), kind="fact", patterns=patterns, matches=patterns.__contains__, exact=known)


def _of_group(place: int, events: Events) -> Input:
    """The counter of a configured part of the product or, behind those, of a meter."""
    parts = len(events.features)
    if place < parts:
        part = events.features[place]
        made = partial(Input, name=part.name, kind="part", patterns=part.events)
        return made(matches=lambda name: place in events.parts(name))
    meter = events.meters[place - parts]
    made = partial(Input, name=meter.name, kind="meter", patterns=meter.events)
    return made(matches=lambda name: place - parts in events.metered(name))


def _of_parts(made: Callable[..., Input], events: Events) -> Input:
    """Distinct parts of the product: as configured, else each event type that stands for one."""
    if not events.features:
        return made(patterns=EVERY_EVENT, matches=lambda name: is_feature(name, events))
    patterns = tuple(pattern for group in events.features for pattern in group.events)
    return made(patterns=patterns, matches=lambda name: bool(events.parts(name)))


def signal_of(counted: str) -> Signal | None:
    """The signal that a counter or distinct count is named after: `LOGINS`, `CORE_ACTIONS`."""
    if counted == _COMMENTERS:
        return Signal.COMMENT
    named = counted.lower().removesuffix("s")
    return Signal(named) if named in set(Signal) else None


def _is_use(name: str) -> bool:
    return not is_told(name)


def _any(_: str) -> bool:
    return True
