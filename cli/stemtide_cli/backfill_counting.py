"""The files of events into the stage, one after the other; and whether what came of them can be meant."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stemtide import limits

from stemtide_cli import log_file
from stemtide_cli.backfill_days import put_in_order
from stemtide_cli.backfill_listing import ClientOf
from stemtide_cli.backfill_sources import Sources
from stemtide_cli.backfill_stage import Stage, Totals
from stemtide_cli.errors import CliError
from stemtide_cli.log import log_of
from stemtide_cli.mapping import Events

ORDERED: Final = "ordered"
KEYS: Final = {
    "timestamp": ("no_timestamp", "bad_timestamp", "in_the_future"),
    "account": ("no_account", "bad_account"),
    "event": ("no_event", "bad_event"),
    "weight": ("bad_weight",),
}
"""Keys of [events], and for which reasons rows are refused where the key names a wrong column."""
NEEDS: Final = {
    "timestamp": "timestamps, dates or ISO 8601 text, like 2026-01-31T12:00:00Z",
    "account": f"ids of at most {limits.MAX_ACCOUNT_ID_CHARS} letters, digits and . _ : @ -",
    "event": f"names of at most {limits.MAX_EVENT_NAME_CHARS} characters",
    "weight": f"whole numbers from 1 to {limits.MAX_WEIGHT:,}",
}


def count(
    sources: Sources,
    stage: Stage,
    *,
    events: Events,
    mapping_path: Path,
    client_of: ClientOf,
    progress: Callable[[str], None],
) -> bool:
    """Count every file that is not in yet and has content; whether there was something in.

    Raises:
        CliError: a file is unreadable, or a mapped column does not exist.
    """
    resumed = False
    for number, source in enumerate(sources.events):
        if stage.has(number):
            resumed = True
            continue
        progress(f"counting {source.name} ({number + 1} of {len(sources.events)})")
        with source.at_hand(stage.folder / "fetched", client_of) as path:
            if log_file.has_content(path):
                log = log_of(events, path, mapping_path, stage.folder / "tmp", is_part=True)
                stage.add(number, log, name=source.name)
    if stage.noted(ORDERED) is None:
        progress("putting accounts and days in order")
        put_in_order(stage.connection)
        stage.done(ORDERED)
    return resumed


def check(stage: Stage, *, events: Events, mapping_path: Path, say: Callable[[str], None]) -> None:
    """Tell what the files lack.

    Raises:
        CliError: they lack so much that the data or the mapping must be another one.
    """
    files, totals = len(stage.fingerprints()), stage.totals()
    if not files:
        raise CliError("the files of events are empty", hint="check --data")
    for column, lacking in stage.lacking().items():
        if column == events.user and lacking == files:
            raise CliError(
                f"{mapping_path}: `user` names the column {column!r}, which no file of events has",
                hint="name the column of the users, or leave `user` out if the log does not know them",
            )
        say(f"{lacking:,} of {files:,} files of events have no column {column!r}: it is empty there")
    if totals.refused and not totals.counted:
        rejected = stage.join_rejected()
        assert rejected is not None
        raise _nothing_counts(totals, rejected, events, mapping_path)


def _nothing_counts(totals: Totals, rejected: Path, events: Events, mapping_path: Path) -> CliError:
    why = ", ".join(f"{count:,} {reason}" for reason, count in totals.refused.items())
    most = max(totals.refused, key=lambda reason: totals.refused[reason])
    hint = f"the refused rows: {rejected}"
    if (key := key_of(most)) is not None:
        column = column_of(events, key)
        hint = (
            f"`{key}` of [events] in {mapping_path} names {column!r}, which has"
            f" {_example(rejected, most, column)}: it must have {NEEDS[key]}; {hint}"
        )
    return CliError(f"none of the {totals.rows:,} rows counts: {why}", hint=hint)


def key_of(reason: str) -> str | None:
    """The key of [events] that names a wrong column where all rows are refused for that reason."""
    return next((key for key, reasons in KEYS.items() if reason in reasons), None)


def column_of(events: Events, key: str) -> str:
    """The (first) column that a key names."""
    if key == "timestamp" and events.day is not None:
        return events.day.column
    return events.account_columns[0] if key == "account" else str(getattr(events, key))


def _example(rejected: Path, reason: str, column: str) -> str:
    with rejected.open() as lines:
        first = next(row for row in map(json.loads, lines) if row["reason"] == reason)
    value = first["values"].get(column)
    return "nothing" if value is None else repr(value)
