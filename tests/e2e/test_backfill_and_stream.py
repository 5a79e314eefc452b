"""An export loaded on day one, and the stream around the cutover: every call counts once at the API."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from infra.local.home import Home
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

CUTOVER = "2023-05-04T09:30:00Z"
FIRST, LAST = "2023-05-01", "2023-05-06"
ROWS = 6_000
TERMS = "account_id,product,start_date,end_date,mrr,quantity,units,bill_period_months,discount\n"


def write_log(folder: Path, prefix: str, *, where: str = "true") -> Path:
    """Six days of twelve accounts with forty users each, and what they have subscribed to."""
    folder.mkdir(parents=True)
    instant = f"timestamp '2023-05-01' + to_milliseconds(CAST(i * {6 * 86_400_000 / ROWS} AS BIGINT))"
    duckdb.execute(
        f"""COPY (SELECT * FROM (
             SELECT {instant} AS timestamp,
                    '{prefix}-' || (hash(i) % 12) AS account_id, 'user-' || (hash(i * 7) % 40) AS user_id,
                    'event_' || (hash(i * 3) % 5) AS event, i::DOUBLE AS value
             FROM range({ROWS}) t(i)) WHERE {where}
           ) TO '{folder / "events.parquet"}' (FORMAT parquet)"""
    )
    terms = "".join(f"{prefix}-{i},pro_mthly,2023-05-01,2030-01-01,200.0,10,users,1,0\n" for i in range(12))
    (folder / "subscriptions.csv").write_text(TERMS + terms)
    return folder


def recount(log: Path) -> dict[tuple[str, str], tuple[dict[str, int], int]]:
    """Events by name, and distinct users, of each account and day."""
    rows = duckdb.execute(
        """SELECT account_id, strftime(timestamp, '%Y-%m-%d'), event, count(*)
           FROM read_parquet(?) GROUP BY ALL""",
        [str(log / "events.parquet")],
    ).fetchall()
    users = duckdb.execute(
        """SELECT account_id, strftime(timestamp, '%Y-%m-%d'), count(DISTINCT user_id)
           FROM read_parquet(?) GROUP BY ALL""",
        [str(log / "events.parquet")],
    ).fetchall()
    found: dict[tuple[str, str], tuple[dict[str, int], int]] = {(a, d): ({}, n) for a, d, n in users}
    for account, day, event, n in rows:
        found[account, day][0][event] = n
    return found


def served(stack: Stack, prefix: str) -> dict[tuple[str, str], tuple[dict[str, int], int]]:
    return {
        (account, day): (usage["by_event"], usage["active_users"])
        for account in (f"{prefix}-{i}" for i in range(12))
        for day, usage in stack.usage(account, FIRST, LAST).items()
    }


def send(home: Home, log: Path) -> dict[str, Any]:
    stemtide(home, "replay", "--mapping", "crm", "--data", str(log))
    return stemtide(home, "drain")


def load(home: Home, log: Path, *more: str) -> dict[str, Any]:
    return stemtide(home, "backfill", "--mapping", "crm", "--data", str(log), *more)


def test_what_is_streamed_around_a_cutover_counts_once(home: Home, stack: Stack, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", "loaded")

    done = load(home, log, "--cutover", CUTOVER)
    drained = send(home, log)

    assert 0 < done["counted"] < ROWS
    assert done["counted"] + done["left_to_stream"] == ROWS
    assert drained["balanced"]
    assert served(stack, "loaded") == recount(log)


def test_a_backfilled_account_is_a_customer_with_a_profile_and_no_drop(
    home: Home, stack: Stack, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "log", "known")

    load(home, log)
    stemtide(home, "drain")

    record = stack.call("GET", "/v1/accounts/known-3", role="viewer").body
    accounts = stack.client("dynamodb").query(
        TableName=stack.facts["tables"]["accounts"],
        KeyConditionExpression="account = :account",
        ExpressionAttributeValues={":account": {"S": "known-3"}},
    )["Items"]
    assert record["profile"]["plan"] == "pro_mthly"
    assert {item["item"]["S"].partition("#")[0] for item in accounts} == {"record", "fact"}
    assert next(item for item in accounts if item["item"]["S"] == "record")["last_day"] == {"S": LAST}


def test_what_was_streamed_before_is_told_apart_by_the_recompute(
    home: Home, stack: Stack, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "log", "early")
    some = write_log(
        tmp_path / "some", "early", where="timestamp >= '2023-05-04 09:30' OR value::INT % 2 = 0"
    )
    send(home, some)

    done = load(home, log, "--cutover", CUTOVER)

    assert (done["recomputed"], done["recompute"]) == (12, [])
    assert served(stack, "early") == recount(log)


def test_a_backfill_from_s3_is_the_same(home: Home, stack: Stack, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", "remote")
    s3 = stack.client("s3")
    s3.create_bucket(Bucket="exports")
    for path in log.iterdir():
        s3.upload_file(str(path), "exports", f"may/{path.name}")

    done = stemtide(home, "backfill", "--mapping", "crm", "--data", "s3://exports/may/")

    assert (done["rows"], done["facts"]["new"]) == (ROWS, 12)
    assert served(stack, "remote") == recount(log)
