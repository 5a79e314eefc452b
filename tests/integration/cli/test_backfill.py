"""A log straight into the tables: the same usage as the stream makes of it, whatever happens in between."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from stemtide.ports import CUTOVER_SORT
from stemtide.state import decode
from stemtide.store.day_use import DayUses
from stemtide.store.records import Records
from stemtide.store.usage import account_seen, first_day_seen
from stemtide.store.usage_blocks import BLOCK, UsageBlocks

from tests.backfilled import items_in, usage_in
from tests.integration.cli.backfills import COUNTED, FORMATS, ROWS, arguments, streamed, write_log
from tests.integration.cli.conftest import Deployment


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "log")


@pytest.mark.parametrize("form", FORMATS)
def test_a_backfilled_log_is_what_the_stream_makes_of_it(
    deployment: Deployment, tmp_path: Path, form: str
) -> None:
    log = write_log(tmp_path / "log", form)
    expected = streamed(deployment, log)

    done = deployment.run(*arguments(log))

    assert (done["rows"], done["counted"], done["refused"]) == (ROWS, COUNTED, {"no_account": ROWS // 10})
    assert done["written"] == done["days"] == len(expected)
    assert usage_in(deployment.cloud.usage) == expected


def test_what_is_refused_is_kept_with_its_reason(deployment: Deployment, log: Path) -> None:
    done = deployment.run(*arguments(log))

    lines = [json.loads(line) for line in Path(done["rejected_file"]).read_text().splitlines()]
    assert [line["row"] for line in lines] == list(range(9, ROWS, 10))
    assert {line["reason"] for line in lines} == {"no_account"}
    assert lines[0]["values"]["value"] == 9


def test_a_backfilled_account_has_its_cutover_its_last_day_and_is_seen(
    deployment: Deployment, log: Path
) -> None:
    done = deployment.run(*arguments(log))

    items, accounts = items_in(deployment.cloud.usage), deployment.cloud.accounts
    cutover = decode(bytes(items["org-1", CUTOVER_SORT]["s"]))
    record = accounts.get_item(Key={"account": "org-1", "item": "record"})["Item"]
    assert done["cutover"] == "2023-03-04T23:42:20.001Z"
    assert (cutover.covered_ms, cutover.calls) == (1677973340001, 0)
    assert record["last_day"] == "2023-03-04"
    assert account_seen(deployment.cloud.usage, "org-1")
    assert str(first_day_seen(deployment.cloud.usage, "org-1")) == "2023-03-01"


def test_a_backfilled_day_is_nobodys_first_use_and_voids_what_scoring_keeps(
    deployment: Deployment, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = UsageBlocks(deployment.cloud.accounts)
    blocks.begin("org-1")
    deployment.run(*arguments(log))

    def looked(*asked: Any) -> Any:
        raise AssertionError(asked)

    monkeypatch.setattr(DayUses, "read", looked)
    monkeypatch.setattr(Records, "touch", looked)
    deployment.work_off()

    block = blocks.read("org-1")
    assert block is not None
    assert block.voids > 0
    kept = [item["account"] for item in deployment.cloud.accounts.scan()["Items"] if item["item"] == BLOCK]
    assert kept == ["org-1"]


def test_the_same_backfill_again_writes_nothing(deployment: Deployment, log: Path) -> None:
    first = deployment.run(*arguments(log))
    before = items_in(deployment.cloud.usage)

    again = deployment.run(*arguments(log))

    assert (first["resumed"], again["resumed"]) == (False, True)
    assert again == first | {
        name: again[name] for name in ("resumed", "written", "unchanged", "seconds", "rows_per_second")
    }
    assert (again["written"], again["unchanged"]) == (0, first["days"])
    assert items_in(deployment.cloud.usage) == before


def test_of_a_finished_backfill_the_result_and_the_refused_rows_stay(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    deployment.run(*arguments(log))

    (folder,) = (tmp_path / "backfill").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["finished.json", "rejected.jsonl"]


def test_a_dry_run_counts_everything_and_writes_nothing(deployment: Deployment, log: Path) -> None:
    done = deployment.run(*arguments(log, "--dry-run"))

    assert (done["dry_run"], done["counted"], done["days"]) == (True, COUNTED, 32)
    assert items_in(deployment.cloud.usage) == {}
    assert deployment.cloud.accounts.scan()["Items"] == []


def test_a_dry_run_of_a_finished_backfill_is_a_dry_run(deployment: Deployment, log: Path) -> None:
    deployment.run(*arguments(log))

    done = deployment.run(*arguments(log, "--dry-run"))

    assert (done["dry_run"], done["counted"], done["written"]) == (True, COUNTED, 0)


@pytest.mark.parametrize("form", FORMATS)
def test_a_log_may_have_columns_of_any_names(deployment: Deployment, tmp_path: Path, form: str) -> None:
    names = ("reason", "_row", "row", "file", "own_stop", "values", "instant", "person", "judged")
    columns = ", ".join(f"{place} AS {name}" for place, name in enumerate(names))
    log = write_log(tmp_path / "log", form)
    (path,) = log.iterdir()
    default, options = FORMATS[form].split(" ", 1)
    duckdb.execute(f"COPY (SELECT *, {columns} FROM '{path}') TO '{tmp_path / 'new'}' {options}")
    (tmp_path / "new").rename(log / default)
    expected = streamed(deployment, log)

    done = deployment.run(*arguments(log))

    lines = [json.loads(line) for line in Path(done["rejected_file"]).read_text().splitlines()]
    assert (lines[0]["row"], lines[0]["reason"]) == (9, "no_account")
    assert lines[0]["values"].items() >= {name: place for place, name in enumerate(names)}.items()
    assert usage_in(deployment.cloud.usage) == expected


def test_what_names_users_is_for_their_reader_alone(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    deployment.run(*arguments(log))

    (folder,) = (tmp_path / "backfill").iterdir()
    assert oct(folder.stat().st_mode)[-3:] == "700"
