"""`stemtide backfill`: an export of the past into the tables, on day one."""

import time
from datetime import datetime
from typing import Any

import click
from stemtide.as_of import day_index
from stemtide.calls import DAY_MS, iso_of, timestamp_ms

from stemtide_cli.backfill_outcome import Asked
from stemtide_cli.backfill_result import result_of, show
from stemtide_cli.backfill_steps import Steps
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.instants import now_ms
from stemtide_cli.log import readable
from stemtide_cli.mapping import find_mapping, load_mapping

DAY = click.DateTime(formats=["%Y-%m-%d"])
RESUME = "run the same command again: it goes on where this run has ended"


class Instant(click.ParamType):
    """A UTC date (its beginning) or an ISO instant, as epoch milliseconds; not in the future."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The instant."""
        if isinstance(value, int):
            return value
        try:
            instant = timestamp_ms(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)")
        if instant > now_ms():
            self.fail(f"{iso_of(instant)} is yet to come: until then nobody would count")
        return instant


@click.option(
    "--mapping",
    "mapping_name",
    required=True,
    metavar="FILE|NAME",
    help="Which column is what: a TOML file, or crm, social, nova, oulad.",
)
@click.option(
    "--data",
    required=True,
    multiple=True,
    metavar="DIR|FILE|S3-URI",
    help="A folder, a file or s3://bucket/prefix; may be given several times.",
)
@click.option(
    "--cutover",
    type=Instant(),
    metavar="INSTANT",
    help="Before it the backfill counts, from it on the stream (default: where the data ends).",
)
@click.option("--until", "last", type=DAY, metavar="DAY", help="Last UTC day to load (inclusive).")
@click.option("--replace", is_flag=True, help="Replace days that hold another backfill.")
@click.option(
    "--discard-streamed",
    "discard",
    is_flag=True,
    help="Drop what the stream has counted between the data's end and the cutover.",
)
@click.option("--dry-run", is_flag=True, help="Read and count everything, write nothing.")
def backfill(
    session: Session,
    mapping_name: str,
    data: tuple[str, ...],
    cutover: int | None,
    last: datetime | None,
    replace: bool,
    discard: bool,
    dry_run: bool,
) -> bool:
    """Load an export of the past straight into the tables: Parquet, CSV or JSON lines, here or in S3.

    The same usage as the stream makes of the same rows, and the facts that a replay would send. An account
    has one cutover instant: before it the backfill counts, from it on the stream, whatever it brings.
    Rows that the stream would refuse are written to a file, with the reasons.

    After an interruption of any kind run the same command again. Exit code 1: a day holds another backfill,
    or waits for a recompute; nothing counts; or the stream's calls would be lost.
    """
    asked = _asked(cutover, last, replace=replace, discard=discard, dry_run=dry_run)
    mapping_path = find_mapping(mapping_name)
    steps = Steps(
        stack=session.stack,
        home=session.stack_file.parent / "backfill",
        mapping=load_mapping(mapping_path),
        mapping_path=mapping_path,
        say=session.out.say,
    )
    started = time.monotonic()
    try:
        with session.out.progress() as progress, readable(steps.home):
            done = steps.run(data, asked, progress)
    except KeyboardInterrupt:
        raise CliError("interrupted", hint=RESUME) from None
    result = result_of(session.stack, done, seconds=time.monotonic() - started)
    session.out.result(result, lambda console: show(console, result))
    return not (result["other_backfill"] or result["recompute"])


def _asked(
    cutover: int | None, last: datetime | None, *, replace: bool, discard: bool, dry_run: bool
) -> Asked:
    end = None if last is None else (day_index(last.date()) + 1) * DAY_MS
    if cutover is not None and end is not None and end < cutover:
        raise click.UsageError(f"--until ends before {iso_of(cutover)}: in between nobody would count")
    return Asked(
        cutover_ms=cutover,
        until_ms=end,
        replace=replace,
        discard=discard,
        dry_run=dry_run,
        now_ms=now_ms(),
    )
