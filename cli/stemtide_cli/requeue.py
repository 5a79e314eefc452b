"""`stemtide requeue`: what was given up, and putting it back."""

from datetime import datetime
from typing import Any

import click
from rich.console import Console
from stemtide import table_consumers
from stemtide.calls import iso_of
from stemtide.dead_letters import CONSUMERS
from stemtide.store.dead_letters import DeadRow, read_rows, read_waiting
from stemtide.store.ledger import AGGREGATE, ARCHIVE

from stemtide_cli.command import Session
from stemtide_cli.output import escape
from stemtide_cli.requeueing import Requeue, chosen
from stemtide_cli.sender import writer_to

ALL_CONSUMERS = (*CONSUMERS.values(), *(consumer.name for consumer in table_consumers.ALL))
WHY = {
    "RetryAttemptsExhausted": "its function kept failing on it",
    "MaximumRecordAgeExceeded": "it grew too old before its function had it",
}
RESTS_ON = {
    AGGREGATE: "its calls go into the stream again",
    ARCHIVE: "its records go into the archive",
}


@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--consumer", type=click.Choice(ALL_CONSUMERS), help="Only what this function gave up.")
@click.option(
    "--day",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    metavar="DAY",
    help="Only what was given up on this day.",
)
@click.option("--all", "every", is_flag=True, help="Put all that is listed back.")
def requeue(
    session: Session,
    ids: tuple[str, ...],
    consumer: str | None,
    day: datetime | None,
    every: bool,
) -> None:
    """List what a function gave up, or put it back: those named, or --all.

    Repair the cause first, or it is given up again. Calls go into the stream under the ids they had, records
    into the archive where they belong, changes of a table to their function.
    """
    table = session.stack.table("ingest")
    on = day.date().isoformat() if day else None
    rows = chosen(read_rows(table, day=on), ids) if ids else read_waiting(table, day=on)
    others = [row for row in rows if consumer not in (None, row.consumer)]
    if ids and others:
        raise click.UsageError(f"{others[0].id} was given up by {others[0].consumer}, not by {consumer}")
    rows = [row for row in rows if row not in others]
    if not ids and not every:
        listed = {"waiting": [_facts(row) for row in rows]}
        session.out.result(listed, lambda console: _show_list(console, rows))
        return
    work = Requeue(stack=session.stack, writer=writer_to(session.stack, session.out.say))
    with session.out.progress() as progress:
        for number, row in enumerate(rows, 1):
            progress(f"{number} of {len(rows)}: {row.id}")
            work.put_back(row)
    done = {"requeued": [_facts(row) for row in rows], "next": _next(rows)}
    session.out.result(done, lambda console: _show_done(console, done))


def _facts(row: DeadRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "consumer": row.consumer,
        "at": row.at,
        "reason": row.condition,
        "records": row.records,
        "calls": row.events,
        "arrived": [iso_of(ms) for ms in row.arrivals] if row.arrivals else None,
        "lane": row.lane,
        "key": row.key,
        "do": f"repair what /aws/lambda/…-{row.consumer} logs, then `stemtide requeue {row.id}`: "
        f"{RESTS_ON.get(row.consumer, 'its function gets it again')}",
    }


def _next(rows: list[DeadRow]) -> str | None:
    if not any(row.events for row in rows):
        return None
    return "`stemtide drain`; the next night's recompute counts it once, or now `stemtide recompute`"


def _show_list(console: Console, rows: list[DeadRow]) -> None:
    if not rows:
        console.print("nothing waits to be put back")
        return
    for row in rows:
        why = WHY.get(row.condition, row.condition)
        console.print(
            f"{row.at} [bold]{row.consumer}[/]: {row.records:,} records, {row.events:,} calls; {escape(why)}"
        )
        console.print(f"  {escape(row.id)}", soft_wrap=True)
        console.print(f"  next: {escape(str(_facts(row)['do']))}", soft_wrap=True)


def _show_done(console: Console, done: dict[str, Any]) -> None:
    rows = done["requeued"]
    console.print(f"put back: {len(rows)} payloads with {sum(row['calls'] for row in rows):,} calls")
    if done["next"]:
        console.print(f"next: {done['next']}")
