"""The history through the command line: what a backfill leaves, and what is exported of it."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from stemtide import users
from stemtide.calls import day_number, day_of_index
from stemtide.history_rows import DayRow
from stemtide.ports import UnavailableError, is_day
from stemtide.store.history import read_history_rows
from stemtide.store.history_objects import HistoryObjects
from stemtide_cli.history import history_of

from tests.backfilled import Usage, items_in, usage_in
from tests.histories import projection_of
from tests.integration.cli.backfills import arguments, empty, replay, write_log
from tests.integration.cli.conftest import Deployment

FIRST, LAST = "2023-03-01", "2023-03-04"
ALL = ("--from", FIRST, "--to", LAST)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "log")


def rows_in(deployment: Deployment) -> list[DayRow]:
    """What the history has of the log's accounts when the usage table is empty."""
    history = history_of(deployment.stack)
    first, last = day_number(FIRST), day_number(LAST)
    return [row for n in range(8) for row in read_history_rows(history, f"org-{n}", first, last)]


def usage_of(rows: list[DayRow]) -> Usage:
    return {(row.account, day_of_index(row.day)): projection_of(row) for row in rows}


def objects(deployment: Deployment) -> list[str]:
    found = deployment.cloud.s3.list_objects_v2(Bucket="archive", Prefix="history/rows/")
    return [one["Key"] for one in found.get("Contents", ())]


def table(path: Path) -> list[tuple[Any, ...]]:
    query = f"SELECT account, day, calls, active_users FROM '{path}' ORDER BY account, day"
    return duckdb.execute(query).fetchall()


def test_a_backfill_leaves_the_rows_of_its_items_with_their_versions(
    deployment: Deployment, log: Path
) -> None:
    deployment.run(*arguments(log))
    usage, items = usage_in(deployment.cloud.usage), items_in(deployment.cloud.usage)
    empty(deployment.cloud.usage)

    rows = rows_in(deployment)

    assert usage_of(rows) == usage
    versions = {(row.account, day_of_index(row.day)): row.version for row in rows}
    assert versions == {key: int(items[key]["v"]) for key in usage}
    assert all(key.startswith("history/rows/backfill-") for key in objects(deployment))


def test_a_backfill_over_streamed_days_leaves_the_newer_rows(deployment: Deployment, log: Path) -> None:
    replay(deployment, log, "--limit", "400")
    deployment.run(*arguments(log, "--cutover", "2023-03-05"))
    usage, items = usage_in(deployment.cloud.usage), items_in(deployment.cloud.usage)
    empty(deployment.cloud.usage)

    rows = rows_in(deployment)

    assert usage_of(rows) == usage
    assert max(row.version for row in rows) > 1
    assert all(
        row.version == int(items[row.account, day_of_index(row.day)]["v"])
        for row in rows
        if is_day(day_of_index(row.day))
    )


def test_a_backfill_whose_rows_are_not_taken_ends_and_the_next_one_leaves_them(
    deployment: Deployment, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UnavailableError("no bucket")

    with monkeypatch.context() as broken:
        broken.setattr(HistoryObjects, "put", refuse)
        broken.setattr("stemtide_cli.backfill_writing.PATIENCE_S", 0.0)
        failed = deployment.run(*arguments(log), expect=1)
    again = deployment.run(*arguments(log))
    usage = usage_in(deployment.cloud.usage)
    empty(deployment.cloud.usage)

    assert failed["error"] == "the archive bucket takes nothing any more (no answer: no bucket)"
    assert (again["written"], again["unchanged"]) == (0, len(usage))
    assert usage_of(rows_in(deployment)) == usage


def test_the_export_has_each_account_day_once_in_one_file(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    deployment.run(*arguments(log))
    usage = usage_in(deployment.cloud.usage)
    file = tmp_path / "out" / "usage.parquet"

    done = deployment.run("history", *ALL, "--output", str(file))
    with_table = table(file)
    empty(deployment.cloud.usage)
    deployment.run("history", *ALL, "--output", str(file))

    assert (done["rows"], done["accounts"], done["files"]) == (len(usage), 8, [str(file)])
    assert done["bytes"] == file.stat().st_size
    expected = {key: (found.calls, users.count(found.users)) for key, found in usage.items()}
    assert {(account, str(day)): tuple(counts) for account, day, *counts in table(file)} == expected
    assert table(file) == with_table
    assert sorted(path.name for path in file.parent.iterdir()) == ["usage.parquet"]


def test_the_export_of_an_account_into_a_folder_has_a_file_a_month(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    deployment.run(*arguments(log))
    folder = tmp_path / "out"

    done = deployment.run("history", *ALL, "--account", "org-1", "--output", str(folder))
    shown = deployment.invoke("history", *ALL, "--output", str(folder))

    assert (done["accounts"], done["files"]) == (1, [str(folder / "2023-03.parquet")])
    assert shown.exit_code == 0
    assert "days of 8 accounts, 2023-03-01 to 2023-03-04" in shown.stdout


def test_a_place_that_cannot_be_written_to_is_named(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    deployment.run(*arguments(log))
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "folder.parquet").mkdir()

    for name in ("taken", "taken/more.parquet", "folder.parquet"):
        failed = deployment.run("history", *ALL, "--output", str(tmp_path / name), expect=1)
        assert "cannot be written" in failed["error"]

    assert (tmp_path / "taken").read_text() == "mine"


def test_an_export_of_nothing_is_an_error(deployment: Deployment, tmp_path: Path) -> None:
    failed = deployment.run("history", *ALL, "--output", str(tmp_path / "x.parquet"), expect=1)
    turned = deployment.invoke("history", "--from", LAST, "--to", FIRST, "--output", str(tmp_path / "x"))

    assert failed["error"].startswith("nothing is known of these days")
    assert turned.exit_code == 2
    assert list(tmp_path.glob("x*")) == []
