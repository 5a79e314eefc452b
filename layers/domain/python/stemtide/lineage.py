"""From a feature back to the events it is computed from, and from an event type to the features it feeds.

Nobody writes down what a feature reads: its formula is run on a view that takes note of what it is asked
for, so what is said here cannot go stale. What a counter counts is what the configuration says.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, Final, NamedTuple, cast

from stemtide.config_schema import Events, Signal
from stemtide.event_meaning import key_of
from stemtide.facts import standing_at
from stemtide.features.feature import Feature
from stemtide.features.history import history_of, is_feature
from stemtide.features.kernel import Row, batch_of
from stemtide.features.profile_columns import NO_BASIS
from stemtide.features.view import DAYS, View

EVERY_EVENT: Final = ("*",)
HISTORY: Final = "history"
"""What a feature reads that asks only since when the account is known."""
TRAITS: Final = "group"
TERMS: Final = "Subscription *"
TICKETS: Final = "Support Ticket *"
_ALL: Final = frozenset({"EVENTS", "USERS", "ACTIVE"})
"""What every event type adds to."""
_TYPES: Final = "TYPES"
_BY_OTHER_NAME: Final = {"COMMENTERS": Signal.COMMENT}
_SAID_BY: Final = {
    "SEATS": (TRAITS, TERMS),
    "MRR": (TRAITS, TERMS),
    "AGE_DAYS": (TRAITS, TERMS),
    "TENURE_DAYS": (TRAITS, TERMS),
    "DAYS_TO_RENEWAL": (TRAITS, TERMS),
    "TERM_MONTHS": (TERMS,),
    "UPGRADES": (TERMS,),
    "DOWNGRADES": (TERMS,),
    "LAST_RENEWAL": (TERMS,),
    "HEADROOM": (TERMS,),
    "MRR_CHANGE": (TERMS,),
    "TERM_NUMBER": (TERMS,),
    "TICKETS_30": (TICKETS,),
    "URGENT_TICKETS_30": (TICKETS,),
    "CSAT_30": (TICKETS,),
    "NPS": ("NPS Submitted",),
}
"""Which calls say a column of the profile, by its name in `view.Fact`."""


class Read(NamedTuple):
    """One thing that a formula asked its view for.

    `kind` and `of` name it: a `counter`, a `distinct` count or a `fact` (column of the profile), and which;
    `history` is the known days. `numbers` are those that were given, such as length and days back.
    """

    method: str
    kind: str
    of: str
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One thing that a feature is computed from.

    `kind` is `counter`, `distinct`, `fact` or `history`; `patterns` are the event types that feed it (globs,
    as configured), `signal` what those tell; `exact` is False where all event types are named because it is
    not known which of them feed it.
    """

    name: str
    kind: str
    reads: tuple[Read, ...]
    patterns: tuple[str, ...]
    signal: Signal | None = None
    exact: bool = True

    def matching(self, names: Iterable[str], events: Events) -> list[str]:
        """The event types among `names` that feed it."""
        if self.signal is not None:
            return [name for name in names if self.signal in events.classify(name)]
        if self.kind == "fact":
            return [name for name in names if _is_said(name, self.patterns)]
        if self.name.startswith(_TYPES.lower()):
            return [name for name in names if is_feature(name, events)]
        return list(names)


def inputs_of(feature: Feature, events: Events) -> list[Input]:
    """What a feature reads, in the order in which its formula does; the known days only if there is nothing
    else: every window is over known days."""
    found: dict[tuple[str, str], list[Read]] = {}
    for read in reads_of(feature.formula):
        found.setdefault((read.kind, read.of), []).append(read)
    known = found.pop((HISTORY, HISTORY), [])
    inputs = [_input(kind, of, tuple(reads), events) for (kind, of), reads in found.items()]
    return inputs or [Input(name=HISTORY, kind=HISTORY, reads=tuple(known), patterns=EVERY_EVENT)]


def reads_of(formula: Callable[[View], Any]) -> list[Read]:
    """What a formula asks its view for, each once."""
    view = _Recorder(_view_of_nobody())
    formula(cast("View", view))
    return list(dict.fromkeys(view.reads))


def feeds(name: str, features: Sequence[Feature], events: Events) -> list[tuple[Feature, list[Input]]]:
    """The features that an event type feeds, each with the inputs through which it does."""
    found = [
        (feature, [one for one in inputs_of(feature, events) if one.matching([name], events)])
        for feature in features
    ]
    return [(feature, inputs) for feature, inputs in found if inputs]


class _Recorder:
    """A view that notes what it is asked for, whatever methods a view has."""

    def __init__(self, view: View) -> None:
        self.reads: list[Read] = []
        self._view = view

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._view, name)
        if not callable(found):
            self.reads.append(Read(name, HISTORY, HISTORY))
            return found

        def noted(*args: Any, **named: Any) -> Any:
            given = [*args, *named.values()]
            numbers = tuple(one for one in given if type(one) is int)
            things = [(type(one).__name__.lower(), one.name) for one in given if isinstance(one, IntEnum)]
            for kind, of in things or [(HISTORY, HISTORY)]:
                self.reads.append(Read(name, kind, of, numbers))
            return found(*args, **named)

        return noted


def _view_of_nobody() -> View:
    """A real view, so that formulas run as they do; nobody's values come out."""
    row = Row(history_of("nobody", [], events=Events()), standing_at([], 0), DAYS)
    return View(batch_of([row], NO_BASIS))


def _input(kind: str, of: str, reads: tuple[Read, ...], events: Events) -> Input:
    made = partial(Input, name=of.lower(), kind=kind, reads=reads)
    if kind == "fact":
        said = _SAID_BY.get(of)
        return made(patterns=said or (TRAITS, TERMS), exact=said is not None)
    counted = re.sub(r"_\d.*", "", of)
    signal = signal_of(counted)
    if signal is not None:
        return made(patterns=tuple(getattr(events, key_of(signal))), signal=signal)
    return made(patterns=EVERY_EVENT, exact=counted in _ALL or counted == _TYPES)


def signal_of(counted: str) -> Signal | None:
    """The signal that a counter or distinct count is named after: `LOGINS`, `CORE_ACTIONS`."""
    if counted in _BY_OTHER_NAME:
        return _BY_OTHER_NAME[counted]
    named = counted.lower().removesuffix("s")
    return Signal(named) if named in set(Signal) else None


def _is_said(name: str, patterns: tuple[str, ...]) -> bool:
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns
    )
