"""Whatever stops a backfill, the same command again brings it to the same end."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from stemtide import tables
from stemtide.store import clients
from stemtide_cli import backfill_days, backfill_stage, backfill_writing
from stemtide_cli.backfill_run import Backfill
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.stack import Stack

from tests.backfilled import items_in, usage_in
from tests.domain_tables import create
from tests.integration.cli.backfills import arguments, streamed, write_log
from tests.integration.cli.conftest import Deployment

Install = Callable[[Callable[..., Any]], None]
REQUESTS = ("transact_write_items", "query")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "log")


@pytest.fixture(autouse=True)
def _small_parts_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [table.replace(str(backfill_days.PART_ROWS), "400") for table in backfill_days.TABLES]
    monkeypatch.setattr(backfill_days, "TABLES", tables)
    monkeypatch.setattr(backfill_writing, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a function around every write and query of the command line."""

    def install(around: Callable[..., Any]) -> None:
        made = Stack.client

        def client(self: Stack, service: str, **options: Any) -> Any:
            found = made(self, service, **options)
            if service == "dynamodb":
                for name in REQUESTS:
                    real = getattr(found, name)
                    setattr(found, name, lambda real=real, **request: around(real, **request))
            return found

        monkeypatch.setattr(Stack, "client", client)

    return install


def throttled(name: str) -> ClientError:
    content = {"Error": {"Code": "ThrottlingException", "Message": "too fast"}}
    return ClientError(content, name)  # type: ignore[arg-type]


def interrupted(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """A run that is killed when it has set the cutovers."""

    def killed(_: Backfill) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Backfill, "write_days", killed)
        assert deployment.invoke(*arguments).exit_code == 1


def stages(tmp_path: Path) -> list[Path]:
    """Counted logs, with users' ids in them."""
    return sorted((tmp_path / "backfill").rglob("stage.duckdb"))


@pytest.mark.parametrize("is_written", [True, False])
def test_a_backfill_that_is_killed_over_and_over_ends_as_one_that_is_not(
    deployment: Deployment, log: Path, faulty: Install, is_written: bool
) -> None:
    expected = streamed(deployment, log)
    made = Counter[str]()

    def killed_now_and_then(request: Any, **arguments: Any) -> Any:
        made["requests"] += 1
        dies = made["requests"] % 9 == 0 and made["requests"] < 150
        if is_written or not dies:
            answer = request(**arguments)
        if dies:
            raise KeyboardInterrupt
        return answer

    faulty(killed_now_and_then)

    first = deployment.invoke(*arguments(log))
    runs = 1
    while deployment.invoke(*arguments(log)).exit_code:
        runs += 1

    assert first.exit_code == 1
    assert "run the same command again" in first.stderr
    assert runs > 5
    assert usage_in(deployment.cloud.usage) == expected
    assert {item["v"] for item in items_in(deployment.cloud.usage).values()} == {1}


def test_finished_parts_are_not_written_again(deployment: Deployment, log: Path, faulty: Install) -> None:
    written = Counter[str]()

    def killed_at_the_end(request: Any, **arguments: Any) -> Any:
        puts = arguments.get("TransactItems", [])
        written["items"] += len(puts)
        if "limit" in written and written["items"] > written["limit"]:
            raise KeyboardInterrupt
        return request(**arguments)

    faulty(killed_at_the_end)
    written["limit"] = 60
    deployment.invoke(*arguments(log))
    before = len(items_in(deployment.cloud.usage))
    del written["limit"]
    written["items"] = 0

    again = deployment.run(*arguments(log))

    everything = len(items_in(deployment.cloud.usage))
    assert 8 < before < everything
    assert written["items"] < everything
    assert again["resumed"]


