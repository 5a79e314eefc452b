"""Logs whose days are counted within courses: each course has a clock of its own."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from stemtide.config import bundled_config
from stemtide_cli.errors import CliError

from models import dataset
from models.dataset import Dataset
from models.material import read_material
from models.train import day_text

MAPPING = """
[events]
file = "clicks.csv"
account = ["course", "student"]
event = "event"
weight = "clicks"
[events.day]
column = "day"
course = "course"
starts = { B = "02-01", J = "10-01" }
[enrolments]
file = "enrolments.csv"
account = ["course", "student"]
registered = "from"
left = "until"
[snapshots]
every_days = 7
first_day = 14
[population]
enrolled = true
[targets.silent]
kind = "silent"
horizon_days = 28
or_withdrawn = true
active_within_days = 28
[targets.withdrawn]
kind = "withdrawn"
horizon_days = 28
"""
ENROLMENTS = """course,student,from,until
A-2012B,9,-30,
A-2013B,1,-30,
A-2013B,2,-30,40
A-2013B,3,20,
A-2013B,4,,
Z-2013J,1,-5,
"""
LAST = {"A-2013B": 70, "Z-2013J": 60}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("courses") / "log"
    made.mkdir()
    (made.parent / "m.toml").write_text(MAPPING)
    (made / "enrolments.csv").write_text(ENROLMENTS)
    rows = ["course,student,day,event,clicks"]
    for course, last in LAST.items():
        rows += [f"{course},1,{day},home,3" for day in range(-3, last + 1, 5)]
        rows.append(f"{course},1,{last},home,1")
    rows += ["A-2013B,2,10,home,1", "A-2013B,2,39,home,1"]
    (made / "clicks.csv").write_text("\n".join(rows) + "\n")
    return made


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, Dataset]:
    mapping, material = read_material(str(folder.parent / "m.toml"), folder, bundled_config())
    return {name: dataset.build(mapping, material, target) for name, target in mapping.targets.items()}


def seen(rows: Dataset, account: str, zero: date) -> dict[int, bool]:
    """By day of the course: the label."""
    return {
        (date.fromisoformat(day_text(int(day))) - zero).days: bool(label)
        for name, day, label in zip(rows.accounts, rows.day, rows.y, strict=True)
        if name == account
    }


def test_each_course_has_its_own_day_zero_and_its_own_end(rows: dict[str, Dataset]) -> None:
    withdrawn = rows["withdrawn"]

    assert list(seen(withdrawn, "A-2013B:1", date(2013, 2, 1))) == [14, 21, 28, 35, 42]
    assert list(seen(withdrawn, "Z-2013J:1", date(2013, 10, 1))) == [14, 21, 28]
    assert seen(withdrawn, "A-2012B:9", date(2012, 2, 1)) == {}, "a course without an event has no end"


def test_who_left_is_looked_at_until_then(rows: dict[str, Dataset]) -> None:
    assert seen(rows["withdrawn"], "A-2013B:2", date(2013, 2, 1)) == {14: True, 21: True, 28: True, 35: True}


def test_silence_or_leaving_after_having_been_active(rows: dict[str, Dataset]) -> None:
    assert seen(rows["silent"], "A-2013B:2", date(2013, 2, 1)) == {14: True, 21: True, 28: True, 35: True}
    assert set(seen(rows["silent"], "A-2013B:1", date(2013, 2, 1)).values()) == {False}


def test_the_enrolled_without_a_click_count_unless_activity_is_asked_for(rows: dict[str, Dataset]) -> None:
    assert seen(rows["withdrawn"], "A-2013B:3", date(2013, 2, 1)) == {
        21: False, 28: False, 35: False, 42: False
    }  # fmt: skip
    assert seen(rows["silent"], "A-2013B:3", date(2013, 2, 1)) == {}
    assert seen(rows["withdrawn"], "A-2013B:4", date(2013, 2, 1)) == {}


def test_a_folder_without_the_enrolments_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text((folder / "clicks.csv").read_text())

    with pytest.raises(CliError, match=r"enrolments\.csv"):
        read_material(str(folder.parent / "m.toml"), tmp_path, bundled_config())


def test_a_day_that_is_none_of_a_course_is_left_out_and_moves_no_clock(folder: Path, tmp_path: Path) -> None:
    strange = "".join(
        f"A-2013B,1,{day},home,1\nQ-2013B,1,{day},home,1\n" for day in ("", "nan", "1e9", "soon")
    )
    (tmp_path / "clicks.csv").write_text((folder / "clicks.csv").read_text() + strange)
    (tmp_path / "enrolments.csv").write_text(ENROLMENTS)

    _, material = read_material(str(folder.parent / "m.toml"), tmp_path, bundled_config())

    _, usual = read_material(str(folder.parent / "m.toml"), folder, bundled_config())
    assert material.clocks == usual.clocks
    assert material.last_day == usual.last_day
    assert any("8 no_timestamp" in note for note in material.notes)


def test_dates_serve_as_well_as_days_of_a_course(tmp_path: Path) -> None:
    mapping = MAPPING[: MAPPING.index("[events.day]")].replace('weight = "clicks"', 'timestamp = "at"')
    (tmp_path / "m.toml").write_text(mapping + MAPPING[MAPPING.index("[enrolments]") :])
    days = [date(2013, 2, 1) + timedelta(days=n) for n in range(0, 71, 2)]
    (tmp_path / "clicks.csv").write_text(
        "course,student,at,event\n" + "".join(f"A,1,{day},home\nA,2,{day},home\n" for day in days)
    )
    (tmp_path / "enrolments.csv").write_text(
        "course,student,from,until\nA,1,2013-01-01,2013-03-10\nA,2,2013-01-01,\n"
    )

    made, material = read_material(str(tmp_path / "m.toml"), tmp_path, bundled_config())
    found = dataset.build(made, material, made.targets["withdrawn"])

    assert seen(found, "A:1", date(2013, 2, 1)) == {14: True, 21: True, 28: True, 35: True}
    assert set(seen(found, "A:2", date(2013, 2, 1)).values()) == {False}
