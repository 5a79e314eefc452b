"""`stemtide mrr`: how monthly recurring revenue and customers moved, month by month."""

from datetime import datetime
from pathlib import Path

import click

from stemtide_cli.command import Session
from stemtide_cli.instants import AS_OF
from stemtide_cli.model_options import LOG_FOLDER, configuration, source_of

MONTH = click.DateTime(formats=["%Y-%m"])


@click.option("--from", "first", type=MONTH, metavar="MONTH", help="First month (default: all).")
@click.option(
    "--to", "last", type=MONTH, metavar="MONTH", help="Last month, inclusive (default: that of --as-of)."
)
@AS_OF
@click.option(
    "--mapping",
    "mapping_name",
    metavar="FILE|NAME",
    help="With --data: a log instead of the deployed stack, by a mapping or a shipped one's name.",
)
@click.option("--data", "folder", type=LOG_FOLDER, metavar="DIR", help="The log's folder, with --mapping.")
def mrr(
    session: Session,
    first: datetime | None,
    last: datetime | None,
    as_of: int | None,
    mapping_name: str | None,
    folder: Path | None,
) -> bool:
    """Show MRR by month and currency: opening, new, expansion, contraction, churn, reactivation, closing.

    Told from all that is known now, or was at --as-of. Reads all facts of the accounts table, or of a log,
    and writes nothing.
    """
    from stemtide_cli.mrr_reading import read_knowledge
    from stemtide_cli.mrr_result import result_of
    from stemtide_cli.mrr_tables import show_mrr

    if first is not None and last is not None and last < first:
        raise click.UsageError("--to is before --from")
    source = source_of(session, mapping_name, folder)
    with session.out.progress() as progress:
        known = read_knowledge(source, configuration(), progress)
        wanted = tuple(None if month is None else month.strftime("%Y-%m") for month in (first, last))
        found = result_of(known, first=wanted[0], last=wanted[1], as_of_ms=as_of)
    session.out.result(found, lambda console: show_mrr(console, found))
    return bool(found["reconciles"])
