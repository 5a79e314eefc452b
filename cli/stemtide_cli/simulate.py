"""`stemtide simulate`: a made-up customer base as a log folder."""

import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console

from simulator.base import Plan
from simulator.writing import Written
from simulator.writing import simulate as write
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.output import escape

DAY = click.DateTime(formats=["%Y-%m-%d"])
DEFAULT_SEED = 7
DEFAULT_ACCOUNTS = 200
DEFAULT_DAYS = 365
MOST_ACCOUNTS = 100_000
MOST_DAYS = 3_650


@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write (made if absent; a simulated base in it is replaced).",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=DEFAULT_SEED,
    show_default=True,
    help="The same seed and options give the same bytes.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1, MOST_ACCOUNTS),
    default=DEFAULT_ACCOUNTS,
    show_default=True,
    help="How many customers; more of them begin with the same ones.",
)
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=DEFAULT_DAYS,
    show_default=True,
    help="UTC days that the log covers.",
)
@click.option("--end", type=DAY, metavar="DAY", help="Last UTC day of the log (default: yesterday).")
def simulate(
    session: Session, folder: Path, seed: int, accounts: int, days: int, end: datetime | None
) -> None:
    """Write a made-up customer base: demo and load material, never evidence of model quality.

    The folder holds events.parquet, subscriptions.csv, accounts.csv and truth.json (the hidden causes);
    replay it with `--mapping simulated`.
    """
    last = (end or datetime.now(UTC) - timedelta(days=1)).date()
    plan = Plan(seed=seed, accounts=accounts, days=days, end=last)
    started = time.monotonic()
    try:
        with session.out.progress() as progress:
            written = write(
                plan, folder, progress=lambda done: progress(f"simulated {done:,} of {accounts:,} accounts")
            )
    except OSError as error:
        raise CliError(f"{folder} cannot be written: {error}", hint="give --out a folder of yours") from error
    seconds = round(time.monotonic() - started, 3)
    result = {"folder": str(folder), "seed": seed, "days": days, "end": str(last), "seconds": seconds}
    session.out.result(
        result | asdict(written), lambda console: _show(console, folder, written, days, seconds)
    )


def _show(console: Console, folder: Path, written: Written, days: int, seconds: float) -> None:
    console.print(
        f"{written.accounts:,} accounts over {days:,} days, {written.left:,} of them left:"
        f" {written.rows:,} rows that stand for {written.events:,} events ({seconds:.1f} s)"
    )
    console.print(f"next: `stemtide replay --mapping simulated --data {escape(str(folder))}`")
