"""What `stemtide dunning simulate` shows people: policies side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from stemtide.currencies import minor_digits

from simulator.dunning.summary import BY_DAYS, Estimate, Summary
from stemtide_cli.output import escape


def show(console: Console, summaries: Sequence[Summary], *, past: Path | None) -> None:
    """A column a policy, a row a figure; brackets hold 95 % intervals."""
    first = summaries[0]
    about = "made up by assumptions" if past is None else f"of {past}"
    console.print(
        f"{first.invoices:,} failed payments of {first.customers:,} customers, {escape(about)};"
        " in brackets 95 % intervals"
    )
    table = Table("", *(escape(one.policy) for one in summaries))
    for label, cells in _rows(summaries):
        table.add_row(label, *(escape(cell) for cell in cells))
    console.print(table)
    if past is None:
        console.print(
            "These figures show what a policy does in an assumed world, not what your customers would do:"
        )
        console.print("docs/dunning.md says what is assumed, and beside which published figures.")


def _rows(summaries: Sequence[Summary]) -> list[tuple[str, list[str]]]:
    rows = [
        (f"recovered by day {day}", [_share(one.recovered_by_day[day]) for one in summaries])
        for day in BY_DAYS
    ]
    rows.append(("recovered in the end", [_share(one.recovered) for one in summaries]))
    if len(summaries) > 1:
        rows.append(("  more than the first, in points", [_points(one.lead) for one in summaries]))
    for by in summaries[0].by:
        rows.append((f"  by {by.replace('_', ' ')}", [f"{one.by[by]:,}" for one in summaries]))
    for currency in summaries[0].money:
        rows.append((f"recovered of {currency} due", [_money(one, currency) for one in summaries]))
    rows += [
        ("retries an invoice", [_mean(one.retries_per_invoice) for one in summaries]),
        ("cost of all retries, minor units", [f"{one.cost:,}" for one in summaries]),
        ("mails a customer", [_mean(one.mails_per_customer) for one in summaries]),
        ("canceled", [_share(one.canceled) for one in summaries]),
    ]
    return rows


def _share(one: Estimate) -> str:
    return f"{one.value:.1%} [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def _points(one: Estimate | None) -> str:
    if one is None:
        return "-"
    return f"{100 * one.value:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"


def _mean(one: Estimate) -> str:
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _money(one: Summary, currency: str) -> str:
    money, digits = one.money[currency], minor_digits(currency)
    recovered, due = (f"{amount / 10**digits:,.{digits}f}" for amount in (money.recovered, money.due))
    return f"{_share(money.share)}: {recovered} of {due}"
