"""The sources of an account's features, as tables for people and rows for scripts."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from stemtide.as_of import as_of_text, parse_as_of
from stemtide.sources import Freshness

STATES = {True: "[green]fresh[/]", False: "[bold red]stale[/]", None: "-"}
UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def rows_of(states: Iterable[Freshness], *, as_of_ms: int) -> list[dict[str, Any]]:
    """Each source under the names that scripts read; `age_s` is null when nothing was heard of it."""
    return [
        {
            "source": state.source.value,
            "connected": state.connected,
            "last_seen": None if state.last_seen_ms is None else as_of_text(state.last_seen_ms),
            "age_s": None if state.last_seen_ms is None else (as_of_ms - state.last_seen_ms) // 1000,
            "limit_s": state.limit_s,
            "usual_s": state.usual_s,
            "fresh": state.fresh,
        }
        for state in states
    ]


def sources_table(rows: Iterable[Mapping[str, Any]], *, as_of_ms: int | None = None) -> Table:
    """The sources with their ages; `as_of_ms` counts the age where rows have none."""
    table = Table("source", "last heard of", "limit", "state", "known")
    for row in rows:
        age_s = row.get("age_s")
        if as_of_ms is not None and row["last_seen"] is not None:
            age_s = (as_of_ms - parse_as_of(row["last_seen"])) // 1000
        heard = "never" if age_s is None else f"{span(age_s)} before"
        share = row.get("completeness")
        state = STATES[row["fresh"]] if row["connected"] else "not connected"
        limit = span(row["limit_s"])
        if row.get("usual_s"):
            limit += f" + {span(row['usual_s'])} that are usual at this hour"
        table.add_row(row["source"], heard, limit, state, "" if share is None else f"{share:.0%}")
    return table


def span(seconds: int) -> str:
    """A time in the largest unit that it fills."""
    for unit, size in UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
