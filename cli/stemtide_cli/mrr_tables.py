"""`stemtide mrr` for people."""

from typing import Any

from rich.console import Console
from rich.table import Table

from stemtide_cli.output import escape

MONEY = ("opening", "new", "expansion", "contraction", "churn", "reactivation", "transfer", "closing")
CUSTOMERS = ("opening", "new", "churn", "reactivation", "transfer", "closing")
RATES = {"logo_churn": "logo churn", "revenue_churn": "revenue churn", "grr": "GRR", "nrr": "NRR"}
ONLY_IF_ANY = "transfer"
CUT_OFF = "*"
"""Marks a month that is not over."""


def show_mrr(console: Console, found: dict[str, Any]) -> None:
    """For each currency a table of revenue and one of customers and rates."""
    for own in found["currencies"]:
        rows = [(_name(month), month) for month in own["months"]]
        if len(rows) > 1:
            rows.append(("all", own["total"]))
        console.print(_revenue(own, rows))
        console.print(_customers(own, rows))
        if unknown := own["total"]["customers"]["price_unknown"]:
            console.print(
                f"customers at the end whose price is not known in full: {unknown:,} (counted as 0)"
            )
    if any(not month["complete"] for own in found["currencies"] for month in own["months"]):
        console.print(f"{CUT_OFF} until {found['as_of']}")
    if not found["reconciles"]:
        console.print("[bold red]opening and movements do not make the closing[/]: report it, with --json")
    if not found["currencies"]:
        console.print(f"no customer from {found['from']} to {found['to']}")
    for note in found["notes"]:
        console.print(escape(note))


def money(minor: int, digits: int) -> str:
    """An amount in major units to the last minor one, e.g. -1,234.50."""
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole:,}" + (f".{part:0{digits}d}" if digits else "")


def _revenue(own: dict[str, Any], rows: list[tuple[str, dict[str, Any]]]) -> Table:
    names = [name for name in MONEY if name != ONLY_IF_ANY or any(row[name] for _, row in rows)]
    table = _table(f"MRR, {own['currency']}", names)
    for title, row in rows:
        table.add_row(title, *(money(row[name], own["minor_digits"]) for name in names))
    return table


def _customers(own: dict[str, Any], rows: list[tuple[str, dict[str, Any]]]) -> Table:
    names = [
        name for name in CUSTOMERS if name != ONLY_IF_ANY or any(row["customers"][name] for _, row in rows)
    ]
    table = _table(f"customers, {own['currency']}", [*names, *RATES.values()])
    for title, row in rows:
        counts = (f"{row['customers'][name]:,}" for name in names)
        table.add_row(title, *counts, *(_percent(row[name]) for name in RATES))
    return table


def _table(title: str, names: list[str]) -> Table:
    table = Table("month", title=escape(title))
    for name in names:
        table.add_column(name, justify="right")
    return table


def _name(month: dict[str, Any]) -> str:
    name: str = month["month"]
    return name if month["complete"] else f"{name}{CUT_OFF}"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f} %"
