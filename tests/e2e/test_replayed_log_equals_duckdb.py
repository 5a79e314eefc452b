"""Real logs through the deployed stream: what the API says equals a DuckDB count of the log."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from infra.local.home import Home
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack
from tests.open_logs import open_log_folder

pytestmark = pytest.mark.e2e


def recount(events: Path, last: str) -> dict[tuple[str, str], dict[str, int]]:
    """Calls by name for each (account, day) up to `last`, counted by DuckDB from the log itself."""
    rows = duckdb.execute(
        """select account_id, strftime(timestamp, '%Y-%m-%d') as day, event, count(*)
           from read_parquet(?) where account_id is not null and timestamp::date <= ?::date
           group by all""",
        [str(events), last],
    ).fetchall()
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for account, day, event, n in rows:
        counted.setdefault((account, day), {})[event] = n
    return counted


def differences(
    stack: Stack, counted: dict[tuple[str, str], dict[str, int]], first: str, last: str
) -> list[Any]:
    """Each (account, day) whose `events` or `by_event` at the API is not the recount's."""
    found = []
    for account in sorted({account for account, _ in counted}):
        served = stack.usage(account, first, last)
        expected = {day: names for (a, day), names in counted.items() if a == account}
        for day in sorted(set(served) | set(expected)):
            got = served.get(day, {"events": 0, "by_event": {}})
            want = expected.get(day, {})
            if got["by_event"] != want or got["events"] != sum(want.values()):
                found.append((account, day, got, want))
    return found


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("crm", "2022-01-01", "2022-01-12"), ("social", "2020-01-01", "2020-01-10")],
)
def test_every_account_day_of_a_replayed_log_equals_the_recount(
    home: Home, stack: Stack, name: str, first: str, last: str
) -> None:
    folder = open_log_folder(name)
    counted = recount(folder / "events.parquet", last)

    sent = stemtide(home, "replay", "--mapping", name, "--data", str(folder), "--until", last)
    stemtide(home, "drain")

    assert sent["rows"] == sum(n for names in counted.values() for n in names.values())
    assert differences(stack, counted, first, last) == []


def test_replaying_the_same_log_again_sends_nothing(home: Home) -> None:
    folder = open_log_folder("social")
    arguments = ("replay", "--mapping", "social", "--data", str(folder), "--until", "2020-01-10")
    stemtide(home, *arguments)

    again = stemtide(home, *arguments)

    assert again["rows"] == 0
