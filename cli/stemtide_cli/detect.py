"""`stemtide detect`: who has become silent, and what the rules would have found in the past."""

from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text

from stemtide_cli.command import Session
from stemtide_cli.detect_past import look_back
from stemtide_cli.functions import invoke
from stemtide_cli.instants import AS_OF, now_ms
from stemtide_cli.output import escape

SHOWN = 20
DAY = click.DateTime(formats=["%Y-%m-%d"])


@AS_OF
@click.option("--ignore-stale", is_flag=True, help="Look although the event stream was stale at the instant.")
@click.option("--from", "first", type=DAY, metavar="DAY", help="Dry run: first UTC day to look back at.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="Dry run: last one, inclusive (yesterday).")
@click.option("--account", metavar="ACCOUNT", help="Dry run: only this account.")
def detect(
    session: Session,
    as_of: int | None,
    ignore_stale: bool,
    first: datetime | None,
    last: datetime | None,
    account: str | None,
) -> bool:
    """Look for drops of use among the accounts that were silent on the last closed day.

    The same as the hourly check, once, for one instant (now, or --as-of). Each drop found is scored by
    itself; one that was found before is not found again. Exit code 1: nobody was looked at, as the event
    stream was stale at that instant and everybody would look silent. With --from it is a dry run: what the
    rules that are configured here would have found at the end of each day. Nothing is written then.
    """
    if first is not None:
        if as_of is not None:
            raise click.UsageError(
                "--as-of is for one instant, --from to --to for a dry run: give one of them"
            )
        past = look_back(session, first.date(), last.date() if last else None, account)
        session.out.result(past, lambda console: _show_past(console, past))
        return True
    if last is not None or account is not None:
        raise click.UsageError("--to and --account belong to a dry run: give --from, too")
    instant = as_of_text(now_ms() if as_of is None else as_of)
    asked = {"job": "detect", "as_of": instant, "ignore_stale": ignore_stale}
    result = {"as_of": instant, **invoke(session.stack, "detect", asked)}
    session.out.result(result, lambda console: _show(console, result))
    return result["skipped"] is None


def _show(console: Console, result: dict[str, Any]) -> None:
    if result["skipped"] is not None:
        console.print(f"[bold red]nobody was looked at:[/] {escape(result['skipped'])}")
        console.print("next: repair the source; or look all the same with --ignore-stale")
        return
    console.print(
        f"{result['looked_at']:,} silent accounts as of {result['as_of']}: {result['found']:,} new drops"
    )
    if result["unreadable"]:
        console.print(f"{result['unreadable']} accounts could not be read: see `stemtide status`")
    _show_drops(console, result["drops"])


def _show_past(console: Console, past: dict[str, Any]) -> None:
    console.print(
        f"{past['from']} to {past['to']}, {past['accounts']:,} accounts, "
        f"{past['account_months']:,.1f} account-months; nothing was written"
    )
    rules = Table("rule", "drops", "accounts", "drops an account-month")
    for rule in past["rules"]:
        of = "-" if rule["per_account_month"] is None else f"{rule['per_account_month']:.3f}"
        rules.add_row(rule["rule"], f"{rule['drops']:,}", f"{rule['accounts']:,}", of)
    console.print(rules)
    _show_drops(console, past["drops"])


def _show_drops(console: Console, drops: list[dict[str, Any]]) -> None:
    if not drops:
        return
    table = Table("account", *(["day"] if "day" in drops[0] else []), "rule", "before", "now", "change")
    for drop in drops[:SHOWN]:
        day = [drop["day"]] if "day" in drop else []
        figures = f"{drop['before']:,}", f"{drop['now']:,}", f"{drop['change']:+.0%}"
        table.add_row(escape(drop["account"]), *day, drop["rule"], *figures)
    console.print(table)
    if len(drops) > SHOWN:
        console.print(f"... and {len(drops) - SHOWN:,} more: --json has them all")
