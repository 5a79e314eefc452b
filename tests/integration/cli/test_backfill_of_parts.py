"""Exports whose parts are empty, lack columns, or have nothing that counts."""

import gzip
import json
from pathlib import Path

import duckdb
import pytest
from stemtide import users

from tests.backfilled import items_in, usage_in
from tests.integration.cli.backfills import arguments
from tests.integration.cli.conftest import Deployment

HEADER = "timestamp,account_id,user_id,event,value\n"
ROW = {"timestamp": "2023-03-01T10:00:00", "account_id": "acme", "user_id": "u", "event": "x", "value": 1}


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "p0.csv").write_text(f"{HEADER}{','.join(map(str, ROW.values()))}\n")
    return folder


def test_parts_without_content_are_passed_over(deployment: Deployment, parts: Path, tmp_path: Path) -> None:
    (parts / "p1.jsonl.gz").write_bytes(gzip.compress(b""))
    (parts / "p2.csv.gz").write_bytes(gzip.compress(b"\n"))
    (parts / "p3.jsonl").write_text("\n")
    (tmp_path / "empty.csv").write_text("")

    done = deployment.run(*arguments(parts, "--data", str(tmp_path / "empty.csv")))

    assert (done["rows"], done["counted"]) == (1, 1)


def test_a_refused_row_is_kept_with_the_beginning_of_its_long_texts(
    deployment: Deployment, parts: Path
) -> None:
    long = ROW | {"timestamp": "2023-03-01T10:00:00.123Z", "user_id": "u" * 10_000_000}
    (parts / "p1.jsonl").write_text(json.dumps(long) + "\n")

    done = deployment.run(*arguments(parts))

    [line] = map(json.loads, Path(done["rejected_file"]).read_text().splitlines())
    assert (done["counted"], done["refused"]) == (1, {"too_large": 1})
    assert line["values"] == long | {"user_id": "u" * 4096}


def test_instants_in_nanoseconds_with_a_zone_are_instants(
    deployment: Deployment, parts: Path, tmp_path: Path
) -> None:
    (parts / "p0.csv").unlink()
    duckdb.execute(
        "COPY (SELECT TIMESTAMPTZ_NS '2023-03-01 23:59:59.999999999+00' AS timestamp, 'u' AS user_id,"
        " CASE WHEN i = 0 THEN 'acme' END AS account_id, 'x' AS event, 1 AS value FROM range(2) t(i))"
        f" TO '{parts / 'p0.parquet'}' (FORMAT parquet)"
    )

    done = deployment.run(*arguments(parts))

    [line] = map(json.loads, Path(done["rejected_file"]).read_text().splitlines())
    assert (done["counted"], done["refused"]) == (1, {"no_account": 1})
    assert done["cutover"] == "2023-03-02T00:00:00.000Z"
    assert list(usage_in(deployment.cloud.usage)) == [("acme", "2023-03-01")]
    assert line["values"]["timestamp"].startswith("2023-03-01 23:59:59.999999999")


def test_an_export_without_any_content_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")

    failed = deployment.run(*arguments(tmp_path / "empty.csv"), expect=1)

    assert failed["error"] == "the files of events are empty"


def test_a_damaged_part_is_no_empty_one(deployment: Deployment, parts: Path) -> None:
    (parts / "p1.csv.gz").write_bytes(gzip.compress(HEADER.encode())[:20])

    failed = deployment.run(*arguments(parts), expect=1)

    assert "p1.csv.gz cannot be read" in failed["error"]


def test_optional_columns_that_a_part_lacks_are_empty(deployment: Deployment, parts: Path) -> None:
    (parts / "p1.jsonl").write_text(json.dumps(ROW | {"timestamp": "2023-03-02T10:00:00"}) + "\n")
    sparse = {name: ROW[name] for name in ("timestamp", "account_id", "event")}
    (parts / "p2.jsonl").write_text(json.dumps(sparse | {"timestamp": "2023-03-03T10:00:00"}) + "\n")

    done = deployment.run(*arguments(parts))
    said = deployment.invoke(*arguments(parts, "--dry-run")).stderr

    assert done["counted"] == 3
    usage = usage_in(deployment.cloud.usage)
    assert {day: users.count(found.users) for (_, day), found in usage.items()} == {
        f"2023-03-0{day}": 1 for day in (1, 2, 3)
    }
    assert "1 of 3 files of events have no column 'value': it is empty there" in said


def test_a_key_that_no_row_has_is_none_of_the_logs(deployment: Deployment, tmp_path: Path) -> None:
    row = {name: value for name, value in ROW.items() if name != "value"}
    (tmp_path / "events.jsonl").write_text(json.dumps(row) + "\n")

    done = deployment.run(*arguments(tmp_path / "events.jsonl"))

    assert (done["counted"], done["refused"]) == (1, {})


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            HEADER.replace("user_id", "person"),
            "`user` names the column 'user_id', which no file of events has",
        ),
        (HEADER.replace("user_id", "User_Id"), "`user` names the column 'user_id', which"),
        (HEADER.replace("event", "what"), "`event` names the column 'event', which"),
    ],
)
def test_a_column_that_is_nowhere_is_a_mistake(
    deployment: Deployment, parts: Path, header: str, said: str
) -> None:
    (parts / "p0.csv").write_text((parts / "p0.csv").read_text().replace(HEADER, header))

    failed = deployment.run(*arguments(parts), expect=1)

    assert said in failed["error"]
    assert items_in(deployment.cloud.usage) == {}


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_backfill_of_which_nothing_counts_fails_with_an_example(
    deployment: Deployment, parts: Path, more: tuple[str, ...]
) -> None:
    (parts / "p0.csv").write_text(HEADER + "03/01/2023 10:00,acme,u,x,1\nsoon,acme,u,x,1\n")

    for _ in range(2):
        failed = deployment.run(*arguments(parts, *more), expect=1)

        assert failed["error"] == "none of the 2 rows counts: 2 no_timestamp"
        assert "`timestamp` of [events] in " in failed["hint"]
        assert "names 'timestamp', which has '03/01/2023 10:00': it must have timestamps" in failed["hint"]
        assert Path(failed["hint"].rpartition(" ")[2]).is_file()


def test_an_export_of_accounts_that_are_no_ids_fails_with_an_example(
    deployment: Deployment, parts: Path
) -> None:
    (parts / "p0.csv").write_text(HEADER + "2023-03-01,Acme Inc.,u,x,1\n")

    failed = deployment.run(*arguments(parts), expect=1)

    assert "none of the 1 rows counts: 1 bad_account" in failed["error"]
    assert "names 'account_id', which has 'Acme Inc.': it must have ids" in failed["hint"]
