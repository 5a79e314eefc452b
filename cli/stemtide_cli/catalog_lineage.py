"""`stemtide catalog --feature` and `--event`: what feeds what, on the event types that occur."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from stemtide.catalog import TypeCount, UsageTally
from stemtide.config_schema import Events
from stemtide.features.feature import Feature
from stemtide.features.registry import Registry, Shape, registry
from stemtide.lineage import Input, feeds, inputs_of

from stemtide_cli.catalog_result import counts_of, event_types
from stemtide_cli.errors import CliError

CLOSE = 0.5
"""How similar a name must be to be suggested (0 to 1)."""


def features_of(events: Events) -> Registry:
    """The features that everybody has, and those of the configured parts and meters."""
    return registry(Shape.of(events))


def known_feature(name: str, events: Events) -> Feature:
    """The feature of that name.

    Raises:
        CliError: there is none; names the nearest.
    """
    known = features_of(events).by_name
    if name not in known:
        hint = nearest(name, known) or "docs/features.md lists them all"
        raise CliError(f"there is no feature {name!r}", hint=hint)
    return known[name]


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
            {**_described(one), "event_types": counts_of(one.matching(types), types)}
            for one in inputs_of([feature], events)[0]
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
            for feature, inputs in feeds(name, features_of(events).features, events)
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
        "exact": one.exact,
    }
