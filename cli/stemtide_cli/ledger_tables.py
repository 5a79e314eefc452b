"""Ledger entries for people."""

from typing import Any

from rich.table import Table
from stemtide.currencies import minor_digits

from stemtide_cli.mrr_tables import money
from stemtide_cli.output import escape


def entries_table(rows: list[dict[str, Any]]) -> Table:
    """A table of entries, as `GET /v1/ledger` has them."""
    table = Table("at", "account", "episode", "no.", "what")
    table.add_column("amount", justify="right")
    for name in ("outcome", "reason", "invoice", "key", "provider id"):
        table.add_column(name)
    for row in rows:
        texts = (
            _outcome(row),
            row["reason"],
            row["invoice"],
            row["key"],
            row["provider_id"],
        )
        table.add_row(
            row["at"],
            escape(row["account"]),
            row["episode"],
            str(row["number"]),
            row["kind"],
            row_money(row),
            *(escape(text or "") for text in texts),
        )
    return table


def row_money(row: dict[str, Any], name: str = "amount") -> str:
    """An amount in major units with its currency, e.g. 49.00 USD or 4,900 JPY; empty: there is none."""
    if row[name] is None or row["currency"] is None:
        return ""
    return escape(f"{money(row[name], minor_digits(row['currency']))} {row['currency']}")


def _outcome(row: dict[str, Any]) -> str | None:
    """What came of a charge, the terms of an offer, or the step that it was."""
    if row["outcome"] is not None:
        return " ".join(filter(None, (row["outcome"], row["code"])))
    if row["percent"] is not None:
        return f"{row['percent']} % for {row['months']} months"
    step: str | None = row["step"]
    return step
