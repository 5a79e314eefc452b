"""`stemtide catalog` for people."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from stemtide_cli.output import escape

ACCOUNTS_SHOWN: Final = 5
NAMES_SHOWN: Final = 8
TYPES_SHOWN: Final = 12
NARROW: Final = 116
"""Width of a terminal below which the first day is left out."""
USERS: Final = {"exact": "{:,}", "estimate": "~{:,}", "at_least": "≥ {:,}"}
SEGMENTS: Final = {
    "power": "20 active days of 30 or more, 2 users or more",
    "regular": "10 active days or more",
    "light": "5 active days or more, or too new to tell",
    "at_risk": "fewer than 5 active days, or under half of its own events of the 30 days before",
}
EVERY: Final = "every event type"
EMPTY: Final = (
    "nothing was counted yet",
    "next: send events (docs/api.md), `stemtide replay` a log, or load the past with `stemtide backfill`; "
    "`stemtide status` tells what has arrived",
)


def show_catalog(console: Console, found: dict[str, Any]) -> None:
    """The whole catalogue."""
    rows = found["event_types"]
    if not rows:
        _show_nothing(console, found)
        return
    title = (
        f"{found['from']} to {found['to']}: {len(rows):,} event types, {found['events']:,} events, "
        f"{found['accounts']:,} accounts"
    )
    console.print(_types(rows, title, narrow=console.width < NARROW))
    _show_notes(console, found)
    _show_suggestions(console, found)
    _show_segments(console, found["segments"])


def show_feature(console: Console, found: dict[str, Any]) -> None:
    """A feature's lineage."""
    windows = ", ".join(f"{days} d" for days in found["windows"]) or "none: as of the last closed day"
    console.print(f"[bold]{found['feature']}[/] ({found['unit']}, windows {windows})")
    console.print(escape(found["meaning"]))
    table = Table("reads", "from", "event types that occur")
    table.add_column("events", justify="right")
    for one in found["inputs"]:
        table.add_row(*_input(one), *_occurring(one["event_types"]))
    console.print(table)


def show_event(console: Console, found: dict[str, Any]) -> None:
    """What an event type feeds: features that ask for its like first, then those that count all events."""
    counted = ", ".join(found["counts_as"]) or "nothing"
    console.print(
        f"[bold]{escape(found['event'])}[/]: {found['events']:,} events of {found['accounts']:,} accounts, "
        f"{found['first_seen']} to {found['last_seen']}"
    )
    console.print(f"looks like {found['looks_like']} ({escape(found['because'])}), counts as {counted}")
    if found["suggestion"]:
        console.print(f"suggested: {escape(found['suggestion']['line'])}")
    table = Table("feature", "label", "through")
    for feature in sorted(found["features"], key=_is_general):
        through = ", ".join(one["input"] for one in feature["through"])
        table.add_row(feature["feature"], escape(feature["label"]), through)
    console.print(table)


def _show_nothing(console: Console, found: dict[str, Any]) -> None:
    if found["items_read"] == 0:
        for line in EMPTY:
            console.print(line)
        return
    console.print("no usage in these days; without --from and --to all days are looked at")
    _show_segments(console, found["segments"])


