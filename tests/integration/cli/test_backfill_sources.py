"""Where an export may be: a folder, its parts, single files, S3."""

import shutil
from pathlib import Path

import pytest

from tests.backfilled import Usage, usage_in
from tests.integration.cli.backfills import ROWS, arguments, streamed, write_log
from tests.integration.cli.conftest import Deployment

THIRDS = [f"day(timestamp) % 3 = {third}" for third in range(3)]


@pytest.fixture
def expected(deployment: Deployment, tmp_path: Path) -> Usage:
    return streamed(deployment, write_log(tmp_path / "whole"))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export in three parts of three formats, with a marker, an empty part, and subscriptions."""
    folder = tmp_path / "export"
    names = ("dt=1/part-0.parquet", "dt=2/part-1.csv", "dt=2/part-2.jsonl")
    for where, name in zip(THIRDS, names, strict=True):
        form = name.rpartition(".")[2]
        write_log((folder / "events" / name).parent, form, where=where, name=Path(name).name)
    (folder / "events" / "_SUCCESS").write_text("")
    (folder / "events" / "dt=2" / "part-3.jsonl").write_text("")
    (folder / "events" / "_temporary").mkdir()
    shutil.copy(folder / "events" / "dt=1" / "part-0.parquet", folder / "events" / "_temporary" / "a.parquet")
    (folder / "subscriptions.csv").write_text(
        "account_id,product,start_date,end_date,mrr,quantity,units,bill_period_months,discount\n"
        "org-1,basic_mthly,2023-03-01,2030-01-01,200.0,10,users,1,0\n"
    )
    return folder


def upload(deployment: Deployment, folder: Path, prefix: str) -> None:
    deployment.cloud.s3.create_bucket(Bucket="exports")
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"{prefix}{path.relative_to(folder)}"
            deployment.cloud.s3.put_object(Bucket="exports", Key=key, Body=path.read_bytes())


def test_the_parts_of_an_export_count_as_one(deployment: Deployment, export: Path, expected: Usage) -> None:
    done = deployment.run(*arguments(export))

    assert [Path(name).name for name in done["data"]] == ["part-0.parquet", "part-1.csv", "part-2.jsonl"]
    assert (done["rows"], done["refused"], done["facts"]["new"]) == (ROWS, {"no_account": ROWS // 10}, 1)
    assert usage_in(deployment.cloud.usage) == expected


def test_single_files_count_as_one(deployment: Deployment, export: Path, expected: Usage) -> None:
    parts = sorted((export / "events").rglob("part-[0-2].*"))
    more = [text for part in parts[1:] for text in ("--data", str(part))]

    done = deployment.run(*arguments(parts[0], *more, "--data", str(export / "subscriptions.csv")))

    assert (done["rows"], done["facts"]["new"]) == (ROWS, 1)
    assert usage_in(deployment.cloud.usage) == expected


@pytest.mark.parametrize("place", ["s3://exports/2026/", "s3://exports/2026"])
def test_an_export_in_s3_is_read_object_by_object(
    deployment: Deployment, export: Path, expected: Usage, tmp_path: Path, place: str
) -> None:
    upload(deployment, export, "2026/")
    upload_another = {"Bucket": "exports", "Key": "2026-old/events.csv", "Body": b"a,b\n1,2\n"}
    deployment.cloud.s3.put_object(**upload_another)

    done = deployment.run(*arguments(place))

    assert (done["rows"], done["facts"]["new"]) == (ROWS, 1)
    assert done["data"][0] == "s3://exports/2026/events/dt=1/part-0.parquet"
    assert usage_in(deployment.cloud.usage) == expected
    assert list((tmp_path / "backfill").rglob("part-*")) == []


def test_one_object_is_an_export_whatever_its_name(deployment: Deployment, export: Path) -> None:
    upload(deployment, export, "x/")

    done = deployment.run(*arguments("s3://exports/x/events/dt=2/part-1.csv"))

    assert done["data"] == ["s3://exports/x/events/dt=2/part-1.csv"]
    assert 0 < done["rows"] < ROWS


def test_a_run_that_failed_on_one_file_goes_on_with_it(
    deployment: Deployment, export: Path, expected: Usage
) -> None:
    broken = export / "events" / "dt=2" / "part-1.csv"
    whole = broken.read_bytes()
    broken.write_bytes(whole.replace(b"account_id", b"organisation"))

    failed = deployment.run(*arguments(export), expect=1)
    broken.write_bytes(whole)
    done = deployment.run(*arguments(export))

    assert "`account` names the column 'account_id', which" in failed["error"]
    assert "part-1.csv does not have" in failed["error"]
    assert done["rows"] == ROWS
    assert usage_in(deployment.cloud.usage) == expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("nowhere", "there is no such file or folder"),
        ("{folder}/empty", "there is no file that can be read"),
        ("{folder}/note.txt", "there is no file that can be read"),
        ("{folder}/terms", "there is no file of events"),
        ("{folder}/two", "several files fit"),
        ("s3://exports/none/", "there is no file that can be read"),
        ("s3://absent/x", "--data s3://absent/x: the bucket 'absent' cannot be listed: "),
        ("s3:///x", "--data s3:///x: the bucket '' cannot be listed: "),
    ],
)
def test_data_that_is_not_there_is_said(
    deployment: Deployment, export: Path, tmp_path: Path, data: str, said: str
) -> None:
    upload(deployment, export, "x/")
    for name in ("empty", "terms", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "note.txt").write_text("hello")
    shutil.copy(export / "subscriptions.csv", tmp_path / "terms")
    write_log(tmp_path / "two", "csv")
    write_log(tmp_path / "two", "jsonl")

    failed = deployment.run(*arguments(data.format(folder=tmp_path)), expect=1)

    assert said in failed["error"]
    assert failed["hint"]


def test_objects_that_are_named_twice_are_read_once(deployment: Deployment, export: Path) -> None:
    upload(deployment, export, "2026/")
    part = "s3://exports/2026/events/dt=2/part-1.csv"

    done = deployment.run(*arguments("s3://exports/2026", "--data", "s3://exports/2026/", "--data", part))

    assert (done["rows"], len(done["data"]), done["ignored"]) == (ROWS, 3, [])
