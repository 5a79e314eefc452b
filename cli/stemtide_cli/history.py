"""`stemtide history`: every account-day that is known, as Parquet."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from stemtide.as_of import day_index

from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.output import escape
from stemtide_cli.stack import Stack

DAY = click.DateTime(formats=["%Y-%m-%d"])
DEFAULT_DAYS = 731
"""24 months, one of the years perhaps a leap year."""
THREADS = 8
"""Objects that are fetched at a time: as many as a client's connections."""


@click.option(
    "--from", "first", type=DAY, metavar="DAY", help="First UTC day (default: 24 months up to the last)."
)
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last UTC day, inclusive (default: yesterday).")
@click.option("--account", metavar="ACCOUNT", help="Only this account.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE|DIR",
    help="FILE.parquet, or a folder that gets a file a month.",
)
def history(
    session: Session, first: datetime | None, last: datetime | None, account: str | None, output: Path
) -> None:
    """Write the usage of accounts by UTC day as Parquet: the history's rows and the usage table's items.

    Reads S3 and the usage table with your credentials.
    """
    end = (last or datetime.now(UTC) - timedelta(days=1)).date()
    start = first.date() if first else end - timedelta(days=DEFAULT_DAYS - 1)
    if end < start:
        raise click.UsageError("--to is before --from")
    with session.out.progress() as progress:
        try:
            found = exported(session.stack, start, end, account, output, progress)
        except OSError as error:
            told = f"{error.filename or output} cannot be written: {error.strerror}"
            raise CliError(told, hint="give another --output") from error
    session.out.result(found, lambda console: _show(console, found))


def history_of(stack: Stack) -> Any:
    """Reads the history and the usage table (`stemtide.store.history.History`)."""
    from stemtide.store.history import History  # with NumPy and DuckDB: only when it is needed
    from stemtide.store.pace import Threads

    return History(
        s3=stack.client("s3"),
        bucket=stack.buckets["archive"],
        usage=stack.table("usage"),
        side_by_side=Threads(max_workers=THREADS),
    )


def exported(
    stack: Stack, start: date, end: date, account: str | None, output: Path, progress: Any
) -> dict[str, Any]:
    """Write the days from `start` to `end`, and tell what was written.

    Raises:
        CliError: there are none.
    """
    from stemtide.store.history import Wanted, merged

    from stemtide_cli.history_files import Files

    wanted = Wanted(first=day_index(start), last=day_index(end), account=account)
    output.parent.mkdir(parents=True, exist_ok=True)
    with merged(history_of(stack), wanted, progress, work=output.parent) as connection:
        files = Files(connection=connection, output=output, progress=progress)
        rows, accounts = files.totals()
        if not rows:
            raise CliError(
                f"nothing is known of these days ({start} to {end})",
                hint="check --account, --from and --to; `stemtide recompute` writes the days of the archive",
            )
        written = files.write()
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "account": account,
        "rows": rows,
        "accounts": accounts,
        "files": [str(path) for path in written],
        "bytes": sum(path.stat().st_size for path in written),
    }


def _show(console: Console, found: dict[str, Any]) -> None:
    megabytes = found["bytes"] / 1e6
    console.print(
        f"{found['rows']:,} days of {found['accounts']:,} accounts, {found['from']} to {found['to']}: "
        f"{megabytes:,.1f} MB"
    )
    for path in found["files"]:
        console.print(escape(path))
