"""A log folder of customers whose API volume falls to a fifth at once, a week before the log ends."""

# ruff: noqa: S608 - DuckDB writes a local file; every value is a number, a date or quoted

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import duckdb

BEFORE: Final = 500
AFTER: Final = 100
"""API calls of a day before and after the fall."""
DAYS: Final = 14


def write(folder: Path, *, accounts: int, today: date) -> None:
    """Two whole weeks before `today`, one row an account and day, and a running annual plan for each."""
    folder.mkdir(parents=True, exist_ok=True)
    target = str(folder / "events.parquet").replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (
              SELECT CAST(? AS DATE) - CAST({DAYS} - d AS INTEGER) + INTERVAL 10 HOUR AS timestamp,
                'drop-' || lpad(CAST(a AS VARCHAR), 4, '0') AS account_id, NULL::VARCHAR AS user_id,
                'API Call' AS event, CASE WHEN d < {DAYS // 2} THEN {BEFORE} ELSE {AFTER} END AS count,
                NULL::VARCHAR AS priority, NULL::VARCHAR AS ticket_id, NULL::VARCHAR AS text,
                NULL::INT AS csat, NULL::INT AS score, NULL::DOUBLE AS value
              FROM range(?) accounts(a), range({DAYS}) days(d) ORDER BY 1, 2
            ) TO '{target}' (FORMAT parquet)""",
            [today, accounts],
        )
    start = today - timedelta(days=200)
    columns = ("account_id", "product", "start_date", "mrr", "quantity", "units", "bill_period_months")
    with (folder / "subscriptions.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            (account_id(number), "business", start, 390, 10, "users", 12) for number in range(accounts)
        )


def account_id(number: int) -> str:
    return f"drop-{number:04d}"
