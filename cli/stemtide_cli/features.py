"""`stemtide features`: what a score of an account sees, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import click
import msgspec
from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text, parse_as_of
from stemtide.calls import DAY_MS
from stemtide.limits import LONG_DAYS

from stemtide_cli import api
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.history import history_of
from stemtide_cli.instants import AS_OF, now_ms
from stemtide_cli.model_options import configuration
from stemtide_cli.output import escape
from stemtide_cli.sources import sources_table
from stemtide_cli.stack import Stack


@click.argument("account")
@AS_OF
def features(session: Session, account: str, as_of: int | None) -> None:
    """Show the features of an account: values, and what they mean.

    Asks the HTTP API; on a real account, where no token is stored, the tables with your credentials.
    Days that have expired there come from the history in S3.
    """
    at_ms = now_ms() if as_of is None else as_of
    if _needs_history(session.stack, account, at_ms):
        found = from_tables(session.stack, account, at_ms, history=True)
    elif "viewer" in session.stack.api_tokens:
        path = f"/v1/accounts/{quote(account, safe='')}/features"
        query = {"as_of": None if as_of is None else as_of_text(as_of)}
        found = api.get(session.stack, path, role="viewer", query=query)
    else:
        found = from_tables(session.stack, account, at_ms)
    session.out.result(found, lambda console: _show(console, found))


def _needs_history(stack: Stack, account: str, as_of_ms: int) -> bool:
    """Whether days that the features look at may have expired in the usage table."""
    since = datetime.now(UTC) - timedelta(days=configuration().ingest.usage_retention_days)
    first_ms = as_of_ms - LONG_DAYS * DAY_MS
    return first_ms < since.timestamp() * 1000 and bool(history_of(stack).outlives_the_table(account, since))


def from_tables(stack: Stack, account: str, as_of_ms: int, *, history: bool = False) -> dict[str, Any]:
    """The same content as the API's, read with the caller's own credentials; with the `history`'s days if
    asked for.

    Raises:
        CliError: nothing is known of the account.
    """
    from stemtide.features.profile_columns import Basis  # with NumPy: only when it is needed
    from stemtide.http.features import described, is_known
    from stemtide.store.peer_tables import PeerTables
    from stemtide.store.records import Records
    from stemtide.store.sources import read_freshness
    from stemtide.store.usage_reader import UsageReader
    from stemtide.store.vectors import read_vector

    usage, records = stack.table("usage"), Records(stack.table("accounts"))
    config = configuration()
    basis = Basis.of(config, PeerTables(stack.table("ingest")).at(as_of_ms))
    reader = UsageReader.of_table(usage, blocks=None, events=config.events)
    if history:
        reader = _with_history(stack, account, as_of_ms, reader)
    vector = read_vector(reader, records, account, as_of_ms, basis)
    if not is_known(vector, usage_table=usage, records=records):
        raise CliError(f"nothing of the account {account!r} has arrived", hint="check the name")
    states = read_freshness(stack.table("ingest"), as_of_ms, config.sources)
    found: dict[str, Any] = msgspec.to_builtins(described(vector, states, basis.shape))
    return found


def _with_history(stack: Stack, account: str, as_of_ms: int, reader: Any) -> Any:
    """The reader with all days of one account that are known, read once."""
    from stemtide.store.history import read_history_days

    known = read_history_days(history_of(stack), account, 0, as_of_ms // DAY_MS)

    def days(_: str, first: int, last: int) -> list[Any]:
        return [day for day in known if first <= day.day <= last]

    return replace(reader, days=days, first_day=lambda _: known[0].day if known else None)


def _show(console: Console, found: dict[str, Any]) -> None:
    title = f"{escape(found['account'])} as of {found['as_of']}, {found['completeness']:.0%} known"
    table = Table(title=title)
    table.add_column("feature")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("in words")
    for feature in found["features"]:
        value = "" if feature["value"] is None else f"{feature['value']:,.6g}"
        table.add_row(feature["name"], value, feature["unit"], escape(feature["text"]))
    console.print(table)
    console.print(sources_table(found["sources"], as_of_ms=parse_as_of(found["as_of"])))
