"""`stemtide replay`: a log through the deployed stream."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from stemtide_cli import position, resuming
from stemtide_cli.backfill_counting import NEEDS, column_of, key_of
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.facts_log import open_facts
from stemtide_cli.log import Log, open_log
from stemtide_cli.mapping import Events, find_mapping, load_mapping
from stemtide_cli.position import Interval
from stemtide_cli.replaying import Replay, Summary
from stemtide_cli.sender import RESUME, StreamWriter, writer_to

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.option(
    "--mapping",
    "mapping_name",
    required=True,
    metavar="FILE|NAME",
    help="Which column is what: a TOML file, or crm, social, nova, oulad.",
)
@click.option(
    "--data",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The log's folder.",
)
@click.option(
    "--from", "first", type=DAY, metavar="DAY", help="First UTC day of the log to send (YYYY-MM-DD)."
)
@click.option("--until", "last", type=DAY, metavar="DAY", help="Last UTC day of the log to send (inclusive).")
@click.option("--limit", type=click.IntRange(min=1), help="Read at most this many further rows of events.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most this many rows a second.")
@click.option("--restart", is_flag=True, help="Forget the position: send again what was already sent.")
def replay(
    session: Session,
    mapping_name: str,
    folder: Path,
    first: datetime | None,
    last: datetime | None,
    limit: int | None,
    rate: float | None,
    restart: bool,
) -> None:
    """Send a log through the deployed stream, each row once.

    Subscriptions and accounts go first, where the mapping has the sections and the folder the files: each
    fact with the time it became known. The position moves only on what the stream has acknowledged: after
    an interruption of any kind run the same command again. Rows keep their message ids whatever part of
    the log is sent.
    """
    if first and last and last < first:
        raise click.UsageError("--until is before --from")
    mapping_path = find_mapping(mapping_name)
    mapping = load_mapping(mapping_path)
    home = session.stack_file.parent / "replay"
    session.out.say(f"reading the log in {folder}")
    log = open_log(mapping.events, folder=folder, mapping_path=mapping_path, spill=home / "tmp")
    if unusable := log.unusable():
        raise _nothing_to_send(log, unusable, mapping.events, mapping_path)
    facts = open_facts(mapping, folder=folder, mapping_path=mapping_path, spill=home / "tmp")
    for note in facts.notes:
        session.out.say(note)
    writer = writer_to(session.stack, session.out.say)
    path = home / f"{log.fingerprint}-{session.stack.event_stream}.json"
    begin = partial(_begin, session, writer, restart=restart, rate=rate)
    with resuming.alone(path):
        work = begin(log, path, digest=resuming.digest(mapping.events, log.properties))
        resumed = bool(work.at.covered or work.at.pending)
        told = Summary()
        try:
            with session.out.progress() as progress:
                if facts.log is not None:
                    beside = home / f"{facts.log.fingerprint}-{session.stack.event_stream}-facts.json"
                    digest = resuming.digest_of_facts(mapping, facts.log.properties)
                    telling = begin(facts.log, beside, digest=digest, facts=True)
                    told = telling.run(_wanted(first, last), limit=None, progress=progress)
                summary = work.run(_wanted(first, last), limit=limit, progress=progress)
        except KeyboardInterrupt:
            raise CliError(f"interrupted after {work.summary.sent:,} rows", hint=RESUME) from None
    session.out.result(
        _result(session, log, work, summary, resumed=resumed, told=told),
        lambda console: _show(console, work, summary, resumed=resumed, told=told),
    )


def _begin(
    session: Session,
    writer: StreamWriter,
    log: Log,
    path: Path,
    *,
    digest: str,
    restart: bool,
    rate: float | None,
    facts: bool = False,
) -> Replay:
    at = resuming.resume(
        path, incarnation=writer.open(), mapping=digest, restart=restart, say=session.out.say
    )
    return Replay(log=log, writer=writer, path=path, at=at, rate=rate, facts=facts)


def _nothing_to_send(log: Log, unusable: dict[str, int], events: Events, mapping_path: Path) -> CliError:
    why = ", ".join(f"{count:,} {reason}" for reason, count in unusable.items())
    hint = "`stemtide backfill --dry-run` with the same --mapping and --data writes them to a file"
    if (key := key_of(next(iter(unusable)))) is not None:
        needed = f"`{key}` of [events] in {mapping_path} names {column_of(events, key)!r}"
        hint = f"{needed}: it must have {NEEDS[key]}; {hint}"
    return CliError(f"no row of {log.path} can be sent: {why}", hint=hint)


def _wanted(first: datetime | None, last: datetime | None) -> Interval:
    """The keys of whole UTC days."""
    low = position.START if first is None else (_microseconds(first), 0)
    high = position.END if last is None else (_microseconds(last + timedelta(days=1)), 0)
    return low, high


def _microseconds(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp()) * 1_000_000


def _result(
    session: Session, log: Log, work: Replay, summary: Summary, *, resumed: bool, told: Summary
) -> dict[str, Any]:
    return {
        "stream": session.stack.event_stream,
        "log": str(log.path),
        "fingerprint": log.fingerprint,
        "resumed": resumed,
        "rows": summary.rows,
        "sent": summary.sent,
        "skipped": summary.skipped,
        "facts": {"sent": told.sent, "skipped": told.skipped},
        "records": summary.records,
        "requests": summary.requests,
        "retried_records": work.writer.retried,
        "seconds": round(summary.seconds, 3),
        "rows_per_second": summary.rows_per_second,
        "until": summary.until,
        "total_sent": work.at.sent,
        "total_skipped": work.at.skipped,
        "position": str(work.path),
    }


def _show(console: Console, work: Replay, summary: Summary, *, resumed: bool, told: Summary) -> None:
    speed = f"{summary.seconds:.1f} s, {summary.rows_per_second:,} rows/s"
    console.print(f"sent {summary.sent:,} rows in {summary.records:,} records ({speed})")
    for reason, count in sorted(summary.skipped.items()):
        console.print(f"skipped {count:,} rows: {reason}")
    if told.sent:
        console.print(f"and {told.sent:,} facts of subscriptions and accounts")
    for reason, count in sorted(told.skipped.items()):
        console.print(f"skipped {count:,} facts: {reason}")
    if resumed:
        console.print(f"with earlier runs: {work.at.sent:,} rows sent")
    if not summary.rows:
        console.print("nothing left to send in this range")
    console.print("next: `stemtide drain` waits until they are counted")
