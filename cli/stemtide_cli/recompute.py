"""`stemtide recompute`: usage set right by the archive, for the days on which records arrived."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Console
from stemtide.recompute_plan import COUNTED
from stemtide.store.recomputes import read_run, read_tasks

from stemtide_cli.command import Session
from stemtide_cli.executions import machine_of, run_machine
from stemtide_cli.output import escape
from stemtide_cli.stack import Stack

DAY = click.DateTime(formats=["%Y-%m-%d"])
FIRST = click.option("--from", "first", type=DAY, metavar="DAY", help="First arrival day, UTC.")
LAST = click.option("--to", "last", type=DAY, metavar="DAY", help="Last arrival day, inclusive.")
ACCOUNT = click.option("--account", metavar="ACCOUNT", help="Only this account.")
NEXT = (
    "`stemtide drain`, then run it again; records that the archive gave up come first: "
    "`stemtide requeue --consumer archive --all`"
)


@FIRST
@LAST
@ACCOUNT
def recompute(session: Session, first: datetime | None, last: datetime | None, account: str | None) -> bool:
    """Set usage right by the archive for records that arrived yesterday and today (UTC), or --from to --to.

    The same as the nightly run: what producers repeated beyond the recent ids is taken back, what a consumer
    gave up is counted. Repeated it changes nothing.
    Exit code 1: items stay as they are, because the archive does not have what they count; or it failed.
    """
    today = datetime.now(UTC).date()
    start = first.date() if first else (last.date() if last else today - timedelta(days=1))
    end = last.date() if last else today
    if end < start:
        raise click.UsageError("--to is before --from")
    given = {"from": start.isoformat(), "to": end.isoformat(), "account": account}
    with session.out.progress() as progress:
        result = run_recompute(session.stack, given, progress)
    session.out.result(result, lambda console: show(console, result))
    return bool(result["state"] == "succeeded")


def run_recompute(stack: Stack, given: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    """Run the stack's state machine to its end; what became of it, as scripts read it."""
    arn, table = machine_of(stack, "recompute"), stack.table("ingest")
    started = time.monotonic()

    def look(name: str) -> None:
        row = read_run(table, name)
        done = len(read_tasks(table, name)) if row else 0
        progress(f"recompute: {done} of {row['tasks']} tasks" if row else "recompute: planning")

    about = f"{given['from'] or 'start'}-{given['to'] or 'end'}"
    ended, name = run_machine(stack, arn, about=about, given=given, look=look)
    row = read_run(table, name) or {}
    good = ended["status"] == "SUCCEEDED"
    return {
        "state": "succeeded" if good else ended["status"].lower(),
        "run": name,
        "from": row.get("first", given["from"]),
        "to": row.get("last", given["to"]),
        "account": given["account"],
        **{count: int(row.get(count, 0)) for count in COUNTED},
        "seconds": round(time.monotonic() - started, 3),
        "cause": None if good else str(row.get("cause") or ended.get("cause") or ended.get("error")),
        "next": None if good else NEXT,
    }


def show(console: Console, result: dict[str, Any]) -> None:
    """The result for people."""
    of = f" of {result['account']}" if result["account"] else ""
    days = f"{result['from']} to {result['to']}" if result["from"] else "nothing archived"
    console.print(
        f"arrived {days}{escape(of)}: {result['checked']:,} items checked, "
        f"{result['corrected']:,} corrected, "
        f"{result['calls_removed']:,} calls removed, {result['calls_added']:,} added, "
        f"{result['lagging']:,} lagging, {result['postponed']:,} postponed, in {result['seconds']:.1f} s"
    )
    if result["state"] != "succeeded":
        console.print(f"[bold red]{result['state']}[/]: {escape(result['cause'])}")
        console.print(f"next: {result['next']}")
