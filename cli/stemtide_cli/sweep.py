"""`stemtide sweep`: every account, as of one instant."""

import time
from collections.abc import Callable
from typing import Any

import click
import msgspec
from rich.console import Console
from stemtide.as_of import as_of_text
from stemtide.config_sweep import Check
from stemtide.store.sweeps import EXTRACT, SCORE, read_batches, read_run
from stemtide.sweep import COUNTED
from stemtide.sweep_log import Stage, stages_in, tree

from stemtide_cli.command import Session
from stemtide_cli.executions import machine_of, run_machine
from stemtide_cli.instants import AS_OF, end_of_yesterday_ms
from stemtide_cli.output import escape
from stemtide_cli.stack import Stack


@AS_OF
@click.option(
    "--ignore-gate",
    "ignored",
    type=click.Choice([check.value for check in Check]),
    multiple=True,
    help="Score although this check is not met; the run and its scores say so. May be given several times.",
)
def sweep(session: Session, as_of: int | None, ignored: tuple[str, ...]) -> bool:
    """Score every account as of the end of yesterday (UTC), or of --as-of, and wait for the end.

    The same run as the nightly one, behind the same quality gate. Repeated for the same instant it changes
    nothing; an older instant never overwrites. Exit code 1: it failed, or the gate tripped and nothing was
    scored; accounts scored by then keep their score.
    """
    stack = session.stack
    arn = machine_of(stack, "sweep")
    instant = as_of_text(end_of_yesterday_ms() if as_of is None else as_of)
    started = time.monotonic()
    with session.out.progress() as progress:
        ended, run = run_sweep(stack, arn, instant, progress, ignored=ignored)
    result = _result(stack, ended, run, instant, seconds=time.monotonic() - started)
    session.out.result(result, lambda console: _show(console, result))
    return bool(result["state"] == "succeeded")


def run_sweep(
    stack: Stack, arn: str, instant: str, progress: Callable[[str], None], *, ignored: tuple[str, ...] = ()
) -> tuple[dict[str, Any], str]:
    """Start an execution and wait for it: its description, and its name."""
    table = stack.table("ingest")

    def look(name: str) -> None:
        progress(f"sweep as of {instant}: {_where(table, name)}")

    given = {"as_of": instant, **({"ignore_gates": list(ignored)} if ignored else {})}
    return run_machine(stack, arn, about=instant, given=given, look=look)


def _where(table: Any, run: str) -> str:
    """How far a run has come, in words."""
    row = read_run(table, run)
    if row is None:
        return "planning"
    passed = len(stages_in(row)) > 1
    done = len(read_batches(table, run, SCORE if passed else EXTRACT))
    step = "scored" if passed else "extracted"
    return f"{row['accounts']} accounts, {done} of {row['batches']} batches {step}"


def _result(stack: Stack, ended: dict[str, Any], run: str, instant: str, *, seconds: float) -> dict[str, Any]:
    row = read_run(stack.table("ingest"), run) or {}
    good = ended["status"] == "SUCCEEDED"
    failed = ended["status"].lower()
    return {
        "state": "succeeded" if good else "aborted" if row.get("state") == "aborted" else failed,
        "run": run,
        "as_of": instant,
        "model_version": row.get("model_version"),
        "refused_model": row.get("refused_model"),
        **counts_of(row),
        "seconds": round(seconds, 3),
        "stages": msgspec.to_builtins(stages_in(row)),
        "ignored_gates": list(row.get("ignored_gates", [])),
        "cause": None if good else str(row.get("cause") or ended.get("cause") or ended.get("error")),
    }


def counts_of(row: dict[str, Any]) -> dict[str, int | None]:
    """The counts of a run's log row, null for those that it has not come to."""
    names = ("accounts", *COUNTED, "at_risk")
    return {name: int(row[name]) if name in row else None for name in names}


def show_stages(console: Console, result: dict[str, Any]) -> None:
    """The tree of a run's stages."""
    for line in tree(msgspec.convert(result["stages"], type=list[Stage])):
        console.print(f"  {escape(line)}", highlight=False)


def _show(console: Console, result: dict[str, Any]) -> None:
    console.print(
        f"run {result['run']} as of {result['as_of']}, by {result['model_version'] or 'nobody yet'}"
    )
    show_stages(console, result)
    if result["refused_model"]:
        console.print(f"[bold yellow]a model is refused:[/] {escape(result['refused_model'])}")
    if result["ignored_gates"]:
        console.print(f"[bold yellow]ignored by request:[/] {', '.join(result['ignored_gates'])}")
    if result["state"] == "aborted":
        console.print(f"[bold red]aborted, nothing was scored:[/] {escape(result['cause'])}")
        console.print(
            "next: repair the source and run it again, or score all the same with --ignore-gate NAME "
            "(docs/operations.md)"
        )
        return
    if result["state"] != "succeeded":
        console.print(f"[bold red]{result['state']}:[/] {escape(result['cause'])}")
        console.print("next: run it again (what is scored stays); the functions' logs have the details")
        return
    console.print(
        f"{result['accounts']:,} accounts: {result['scored']:,} scored, {result['unchanged']:,} unchanged, "
        f"{result['not_customers']:,} no customers, {result['failed']:,} failed, {result['at_risk'] or 0:,} "
        f"at risk, in {result['seconds']:.1f} s"
    )
