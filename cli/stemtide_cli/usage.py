"""`stemtide usage`: one account, day by day."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.table import Table
from stemtide.config import Config, bundled_config
from stemtide.config_schema import Signal
from stemtide.store.usage import DayUsage, account_seen, read_days

from stemtide_cli import api
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.output import escape
from stemtide_cli.stack import Stack

DAY = click.DateTime(formats=["%Y-%m-%d"])
DEFAULT_DAYS = 30
TOP_EVENTS = 4


@click.argument("account")
@click.option(
    "--from", "first", type=DAY, metavar="DAY", help="First UTC day (default: 29 days before the last)."
)
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last UTC day, inclusive (default: today).")
def usage(session: Session, account: str, first: datetime | None, last: datetime | None) -> None:
    """Show what an account did on each UTC day.

    Asks the HTTP API; on a real account, where no token is stored, the tables with your credentials.
    """
    end = (last or datetime.now(UTC)).date()
    start = first.date() if first else end - timedelta(days=DEFAULT_DAYS - 1)
    if end < start:
        raise click.UsageError("--to is before --from")
    if "viewer" in session.stack.api_tokens:
        path = f"/v1/accounts/{quote(account, safe='')}/usage"
        found = api.get(session.stack, path, role="viewer", query={"from": start, "to": end})
    else:
        found = from_tables(session.stack, account, start, end)
    session.out.result(found, lambda console: _show(console, account, found["days"]))


def from_tables(stack: Stack, account: str, start: Any, end: Any) -> dict[str, Any]:
    """The same content as the API's, read with the caller's own credentials.

    Raises:
        CliError: nothing of the account has ever arrived.
    """
    table = stack.table("usage")
    days = read_days(table, account, start, end)
    if not days and not account_seen(table, account):
        raise CliError(f"nothing of the account {account!r} has arrived", hint="check the name")
    config = bundled_config()
    return {"account": account, "days": [_day(day, config) for day in days]}


def _day(day: DayUsage, config: Config) -> dict[str, Any]:
    def total(signal: Signal) -> int:
        return sum(n for name, n in day.by_event.items() if signal in config.events.classify(name))

    return {
        "date": day.date.isoformat(),
        "events": day.events,
        "active_users": day.active_users,
        "core_actions": total(Signal.CORE_ACTION),
        "api_calls": total(Signal.API_CALL),
        "by_event": day.by_event,
    }


def _show(console: Console, account: str, days: list[dict[str, Any]]) -> None:
    if not days:
        console.print(f"no usage of {escape(account)} in these days")
        return
    table = Table(title=escape(account))
    for name in ("date", "events", "active users", "core actions", "API calls"):
        table.add_column(name, justify="left" if name == "date" else "right")
    table.add_column("most frequent")
    for day in days:
        top = sorted(day["by_event"].items(), key=lambda item: (-item[1], item[0]))[:TOP_EVENTS]
        counts = (day["events"], day["active_users"], day["core_actions"], day["api_calls"])
        table.add_row(
            day["date"], *(f"{n:,}" for n in counts), escape(", ".join(f"{name} {n:,}" for name, n in top))
        )
    console.print(table)
