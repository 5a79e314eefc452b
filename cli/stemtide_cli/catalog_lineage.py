"""`stemtide catalog --feature` and `--event`: what feeds what, on the event types that occur."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from stemtide.catalog import TypeCount, UsageTally
from stemtide.config_schema import Events
from stemtide.features.feature import Feature
from stemtide.features.registry import BY_NAME, FEATURES
from stemtide.lineage import Input, Read, feeds, inputs_of

from stemtide_cli.catalog_result import counts_of, event_types
from stemtide_cli.errors import CliError

CLOSE = 0.5
"""How similar a name must be to be suggested (0 to 1)."""


def known_feature(name: str) -> Feature:
    """The feature of that name.

    Raises:
        CliError: there is none; names the nearest.
    """
    if name not in BY_NAME:
        hint = nearest(name, BY_NAME) or "docs/features.md lists them all"
        raise CliError(f"there is no feature {name!r}", hint=hint)
    return BY_NAME[name]


def feature_lineage(feature: Feature, types: dict[str, TypeCount], events: Events) -> dict[str, Any]:
    """From a feature back to the event types that occur."""
    return {
        "feature": feature.name,
        "label": feature.label,
        "meaning": feature.meaning,
        "unit": feature.unit,
        "windows": list(feature.windows),
        "source": feature.source,
        "version": feature.version,
        "inputs": [
            {**_described(one), "event_types": counts_of(one.matching(types, events), types)}
            for one in inputs_of(feature, events)
        ],
    }


def event_lineage(name: str, tally: UsageTally, events: Events) -> dict[str, Any]:
    """The features that an event type feeds.

    Raises:
        CliError: no event has this name; names the nearest.
    """
    rows, _ = event_types(tally, None, events)
    row = next((row for row in rows if row["event"] == name), None)
    if row is None:
        hint = nearest(name, [row["event"] for row in rows]) or "`stemtide catalog` lists what has come"
        raise CliError(f"no event {name!r} was counted in these days", hint=hint)
    shown = {key: value for key, value in row.items() if key not in ("users", "users_are")}
    return {
        **shown,
        "features": [
            {"feature": feature.name, "label": feature.label, "through": [_described(one) for one in inputs]}
            for feature, inputs in feeds(name, FEATURES, events)
        ],
    }


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The question whether one of the known names was meant; None if none is near."""
    by_folded = {one.casefold(): one for one in known}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=CLOSE)
    return f"did you mean {by_folded[found[0]]!r}?" if found else None


def _described(one: Input) -> dict[str, Any]:
    return {
        "input": one.name,
        "kind": one.kind,
        "signal": None if one.signal is None else one.signal.value,
        "patterns": list(one.patterns),
        "reads": [_words(read) for read in one.reads],
        "exact": one.exact,
    }


def _words(read: Read) -> str:
    """`total 7, 7`: the method of the features' view and its numbers (length and days back)."""
    return " ".join([read.method, ", ".join(map(str, read.numbers))]).strip()
