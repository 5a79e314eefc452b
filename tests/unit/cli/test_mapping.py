from pathlib import Path

import pytest
from stemtide_cli.errors import CliError
from stemtide_cli.log import Log, open_log
from stemtide_cli.mapping import find_mapping, load_mapping
from stemtide_cli.position import END, START

MINIMAL = '[events]\nfile = "e.csv"\naccount = "org"\nevent = "what"\n'
ROWS = "org,who,what,at\na,u1,Opened,2024-05-01T10:00:00Z\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def opened(tmp_path: Path, mapping: str, log: str = ROWS, name: str = "e.csv") -> Log:
    """The log of one file, by a mapping."""
    written(tmp_path / "log" / name, log)
    path = written(tmp_path / "m.toml", mapping)
    return open_log(
        load_mapping(path).events, folder=tmp_path / "log", mapping_path=path, spill=tmp_path / "spill"
    )


def rows(log: Log) -> list[tuple[object, ...]]:
    return [row for batch in log.rows((START, END), batch=100) for row in batch]


@pytest.mark.parametrize("name", ["crm", "social", "nova", "oulad", "simulated"])
def test_every_shipped_mapping_loads_by_its_name(name: str) -> None:
    mapping = load_mapping(find_mapping(name))

    assert mapping.events.file.endswith(".parquet")


def test_an_unknown_mapping_name_lists_the_shipped_ones() -> None:
    with pytest.raises(CliError) as caught:
        find_mapping("salesforce")

    assert "crm, nova, oulad, simulated, social" in caught.value.hint


def test_an_unknown_key_is_named_with_its_file_and_the_known_keys(tmp_path: Path) -> None:
    path = written(tmp_path / "m.toml", MINIMAL + 'acount = "x"\ntimestamp = "at"\n')

    with pytest.raises(CliError) as caught:
        load_mapping(path)

    assert str(path) in caught.value.message
    assert "acount" in caught.value.message
    assert "account_separator" in caught.value.hint


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "m.toml", "[events]\nfile = \n")

    with pytest.raises(CliError, match="line 2"):
        load_mapping(path)


@pytest.mark.parametrize(
    "when", ["", 'timestamp = "at"\nday = {column="d", course="c", starts={B="02-01"}}\n']
)
def test_a_mapping_says_in_exactly_one_way_when_an_event_was(tmp_path: Path, when: str) -> None:
    path = written(tmp_path / "m.toml", MINIMAL + when)

    with pytest.raises(CliError, match="timestamp"):
        load_mapping(path)


def test_a_column_that_the_log_lacks_is_named_with_key_file_and_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        opened(tmp_path, MINIMAL + 'timestamp = "at"\nuser = "person"\n')

    assert "`user` names the column 'person'" in caught.value.message
    assert "e.csv" in caught.value.message
    assert caught.value.hint == "its columns are org, who, what, at"


def test_a_timestamp_column_of_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="BIGINT"):
        opened(tmp_path, MINIMAL + 'timestamp = "at"\n', log="org,what,at\na,b,17\n")


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"e\.csv"):
        opened(tmp_path, MINIMAL + 'timestamp = "at"\n', name="other.csv")


def test_a_count_column_does_not_become_a_weight_by_accident(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="stand for that many"):
        opened(
            tmp_path, MINIMAL + 'timestamp = "at"\n', log="org,what,at,count\na,b,2024-05-01T10:00:00Z,7\n"
        )


def test_days_count_from_the_start_that_the_suffix_of_the_course_names(tmp_path: Path) -> None:
    mapping = (
        '[events]\nfile = "e.csv"\naccount = ["course", "student"]\nevent = "what"\n'
        '[events.day]\ncolumn = "day"\ncourse = "course"\nstarts = {B = "02-01", J = "10-01"}\n'
    )
    log = "course,student,what,day\nAAA-2013J,7,x,-10\nBBB-2014B,007,y,0\nBBB-2016B,7,z,28\n"

    found = rows(opened(tmp_path, mapping, log=log))

    assert [(row[3], row[6]) for row in found] == [
        ("AAA-2013J:7", "2013-09-21T00:00:00.000Z"),
        ("BBB-2014B:007", "2014-02-01T00:00:00.000Z"),
        ("BBB-2016B:7", "2016-02-29T00:00:00.000Z"),
    ]


def test_a_course_with_an_unknown_suffix_is_named(tmp_path: Path) -> None:
    mapping = MINIMAL + '[events.day]\ncolumn = "day"\ncourse = "org"\nstarts = {B = "02-01"}\n'

    with pytest.raises(CliError, match="'AAA-2013J'"):
        opened(tmp_path, mapping, log="org,what,day\nAAA-2013J,x,0\n")


def test_a_start_that_is_no_day_is_refused(tmp_path: Path) -> None:
    mapping = MINIMAL + '[events.day]\ncolumn = "day"\ncourse = "org"\nstarts = {B = "02-31"}\n'
    path = written(tmp_path / "m.toml", mapping)

    with pytest.raises(CliError, match="02-31"):
        load_mapping(path)