def test_a_killed_count_begins_the_file_again(
    deployment: Deployment, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = streamed(deployment, log)
    real = Stage._count

    def killed(self: Stage, number: int, good: str) -> None:
        real(self, number, good)
        raise KeyboardInterrupt

    monkeypatch.setattr(Stage, "_count", killed)
    assert deployment.invoke(*arguments(log)).exit_code == 1
    monkeypatch.setattr(Stage, "_count", real)

    done = deployment.run(*arguments(log))

    assert not done["resumed"]
    assert usage_in(deployment.cloud.usage) == expected


def test_throttled_and_unanswered_requests_are_tried_again_with_their_reason(
    deployment: Deployment, log: Path, faulty: Install
) -> None:
    expected = streamed(deployment, log)
    made = Counter[str]()

    def busy(request: Any, **arguments: Any) -> Any:
        made["requests"] += 1
        if made["requests"] % 3 == 0:
            raise throttled("TransactWriteItems")
        answer = request(**arguments)
        if made["requests"] % 3 == 1:
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
        return answer

    faulty(busy)

    done = deployment.invoke(*arguments(log))

    assert done.exit_code == 0
    assert "a request waits (refused for its rate: ThrottlingException); trying again" in done.stderr
    assert "a request waits (no answer: ReadTimeoutError); trying again" in done.stderr
    assert usage_in(deployment.cloud.usage) == expected


def test_a_table_that_takes_nothing_ends_it_with_what_to_do(
    deployment: Deployment, log: Path, faulty: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill_writing, "PATIENCE_S", 0.0)

    def refused(request: Any, **arguments: Any) -> Any:
        raise throttled("Query")

    faulty(refused)

    done = deployment.invoke(*arguments(log))

    assert done.exit_code == 1
    assert "the table takes nothing any more (refused for its rate: ThrottlingException)" in done.stderr
    assert "run the same command again" in done.stderr


def test_a_second_process_waits_for_the_first(
    deployment: Deployment, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(deployment, monkeypatch, *arguments(log))
    (folder,) = (tmp_path / "backfill").iterdir()
    code = (
        f"import duckdb; c = duckdb.connect({str(folder / 'stage.duckdb')!r}); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"

        done = deployment.invoke(*arguments(log))

        other.kill()
    assert done.exit_code == 1
    assert "is in use by another process" in done.stderr


def test_tables_that_were_made_anew_are_filled_again(deployment: Deployment, log: Path) -> None:
    deployment.run(*arguments(log))
    before = usage_in(deployment.cloud.usage)
    for table, declared in (
        (deployment.cloud.usage, tables.USAGE),
        (deployment.cloud.accounts, tables.ACCOUNTS),
    ):
        table.delete()
        create(clients.dynamodb(), declared)

    deployment.run(*arguments(log))

    assert usage_in(deployment.cloud.usage) == before


def test_a_stage_of_another_version_is_left_alone(
    deployment: Deployment, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(deployment, monkeypatch, *arguments(log))
    monkeypatch.setattr(backfill_stage, "VERSION", 99)

    done = deployment.run(*arguments(log))

    assert not done["resumed"]
    assert len(list((tmp_path / "backfill").iterdir())) == 2


def test_cutovers_within_a_day_that_the_interrupted_run_has_set_do_not_begin_it_anew(
    deployment: Deployment, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_log(tmp_path / "first", where="account_id = 'org-1' AND timestamp < '2023-03-02 10:00:00'")
    where = "account_id <> 'org-1' AND timestamp < '2023-03-03 10:00:00'"
    both = write_log(tmp_path / "both", where=f"account_id = 'org-1' OR {where}")
    deployment.run(*arguments(first))
    interrupted(deployment, monkeypatch, *arguments(both))

    done = deployment.run(*arguments(both))

    assert done["resumed"]
    assert done["recompute"] == done["other_backfill"] == []
    assert stages(tmp_path) == []


def test_a_dry_run_leaves_no_counted_log(deployment: Deployment, log: Path, tmp_path: Path) -> None:
    done = deployment.run(*arguments(log, "--dry-run"))

    assert stages(tmp_path) == []
    assert Path(done["rejected_file"]).is_file()


def test_a_dry_run_leaves_an_interrupted_run_what_it_goes_on_from(
    deployment: Deployment, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(deployment, monkeypatch, *arguments(log))

    deployment.run(*arguments(log, "--dry-run"))
    done = deployment.run(*arguments(log))

    assert done["resumed"]
