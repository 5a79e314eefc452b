"""`stemtide catalog`: which events come, what they mean, who uses the product how much, what feeds what."""

from datetime import datetime

import click
from stemtide.as_of import day_index

from stemtide_cli.command import Session
from stemtide_cli.instants import now_ms
from stemtide_cli.model_options import configuration

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.option("--from", "first", type=DAY, metavar="DAY", help="First event day, UTC (default: all).")
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last event day, inclusive (default: all).")
@click.option("--no-users", is_flag=True, help="Do not read the archive for users by event type.")
@click.option("--feature", metavar="NAME", help="Instead: from which events a feature comes.")
@click.option("--event", metavar="NAME", help="Instead: which features an event type feeds.")
def catalog(
    session: Session,
    first: datetime | None,
    last: datetime | None,
    no_users: bool,
    feature: str | None,
    event: str | None,
) -> None:
    """Show which event types came, what they mean, and how actively accounts use the product.

    Counts come from the usage table, each call once; users by event type from the archive. Reads all of
    both with your credentials and writes nothing.
    """
    from stemtide_cli import catalog_lineage as lineage  # with NumPy: only when it is needed
    from stemtide_cli import catalog_tables as tables
    from stemtide_cli.catalog_reading import range_of, read_usage, read_users
    from stemtide_cli.catalog_result import catalog_of

    start, end = _range(first, last)
    if feature is not None and event is not None:
        raise click.UsageError("--feature and --event are two questions: give one of them")
    config, stack = configuration(), session.stack
    known = None if feature is None else lineage.known_feature(feature, config.events)
    with session.out.progress() as progress:
        within = range_of(stack, start, end, now_ms=now_ms())
        tally = read_usage(stack, within, progress)
        without = no_users or known is not None or event is not None
        users = None if without else read_users(stack, within, config, progress)
    if known is not None:
        found = lineage.feature_lineage(known, tally.types(), config.events)
        session.out.result(found, lambda console: tables.show_feature(console, found))
    elif event is not None:
        found = lineage.event_lineage(event, tally, config.events)
        session.out.result(found, lambda console: tables.show_event(console, found))
    else:
        found = catalog_of(tally, users, within, config.events)
        session.out.result(found, lambda console: tables.show_catalog(console, found))


def _range(first: datetime | None, last: datetime | None) -> tuple[int | None, int | None]:
    start, end = (None if day is None else day_index(day.date()) for day in (first, last))
    if start is not None and end is not None and end < start:
        raise click.UsageError("--to is before --from")
    return start, end
