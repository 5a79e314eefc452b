"""`stemtide shadow report`: what would have been done, had nothing been in shadow."""

from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text
from stemtide.config import bundled_config
from stemtide.scoring.assessment import Tier
from stemtide.store.records import Records
from stemtide.store.score_history import last_score_before
from stemtide.store.withheld import WithheldRows

from stemtide_cli.account_rows import FROM, TO, each_account, instants
from stemtide_cli.command import Session, command
from stemtide_cli.output import escape
from stemtide_cli.shadow_report import AccountRows, report

SHOWN = 20
"""Accounts by name on a screen; --json has all."""


@click.group()
def shadow() -> None:
    """Capabilities and models that are tried without acting."""


@FROM
@TO
def report_(session: Session, first: datetime | None, last: datetime | None) -> None:
    """Tell what was withheld: changes of tier and drops by day, and whom an alert would have been about.

    Reads rows that were written at the time, whatever is in shadow now.
    """
    begin, end = instants(first, last)
    table = session.stack.table("accounts")
    records, withheld = Records(table), WithheldRows(table)

    def read(account: str) -> AccountRows:
        return AccountRows(
            account=account,
            before=last_score_before(table, account, begin),
            scores=records.scores(account, begin, end),
            withheld=list(withheld.of(account, begin, end)),
        )

    with session.out.progress() as say:
        found = report(each_account(table, read, say))
    result = {
        "from": as_of_text(begin)[:10],
        "to": as_of_text(end)[:10],
        "in_shadow_now": [str(one) for one in bundled_config().shadow.capabilities],
        **found,
    }
    session.out.result(result, lambda console: _show(console, result))


def _show(console: Console, result: dict[str, Any]) -> None:
    now = ", ".join(result["in_shadow_now"]) or "no capability"
    console.print(f"{result['from']} to {result['to']}; in shadow now: {now}")
    if not result["days"]:
        console.print("nothing was withheld")
        return
    table = Table("day", *(f"to {tier}" for tier in Tier), "drops", "accounts", "alerts")
    for day in result["days"]:
        table.add_row(
            day["date"],
            *(str(day["tier_changes"][tier]) for tier in Tier),
            str(sum(day["drops"].values())),
            str(day["accounts"]),
            str(day["would_have_alerted"]),
        )
    console.print(table)
    alerts = result["would_have_alerted"]
    console.print(
        f"an alert at {result['alert_at']} would have been sent {len(alerts):,} times, about "
        f"{len({one['account'] for one in alerts}):,} accounts; {len(result['at_risk']):,} of "
        f"{result['accounts_in_shadow']:,} accounts in shadow are at risk"
    )
    for one in alerts[:SHOWN]:
        before = "none" if one["previous_score"] is None else one["previous_score"]
        console.print(f"  {one['as_of'][:10]}  {escape(one['account'])}: {before} → {one['score']}")
    if len(alerts) > SHOWN:
        console.print(f"  and {len(alerts) - SHOWN:,} more (--json has all)")


command(shadow, "report")(report_)
