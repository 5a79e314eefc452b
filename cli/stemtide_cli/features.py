"""`stemtide features`: what a score of an account sees, in words."""

from typing import Any
from urllib.parse import quote

import click
import msgspec
from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text, parse_as_of

from stemtide_cli import api
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.instants import AS_OF, now_ms
from stemtide_cli.output import escape
from stemtide_cli.sources import sources_table
from stemtide_cli.stack import Stack


@click.argument("account")
@AS_OF
def features(session: Session, account: str, as_of: int | None) -> None:
    """Show the features of an account: values, and what they mean.

    Asks the HTTP API; on a real account, where no token is stored, the tables with your credentials.
    """
    if "viewer" in session.stack.api_tokens:
        path = f"/v1/accounts/{quote(account, safe='')}/features"
        query = {"as_of": None if as_of is None else as_of_text(as_of)}
        found = api.get(session.stack, path, role="viewer", query=query)
    else:
        found = from_tables(session.stack, account, now_ms() if as_of is None else as_of)
    session.out.result(found, lambda console: _show(console, found))


def from_tables(stack: Stack, account: str, as_of_ms: int) -> dict[str, Any]:
    """The same content as the API's, read with the caller's own credentials.

    Raises:
        CliError: nothing is known of the account.
    """
    from stemtide.config import bundled_config  # with NumPy: only when it is needed
    from stemtide.features.profile_columns import Basis
    from stemtide.http.features import described, is_known
    from stemtide.store.records import Records
    from stemtide.store.sources import read_freshness
    from stemtide.store.usage_reader import UsageReader
    from stemtide.store.vectors import read_vector

    usage, records = stack.table("usage"), Records(stack.table("accounts"))
    config = bundled_config()
    reader, basis = UsageReader(usage_table=usage, blocks=None, events=config.events), Basis.of(config)
    vector = read_vector(reader, records, account, as_of_ms, basis)
    if not is_known(vector, usage_table=usage, records=records):
        raise CliError(f"nothing of the account {account!r} has arrived", hint="check the name")
    states = read_freshness(stack.table("ingest"), as_of_ms, config.sources)
    found: dict[str, Any] = msgspec.to_builtins(described(vector, states, basis.shape))
    return found


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
