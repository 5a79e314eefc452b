"""Logs that backfill tests write, and what the stream makes of them."""

from pathlib import Path
from typing import Any

import duckdb

from tests.backfilled import Usage, usage_in
from tests.integration.cli.conftest import Deployment
from tests.stream_cloud import start_function

ROWS = 1500
COUNTED = ROWS * 9 // 10
FORMATS = {
    "parquet": "events.parquet (FORMAT parquet)",
    "csv": "events.csv (FORMAT csv, HEADER)",
    "jsonl": "events.jsonl (FORMAT json)",
}


def write_log(folder: Path, form: str = "parquet", *, where: str = "true", name: str = "") -> Path:
    """A log of the crm shape: four days from 1 March 2023, eight accounts; one row in ten has none."""
    folder.mkdir(exist_ok=True, parents=True)
    default, options = FORMATS[form].split(" ", 1)
    duckdb.execute(
        f"""COPY (SELECT * FROM (
             SELECT timestamp '2023-03-01' + to_seconds(i * 230) AS timestamp,
                    CASE WHEN i % 10 < 9 THEN 'org-' || (hash(i) % 8) END AS account_id,
                    'user-' || (hash(i * 7) % 60) AS user_id, 'event_' || (hash(i * 3) % 4) AS event,
                    i::DOUBLE AS value
             FROM range({ROWS}) t(i)
           ) WHERE {where}) TO '{folder / (name or default)}' {options}"""
    )
    return folder


def arguments(log: Path | str, *more: str) -> tuple[str, ...]:
    return ("backfill", "--mapping", "crm", "--data", str(log), *more)


def replay(deployment: Deployment, log: Path, *more: str) -> None:
    """The log through the stream and its consumers."""
    deployment.run("replay", "--mapping", "crm", "--data", str(log), *more)
    deployment.deliver()


def streamed(deployment: Deployment, log: Path, *more: str) -> Usage:
    """What the stream makes of the log, in tables and an archive that are then emptied."""
    replay(deployment, log, *more)
    found = usage_in(deployment.cloud.usage)
    for table in (deployment.cloud.usage, deployment.cloud.accounts):
        empty(table)
    for entry in deployment.cloud.s3.list_objects_v2(Bucket="archive").get("Contents", ()):
        deployment.cloud.s3.delete_object(Bucket="archive", Key=entry["Key"])
    deployment.cloud.functions["aggregate"] = start_function("aggregate")
    return found


def empty(table: Any) -> None:
    keys = [entry["AttributeName"] for entry in table.key_schema]
    for item in table.scan()["Items"]:
        table.delete_item(Key={key: item[key] for key in keys})
