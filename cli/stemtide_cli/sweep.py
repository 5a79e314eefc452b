"""`stemtide sweep`: every account, as of one instant."""

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from stemtide.as_of import as_of_text
from stemtide.store.sweeps import read_run

from stemtide_cli.command import Session
from stemtide_cli.executions import machine_of, run_machine
from stemtide_cli.instants import AS_OF, end_of_yesterday_ms
from stemtide_cli.output import escape
from stemtide_cli.stack import Stack


@AS_OF
def sweep(session: Session, as_of: int | None) -> bool:
    """Score every account as of the end of yesterday (UTC), or of --as-of, and wait for the end.

    The same run as the nightly one. Repeated for the same instant it changes nothing; an older instant never
    overwrites. Exit code 1: it failed; accounts scored by then keep their score.
    """
    stack = session.stack
    arn = machine_of(stack, "sweep")
    instant = as_of_text(end_of_yesterday_ms() if as_of is None else as_of)
    started = time.monotonic()
    with session.out.progress() as progress:
        ended, run = run_sweep(stack, arn, instant, progress)
    result = _result(stack, ended, run, instant, seconds=time.monotonic() - started)
    session.out.result(result, lambda console: _show(console, result))
    return bool(result["state"] == "succeeded")


def run_sweep(
    stack: Stack, arn: str, instant: str, progress: Callable[[str], None]
) -> tuple[dict[str, Any], str]:
    """Start an execution and wait for it: its description, and its name."""
    table = stack.table("ingest")

    def look(name: str) -> None:
        row = read_run(table, name)
        known = f"{row['accounts']} accounts in {row['batches']} batches" if row else "planning"
        progress(f"sweep as of {instant}: {known}")

    return run_machine(stack, arn, about=instant, given={"as_of": instant}, look=look)


def _result(stack: Stack, ended: dict[str, Any], run: str, instant: str, *, seconds: float) -> dict[str, Any]:
    row = read_run(stack.table("ingest"), run) or {}
    good = ended["status"] == "SUCCEEDED"
    counts = {
        name: int(row[name]) if name in row else None
        for name in ("accounts", "scored", "unchanged", "not_customers", "failed")
    }
    return {
        "state": "succeeded" if good else ended["status"].lower(),
        "run": run,
        "as_of": instant,
        "model_version": row.get("model_version"),
        **counts,
        "seconds": round(seconds, 3),
        "cause": None if good else str(row.get("cause") or ended.get("cause") or ended.get("error")),
    }


def _show(console: Console, result: dict[str, Any]) -> None:
    if result["state"] != "succeeded":
        console.print(f"[bold red]{result['state']}[/] as of {result['as_of']}: {escape(result['cause'])}")
        console.print("next: run it again (what is scored stays); the functions' logs have the details")
        return
    console.print(
        f"{result['accounts']:,} accounts as of {result['as_of']}: {result['scored']:,} scored, "
        f"{result['unchanged']:,} unchanged, {result['not_customers']:,} no customers, "
        f"{result['failed']:,} failed, by {result['model_version']}, in {result['seconds']:.1f} s"
    )
