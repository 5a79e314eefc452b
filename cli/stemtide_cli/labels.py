"""`stemtide labels`: what came of plays, and what they achieve beside those who were held out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from stemtide.currencies import minor_digits
from stemtide.plays.rates import Arm, Interval, Rate, Verdict, rates
from stemtide.store.label_pages import labels_between
from stemtide.store.plays import PlayTable

from stemtide_cli.account_rows import DAYS, FROM, TO
from stemtide_cli.command import Session
from stemtide_cli.episodes import kept_in
from stemtide_cli.ledger_tables import row_money
from stemtide_cli.model_clock import days_asked
from stemtide_cli.mrr_tables import money
from stemtide_cli.output import escape

YEAR = 365
VERDICTS = {
    Verdict.HELPS: "helps",
    Verdict.HARMS: "harms",
    Verdict.NO_DIFFERENCE: "no difference worth 10 points",
    Verdict.TOO_FEW: "too few to tell",
}


@FROM
@TO
@click.option("--account", help="Only this account's.")
@click.option("--rates", "with_rates", is_flag=True, help="How often plays end well; of a year by default.")
def labels(
    session: Session, first: datetime | None, last: datetime | None, account: str | None, with_rates: bool
) -> None:
    """List what came of win-back and retention plays, by the day on which it became known.

    With --rates beside it how often they end well: those who were treated beside those who were held out by
    lot, with 95 % intervals, and what a good outcome costs.
    """
    from stemtide.http.label_bodies import label_body

    begin, end = days_asked(session, first, last, by_default=YEAR if with_rates else DAYS)
    plays = PlayTable(kept_in(session))
    found = [
        label_body(label)
        for _, label in labels_between(plays, begin, end)
        if account is None or label.account == account
    ]
    told = rates(found) if with_rates else []
    result: dict[str, Any] = {
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "labels": [msgspec.to_builtins(one) for one in found],
        **({"rates": [_as_json(one) for one in told]} if with_rates else {}),
    }
    session.out.result(result, lambda console: _show(console, result, told))


def _as_json(rate: Rate) -> dict[str, Any]:
    arms = {"treated": _arm(rate.treated), "held_out": _arm(rate.held_out)}
    return {**rate._asdict(), **arms}


def _arm(arm: Arm) -> dict[str, Any]:
    return {"n": arm.n, "good": arm.good, "rate": arm.rate, "interval": arm.interval}


def _show(console: Console, result: dict[str, Any], told: Sequence[Rate]) -> None:
    rows = result["labels"]
    if not rows:
        console.print(f"nothing became known of a play from {result['from']} to {result['to']}")
        return
    table = Table("known at", "account", "journey", "by", "outcome", "reason", "treated", "acts", "offer")
    table.add_column("cost", justify="right")
    for row in rows:
        table.add_row(
            row["known_at"],
            escape(row["account"]),
            row["journey"],
            _by(row["policy"], row["entry_tier"]),
            row["outcome"],
            escape(row["reason"]),
            _treated(row),
            str(row["treatments"]),
            _offer(row),
            row_money(row, "cost"),
        )
    console.print(table)
    if told:
        console.print(_rates_table(told))


def _treated(row: dict[str, Any]) -> str:
    if row["held_out"]:
        return "held out"
    if row["treated"] is None:
        return escape(f"no: {row['halt_reason'] or 'nothing was due'}")
    return f"{row['treated']['from'][:10]} to {row['treated']['to'][:10]}"


def _offer(row: dict[str, Any]) -> str:
    offer = row["offer"]
    if offer is None:
        return "held out" if row["offer_held_out"] else ""
    return f"{offer['percent']} %, {'taken' if offer['redeemed'] else 'not taken'}"


def _by(policy: str, tier: str | None) -> str:
    return escape(policy if tier is None else tier)


def _rates_table(told: Sequence[Rate]) -> Table:
    table = Table("journey", "by", title="ended well, in brackets 95 % intervals")
    for name in ("treated", "held out", "difference in points", "cost of a good one"):
        table.add_column(name, justify="right")
    table.add_column("shows")
    for one in told:
        table.add_row(
            one.journey,
            _by(one.policy, one.tier),
            _share(one.treated),
            _share(one.held_out),
            _difference(one),
            _costs(one.cost_per_good),
            _shows(one),
        )
    return table


def _share(arm: Arm) -> str:
    if arm.rate is None or arm.interval is None:
        return "nobody"
    return f"{arm.good} of {arm.n}: {arm.rate:.1%} \\[{_percents(arm.interval)}]"


def _percents(interval: Interval) -> str:
    return f"{100 * interval.low:.1f}, {100 * interval.high:.1f}"


def _difference(rate: Rate) -> str:
    if rate.difference is None or rate.interval is None:
        return ""
    low, high = rate.interval
    return f"{100 * rate.difference:+.1f} \\[{100 * low:+.1f}, {100 * high:+.1f}]"


def _shows(rate: Rate) -> str:
    if rate.verdict is not Verdict.TOO_FEW or rate.needed is None:
        return VERDICTS[rate.verdict]
    return f"{VERDICTS[rate.verdict]}: 10 points take {rate.needed:,} on each side"


def _costs(costs: dict[str, int] | None) -> str:
    told = (costs or {}).items()
    return ", ".join(f"{money(amount, minor_digits(name))} {name}" for name, amount in told)