def _types(rows: list[dict[str, Any]], title: str, *, narrow: bool) -> Table:
    table = Table(title=title, title_justify="left")
    weighed = any(row["calls"] not in (None, row["events"]) for row in rows)
    table.add_column("event", overflow="fold")
    for name in ("events", *(["calls"] if weighed else []), "accounts", "users"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("last seen",) if narrow else ("first seen", "last seen"):
        table.add_column(name, no_wrap=True)
    table.add_column("looks like", overflow="fold")
    table.add_column("counts as", overflow="fold")
    for row in rows:
        days = [row["last_seen"]] if narrow else [row["first_seen"], row["last_seen"]]
        table.add_row(escape(row["event"]), *_figures(row, weighed), *days, row["looks_like"], _counted(row))
    return table


def _figures(row: dict[str, Any], weighed: bool) -> list[str]:
    users = USERS.get(row["users_are"], "?").format(row["users"])
    calls = [] if not weighed else ["?" if row["calls"] is None else f"{row['calls']:,}"]
    return [f"{row['events']:,}", *calls, f"{row['accounts']:,}", users]


def _counted(row: dict[str, Any]) -> str:
    if row["counts_as"]:
        return ", ".join(row["counts_as"]).replace("_", " ")
    return "[yellow]suggested[/]" if row["suggestion"] else ""


def _show_notes(console: Console, found: dict[str, Any]) -> None:
    """What the signs before the users mean, as far as they occur."""
    rows = found["event_types"]
    kinds = {row["users_are"] for row in rows}
    if "estimate" in kinds:
        console.print(f"~ estimated users, standard error {found['users_standard_error']:.2%}")
    if "at_least" in kinds:
        console.print("≥ users that came through the stream: those of backfilled days are not known by event")
    if not found["users_read"]:
        console.print("? users were not asked for (--no-users)")
    elif any(row["users_are"] == "unknown" and row["backfilled"] == row["events"] for row in rows):
        console.print("? users unknown: only a backfill brought these events")
    elif "unknown" in kinds:
        console.print("? users unknown: the archive has no such call, or the row stands for many event types")
    names = found["not_counted_by_name"]
    if names:
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        console.print(
            "in the archive, but not counted by name (in `other`, not yet, or expired): "
            f"{escape(', '.join(names[:NAMES_SHOWN]))}{more}"
        )


def _show_suggestions(console: Console, found: dict[str, Any]) -> None:
    rows = [row for row in found["event_types"] if row["suggestion"]]
    if not rows:
        return
    table = Table(title=escape("suggested for [events] of stemtide.toml"), title_justify="left")
    for name in ("event", "line", "because"):
        table.add_column(name, overflow="fold")
    for row in rows:
        suggested = row["suggestion"]
        table.add_row(escape(row["event"]), escape(suggested["line"]), escape(suggested["because"]))
    console.print(table)
    console.print("all of them, to be pasted in place of these keys:")
    console.print(escape(found["suggested_configuration"]), soft_wrap=True)


def _show_segments(console: Console, found: dict[str, Any]) -> None:
    table = Table(
        title=f"{found['accounts']:,} accounts at the end of {found['as_of']}", title_justify="left"
    )
    table.add_column("segment")
    table.add_column("accounts", justify="right")
    table.add_column("share", justify="right")
    table.add_column("which")
    table.add_column("for example", overflow="fold")
    for one in found["segments"]:
        share = "-" if one["share"] is None else f"{one['share']:.1%}"
        shown = ", ".join(one["account_ids"][:ACCOUNTS_SHOWN])
        more = ", ..." if len(one["account_ids"]) > ACCOUNTS_SHOWN else ""
        which = SEGMENTS[one["segment"]]
        label = one["segment"].replace("_", " ")
        table.add_row(label, f"{one['accounts']:,}", share, which, escape(shown) + more)
    console.print(table)


def _input(one: dict[str, Any]) -> tuple[str, str]:
    patterns = EVERY if one["patterns"] == ["*"] else ", ".join(one["patterns"])
    told = f"{one['signal']}s: " if one["signal"] else ""
    doubt = "" if one["exact"] else " (some of)"
    return f"{one['input']} ({one['kind']})", escape(f"{told}{patterns or 'no pattern configured'}{doubt}")


def _occurring(types: list[dict[str, Any]]) -> tuple[str, str]:
    if not types:
        return "[yellow]none[/]", "0"
    shown = ", ".join(f"{one['event']} {one['events']:,}" for one in types[:TYPES_SHOWN])
    more = f" and {len(types) - TYPES_SHOWN:,} more" if len(types) > TYPES_SHOWN else ""
    return escape(shown) + more, f"{sum(one['events'] for one in types):,}"


def _is_general(feature: dict[str, Any]) -> bool:
    return all(one["patterns"] == ["*"] for one in feature["through"])
