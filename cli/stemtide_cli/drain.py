"""`stemtide drain`: wait until everything in flight has been worked off."""

from typing import Any

import click
from rich.console import Console

from stemtide_cli.command import Session
from stemtide_cli.consumers import read_consumers
from stemtide_cli.draining import Drain, Look, look_at
from stemtide_cli.parked import PARKING_QUEUES
from stemtide_cli.table_streams import Reader


@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait before saying what is stuck.",
)
def drain(session: Session, timeout: float) -> bool:
    """Wait until everything in flight is worked off.

    That is: both consumers have accounted for every record of the stream, the consumers of the tables have
    seen every change, and every drop of use of the last hour has its score. Then what came in must equal
    what was applied, duplicate, quarantined, forwarded or given up.
    Exit code 1: something is stuck, or the counters do not balance.
    """
    stack = session.stack
    changes = Reader(stack=stack)
    work = Drain(look=lambda: look_at(stack, changes), timeout_s=timeout)
    with session.out.progress() as progress:
        look, stuck = work.run(progress)
    if look is None:
        session.out.error(f"not drained after {timeout:g} s: waiting for {stuck[0]}", "run `stemtide doctor`")
        return False
    result = _result(look, stuck, seconds=work.seconds)
    if stuck:
        result["consumers"] = read_consumers(stack)
    session.out.result(result, lambda console: _show(console, result))
    return bool(result["drained"] and result["balanced"])


def _result(look: Look, stuck: list[str], *, seconds: float) -> dict[str, Any]:
    return {
        "drained": not stuck,
        "balanced": look.counters.unbalanced == 0,
        "unbalanced": look.counters.unbalanced,
        "seconds": round(seconds, 3),
        "counters": look.counters.public(),
        "stuck": stuck,
        "first_waiting": {
            f"{lag.consumer} {lag.shard}": lag.first_waiting for lag in look.lags if lag.first_waiting
        },
        "dead_letters": look.dead_letters.waiting,
        "parked": {role: count for role, count in look.queues.items() if role in PARKING_QUEUES and count},
    }


def _show(console: Console, result: dict[str, Any]) -> None:
    counters = ", ".join(f"{name} {count:,}" for name, count in result["counters"].items())
    if result["drained"]:
        console.print(f"drained in {result['seconds']:.1f} s: {counters}")
    else:
        console.print(f"[bold red]stuck[/] after {result['seconds']:.0f} s: {counters}")
    for problem in result["stuck"]:
        console.print(f"  waiting for {problem}")
    for consumer in result.get("consumers", []):
        console.print(
            f"  {consumer['function']}: {consumer['state']}, last result: {consumer['last_result']}"
        )
    if result["stuck"]:
        console.print("next: `stemtide doctor`; the function's log says what it fails on")
    if not result["balanced"]:
        console.print(
            f"[bold red]{result['unbalanced']:,} calls do not balance[/]: `stemtide status` shows the shards"
        )
    if result["dead_letters"]:
        console.print(f"{result['dead_letters']} payloads lie in the dead letters: `stemtide requeue`")
    for role, count in result["parked"].items():
        console.print(f"{count} messages wait in the queue {role}")
