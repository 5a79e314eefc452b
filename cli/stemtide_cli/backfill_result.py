"""What a backfill says at its end."""

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from stemtide.calls import iso_of

from stemtide_cli.backfill_outcome import Done
from stemtide_cli.output import escape
from stemtide_cli.stack import Stack

SHOWN: Final = 5


def result_of(stack: Stack, done: Done, *, seconds: float) -> dict[str, Any]:
    """The result as scripts get it."""
    totals, told, facts = done.totals, done.told, done.facts
    common = iso_of(done.end_ms)
    instants = {account: iso_of(cutover.at_ms) for account, cutover in done.cutovers.items()}
    return {
        "usage_table": stack.tables["usage"],
        "data": list(done.names),
        "ignored": list(done.ignored),
        "dry_run": done.asked.dry_run,
        "resumed": done.resumed,
        "rows": totals.rows,
        "counted": done.calls,
        "left_to_stream": totals.later + totals.counted - done.calls,
        "refused": totals.refused,
        "rejected_file": done.rejected,
        "accounts": len(done.cutovers),
        "days": done.days,
        "cutover": common if instants else None,
        "other_cutovers": {account: at for account, at in instants.items() if at != common},
        "discarded": sum(cutover.between for cutover in done.cutovers.values()),
        "written": told.written,
        "replaced": told.replaced,
        "unchanged": told.unchanged,
        "repaired": done.repaired,
        "other_backfill": [list(entry) for entry in sorted(told.others)],
        "recomputed": len(set(told.for_archive)) - len(done.waiting),
        "recompute": [list(entry) for entry in done.waiting],
        "facts": {"new": facts.new, "known": facts.known, "refused": facts.refused},
        "seconds": round(seconds, 3),
        "rows_per_second": round(totals.rows / seconds) if seconds else 0,
    }


def show(console: Console, result: dict[str, Any]) -> None:
    """The result as people get it."""
    dry = result["dry_run"]
    console.print(
        f"{'would count' if dry else 'counted'} {result['counted']:,} of {result['rows']:,} rows:"
        f" {result['days']:,} days of {result['accounts']:,} accounts"
        f" ({result['seconds']:.1f} s, {result['rows_per_second']:,} rows/s)"
    )
    if result["cutover"]:
        console.print(f"before {result['cutover']} the backfill counts, from then on the stream")
    if others := result["other_cutovers"]:
        console.print(f"{len(others):,} accounts have another cutover: {_some(list(others.items()))}")
    if result["left_to_stream"]:
        console.print(f"{result['left_to_stream']:,} rows lie after it: left to the stream")
    if result["discarded"]:
        console.print(f"{result['discarded']:,} days that only the stream has before it are dropped")
    for reason, count in result["refused"].items():
        console.print(f"refused {count:,} rows: {reason}")
    facts = result["facts"]
    if facts["new"] or facts["known"]:
        console.print(f"{facts['new']:,} facts of subscriptions and accounts, {facts['known']:,} were known")
    for reason, count in facts["refused"].items():
        console.print(f"refused {count:,} facts: {reason}")
    if result["rejected_file"]:
        console.print(f"what was refused: {escape(result['rejected_file'])}")
    if not dry:
        _show_days(console, result)


def _show_days(console: Console, result: dict[str, Any]) -> None:
    console.print(
        f"{result['written']:,} days written ({result['replaced']:,} over what the stream had counted),"
        f" {result['unchanged']:,} were in"
    )
    if result["repaired"]:
        console.print(f"{result['repaired']:,} days that only the stream had now count by the backfill")
    if days := result["other_backfill"]:
        console.print(
            f"[bold red]{len(days):,} days hold another backfill[/] and are unchanged: {_some(days)}"
        )
        console.print("next: give all files of the export at once, or replace those days with --replace")
    if days := result["recompute"]:
        console.print(f"[bold red]{len(days):,} days wait for the archive[/]: {_some(days)}")
        console.print("next: `stemtide drain`, then run the same command again")


def shown(names: Sequence[str]) -> str:
    """Some of many names, in one line."""
    return f"{', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}"


def _some(entries: list[Any]) -> str:
    return shown([escape(" ".join(entry)) for entry in entries])
