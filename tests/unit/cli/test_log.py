import gzip
import json
import random
from pathlib import Path

import duckdb
import pytest
from stemtide_cli.errors import CliError
from stemtide_cli.log import Log, open_log
from stemtide_cli.mapping import DayZero, Events
from stemtide_cli.position import END, START, Interval

DAY_US = 86_400_000_000
JSON_ROW = b'{"at": "2024-05-01", "org": "a", "who": "someone", "what": "x"}\n'
EVENTS = Events(file="e.parquet", account="org", timestamp="at", event="what", user="who")


def opened(folder: Path, events: Events = EVENTS) -> Log:
    return open_log(events, folder=folder, mapping_path=Path("m.toml"), spill=folder / "spill")


def rows(log: Log, interval: Interval = (START, END)) -> list[tuple[object, ...]]:
    return [row for batch in log.rows(interval, batch=7) for row in batch]


def parquet(folder: Path, query: str) -> Path:
    duckdb.execute(f"COPY ({query}) TO '{folder / 'e.parquet'}' (FORMAT parquet)")
    return folder


def one(folder: Path, **columns: str) -> tuple[object, ...]:
    """The only row of a log whose columns are SQL literals."""
    base = {"at": "TIMESTAMP '2024-05-01 10:00:00'", "org": "'a'", "who": "'u'", "what": "'Opened'"}
    chosen = ", ".join(f"{value} AS {name}" for name, value in (base | columns).items())
    weight = "n" if "n" in columns else None
    events = Events(file="e.parquet", account="org", timestamp="at", event="what", user="who", weight=weight)
    return rows(opened(parquet(folder, f"SELECT {chosen}"), events))[0]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_rows_come_by_instant_and_then_as_they_stand_in_the_file(tmp_path: Path, ending: str) -> None:
    shuffled = random.Random(7)
    hours = [shuffled.randrange(20) for _ in range(3000)]
    content = [
        {"at": f"2024-05-01T{h:02}:00:00Z", "org": "a", "who": "u", "what": f"e{i}"}
        for i, h in enumerate(hours)
    ]
    if ending == "csv":
        lines = ["at,org,who,what", *(",".join(row.values()) for row in content)]
    else:
        lines = [json.dumps(row) for row in content]
    (tmp_path / f"e.{'csv' if ending == 'csv' else 'jsonl'}").write_text("\n".join(lines) + "\n")
    if ending == "parquet":
        parquet(tmp_path, f"SELECT * FROM read_json('{tmp_path / 'e.jsonl'}')")

    found = rows(opened(tmp_path))

    expected = sorted(range(3000), key=lambda i: (hours[i], i))
    assert [row[1] for row in found] == expected
    assert [row[5] for row in found] == [f"e{i}" for i in expected]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_names_are_read_as_they_are_written(tmp_path: Path, ending: str) -> None:
    if ending == "csv":
        (tmp_path / "e.csv").write_text("at,org,who,what\n2024-05-01T10:00:00+02:00,007,00,1e3\n")
    else:
        written = {"at": "2024-05-01T10:00:00+02:00", "org": "007", "who": "00", "what": "1e3"}
        (tmp_path / "e.jsonl").write_text(json.dumps(written) + "\n")

    [row] = rows(opened(tmp_path))

    assert row[3:7] == ("007", "00", "1e3", "2024-05-01T08:00:00.000Z")


@pytest.mark.parametrize(
    "kind",
    ["TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMPTZ", "TIMESTAMPTZ_NS", "VARCHAR"],
)
def test_an_instant_is_the_same_in_whatever_type_it_is_kept(tmp_path: Path, kind: str) -> None:
    row = one(tmp_path, at=f"CAST('2024-05-01 10:00:00+00' AS {kind})")

    assert row[6] == "2024-05-01T10:00:00.000Z"


@pytest.mark.parametrize("offset", [" +0930", " +09:30", "+0930", "+09:30"])
def test_an_offset_may_stand_apart_as_snowflake_writes_it(tmp_path: Path, offset: str) -> None:
    row = one(tmp_path, at=f"'2024-05-01 10:00:00.000{offset}'")

    assert row[6] == "2024-05-01T00:30:00.000Z"


@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE", "FLOAT", "DECIMAL(18, 2)", "VARCHAR"])
def test_a_number_as_a_name_is_the_same_in_whatever_type_it_is_kept(tmp_path: Path, kind: str) -> None:
    row = one(tmp_path, org=f"CAST(28400 AS {kind})", who=f"CAST(100 AS {kind})")

    assert row[3:5] == ("28400", "100")


def test_a_name_that_is_not_a_number_is_no_name_and_text_stays_as_it_is(tmp_path: Path) -> None:
    row = one(tmp_path, org="'v1.0'", who="CAST('NaN' AS DOUBLE)")

    assert row[3:5] == ("v1.0", None)


@pytest.mark.parametrize(("place", "ending"), [("e.parquet", "parquet"), ("e", "parquet"), ("e", "csv")])
def test_a_file_in_parts_is_read_as_one(tmp_path: Path, place: str, ending: str) -> None:
    parts = tmp_path / place
    parts.mkdir()
    (parts / "_SUCCESS").touch()
    columns = ("'a' AS org, 'u' AS who, '7' AS what", "'e' AS what, 'b' AS org, 'u' AS who, 5 AS extra")
    for number, of_part in enumerate(columns):
        made = (
            f"SELECT TIMESTAMP '2024-05-01' + INTERVAL 1 HOUR * (i % 2) AS at, {of_part} FROM range(3) t(i)"
        )
        duckdb.execute(f"COPY ({made}) TO '{parts / f'part-{number}.{ending}'}'")

    log = opened(tmp_path)

    assert [(row[1], row[3], row[5]) for row in rows(log)] == [
        (0, "a", "7"), (2, "a", "7"), (3, "b", "e"), (5, "b", "e"), (1, "a", "7"), (4, "b", "e")
    ]  # fmt: skip
    (parts / f"part-0.{ending}").unlink()
    assert opened(tmp_path).fingerprint != log.fingerprint


def test_parts_of_several_formats_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "a.csv").write_text("at,org,who,what\n")
    (tmp_path / "e" / "b.jsonl").write_text("{}\n")

    with pytest.raises(CliError, match="parts of several formats"):
        opened(tmp_path)


def test_an_interval_cuts_rows_without_changing_their_numbers(tmp_path: Path) -> None:
    log = opened(
        parquet(
            tmp_path,
            "SELECT TIMESTAMP '2024-05-01' + INTERVAL 1 DAY * (i % 3) AS at, 'a' AS org, 'u' AS who,"
            " 'e' AS what FROM range(9) t(i)",
        )
    )
    everything = rows(log)
    second_day = int(everything[3][0])  # type: ignore[call-overload]

    found = rows(log, ((second_day, 2), (second_day + DAY_US, 6)))

    assert [row[1] for row in found] == [4, 7, 2, 5]
    assert found == [row for row in everything if row[1] in (4, 7, 2, 5)]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"org": "NULL::VARCHAR"}, "no_account"),
        ({"org": "''"}, "no_account"),
        ({"org": "'a b'"}, "bad_account"),
        ({"org": "repeat('a', 129)"}, "bad_account"),
        ({"what": "NULL::VARCHAR"}, "no_event"),
        ({"what": "repeat('e', 129)"}, "bad_event"),
        ({"n": "0"}, "bad_weight"),
        ({"n": "1.5"}, "bad_weight"),
        ({"n": "NULL::BIGINT"}, "bad_weight"),
        ({"n": "10000001"}, "bad_weight"),
        ({"n": "1e300::DOUBLE"}, "bad_weight"),
        ({"n": "'nan'::DOUBLE"}, "bad_weight"),
        ({"n": "'inf'::DOUBLE"}, "bad_weight"),
        ({"org": "'nan'::DOUBLE"}, "no_account"),
        ({"who": "repeat('u', 262145)"}, "too_large"),
        ({"note": "repeat('n', 262144)"}, "too_large"),
        ({"note": "repeat('n', 262143)"}, None),
        ({"n": "10000000"}, None),
        ({"org": "repeat('a', 128)", "what": "repeat('e', 128)"}, None),
        ({"who": "NULL::VARCHAR"}, None),
    ],
)
def test_a_row_that_could_never_be_counted_says_why(
    tmp_path: Path, columns: dict[str, str], reason: str | None
) -> None:
    row = one(tmp_path, **columns)

    assert row[2] == reason


def test_rows_without_a_timestamp_have_no_place_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("at,org,who,what\nyesterday,a,u,x\n2024-05-01 10:00:00,a,u,y\n,a,u,z\n")
    log = opened(tmp_path)

    found = rows(log)

    assert [row[5] for row in found] == ["y"]
    assert log.without_instant() == 2


def test_other_columns_become_properties_that_json_can_hold(tmp_path: Path) -> None:
    log = opened(
        parquet(
            tmp_path,
            "SELECT TIMESTAMP '2024-05-01' AS at, 'a' AS org, 'u' AS who, 'e' AS what,"
            " 1.5::DECIMAL(9, 2) AS price, 7::HUGEINT AS wide, DATE '2024-01-02' AS due,"
            " true AS paid, [1, 2] AS list, 'x' AS text",
        )
    )

    [row] = rows(log)

    assert log.properties == ("price", "wide", "due", "paid", "list", "text")
    assert row[8:] == (1.5, 7.0, "2024-01-02", True, "[1, 2]", "x")


def test_a_log_is_known_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    text = "at,org,who,what\n2024-05-01 10:00:00,a,u,y\n"
    for name, content in (("one", text), ("two", text), ("three", text.replace("y", "z"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "e.csv").write_text(content)

    one, two, three = (opened(tmp_path / name).fingerprint for name in ("one", "two", "three"))

    assert one == two
    assert one != three


def test_an_error_names_the_line_and_keeps_its_row_to_itself(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(f"at,org,who,what\n2024-05-01,a,someone@example.com,{'z' * 17_000_000}\n")

    with pytest.raises(CliError, match=r"e\.csv cannot be read: .* on Line: \d+$") as told:
        opened(tmp_path)

    assert "someone" not in told.value.message
    assert len(told.value.message) < 300
    assert told.value.hint == "a row may have at most 16 MB"


@pytest.mark.parametrize(
    ("name", "content"), [("e.csv", b""), ("e.csv.gz", gzip.compress(b"\n", mtime=0)), ("e.jsonl", b" ")]
)
def test_a_file_without_content_is_said_to_be_empty(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CliError, match="is empty"):
        opened(tmp_path)


@pytest.mark.parametrize("row", ["2024-05-01,a", "2024-05-01,a,u,e,x,y"])
def test_a_file_whose_rows_differ_in_length_is_not_regular(tmp_path: Path, row: str) -> None:
    rows = "2024-05-01,a,u,e\n" * 40 + f"{row}\n" * 5
    (tmp_path / "e.csv").write_text(f"at,org,who,what\n{rows}")

    with pytest.raises(CliError, match=r"e\.csv is not a regular file") as told:
        opened(tmp_path)

    assert "2024" not in told.value.message + told.value.hint


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("e.csv", b"at,org,who,what\n2024-05-01,a,caf\xe9,e\n", "write the file in UTF-8"),
        ("e.jsonl", b'{"at": "2024-05-01", "org"', "is the file complete, and what its ending says?"),
        ("e.jsonl", b'[{"at": "2024-05-01", "org": "a"}]', "write one JSON object a line"),
        ("e.jsonl", JSON_ROW + b"5\n", "write one JSON object a line"),
        ("e.jsonl", b"\xef\xbb\xbf" + JSON_ROW, "write the file in UTF-8, without a byte order mark"),
        ("e.jsonl", JSON_ROW.replace(b'"who":', b'"who": "b", "who":'), "a row may have each key once"),
        (
            "e.csv",
            b"at,org,who,what\r\n2024-05-01,a,u,e\n",
            "write every row with as many values, the same separators and the same ends of lines",
        ),
    ],
)
def test_an_error_says_what_to_do_and_shows_no_query(
    tmp_path: Path, name: str, content: bytes, hint: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CliError, match="cannot be read") as told:
        rows(opened(tmp_path))

    assert "SELECT" not in told.value.message
    assert "someone" not in told.value.message
    assert "\n" not in told.value.message
    assert told.value.hint == hint


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("7.0::DOUBLE", "7"),
        ("7::FLOAT", "7"),
        ("7::DECIMAL(38, 9)", "7"),
        ("7.5::DOUBLE", "7.5"),
        ("12345678901234567890123456789::DECIMAL(38, 9)", "12345678901234567890123456789"),
    ],
)
def test_a_name_that_is_kept_as_a_number_has_no_fraction(tmp_path: Path, number: str, name: str) -> None:
    row = one(tmp_path, org=number, who=number, what=number)

    assert row[2:6] == (None, name, name, name)


def test_an_instant_that_no_timestamp_holds_is_none(tmp_path: Path) -> None:
    log = opened(
        parquet(
            tmp_path,
            "SELECT DATE '2024-05-01' + CAST(2000000000 * i AS INTEGER) AS at, 'a' AS org, 'u' AS who,"
            " 'e' AS what FROM range(2) t(i)",
        )
    )

    assert [row[1] for row in rows(log)] == [0]
    assert log.without_instant() == 1


@pytest.mark.parametrize("day", ["2147483647", "'x'", "NULL::BIGINT"])
def test_a_day_that_cannot_be_is_none(tmp_path: Path, day: str) -> None:
    when = DayZero(column="n", course="c", starts={"J": "10-01"})
    events = Events(file="e.parquet", account="org", day=when, event="what", user="who", properties=[])
    log = opened(
        parquet(tmp_path, f"SELECT 'a' AS org, 'u' AS who, 'e' AS what, {day} AS n, 'X-2013J' AS c"), events
    )

    assert rows(log) == []
    assert log.without_instant() == 1


def test_no_row_of_a_csv_file_is_taken_for_a_comment(tmp_path: Path) -> None:
    content = "what,at,org,who\n#1,2024-05-01,a,u\nx,2024-05-01,a,u\n"
    (tmp_path / "e.csv").write_text(content)

    assert [row[5] for row in rows(opened(tmp_path))] == ["#1", "x"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("day", ["03/04/2024", "03-04-2024", "03.04.2024", "13/04/2024 10:00:00"])
def test_which_number_of_a_date_is_the_month_is_not_guessed(tmp_path: Path, ending: str, day: str) -> None:
    values = {"at": day, "org": "a", "who": "u", "what": "x", "due": day}
    good = values | {"at": "2024-04-03"}
    if ending == "csv":
        content = "\n".join([",".join(values), ",".join(values.values()), ",".join(good.values())])
    else:
        content = "\n".join([json.dumps(values), json.dumps(good)])
    (tmp_path / f"e.{ending}").write_text(content + "\n")
    log = opened(tmp_path)

    [row] = rows(log)

    assert (row[6], row[8]) == ("2024-04-03T00:00:00.000Z", day)
    assert log.without_instant() == 1


def test_keys_that_are_rare_in_json_are_columns_all_the_same(tmp_path: Path) -> None:
    row = {"at": "2024-05-01", "org": "a", "who": "u", "what": "x"}
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(row | {f"k{i}": i}) + "\n" for i in range(60)))

    log = opened(tmp_path)

    assert len(log.properties) == 60
    assert [found[8 + log.properties.index("k7")] for found in rows(log)][7] == 7


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_is_read_by_its_name_whatever_that_is(tmp_path: Path, ending: str) -> None:
    for name in ("a[1]", "a1", "a?", "a*", "it's {b,c}"):
        folder = tmp_path / name
        folder.mkdir()
        target = f"'{str(folder / f'e.{ending}').replace(chr(39), chr(39) * 2)}'"
        form = "json" if ending == "jsonl" else ending
        duckdb.execute(
            f"COPY (SELECT '2024-05-01' AS at, 'a' AS org, 'u' AS who, $${name}$$ AS what)"
            f" TO {target} (FORMAT {form})"
        )

        assert [row[5] for row in rows(opened(folder))] == [name]


def test_what_is_too_large_is_not_brought_into_memory(tmp_path: Path) -> None:
    row = one(tmp_path, note="repeat('n', 10000000)", price="1.5")

    assert (row[2], row[4], row[8:]) == ("too_large", None, (None, 1.5))


def test_large_rows_come_in_small_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemtide_cli.log.FETCHED", 10)
    monkeypatch.setattr("stemtide_cli.log.BATCH_CHARS", 20_000)
    log = opened(
        parquet(
            tmp_path,
            "SELECT TIMESTAMP '2024-05-01' AS at, 'a' AS org, 'u' AS who, 'e' AS what,"
            " repeat('n', CASE WHEN i < 50 THEN 1000 ELSE 1 END) AS note FROM range(200) t(i)",
        )
    )

    sizes = [len(batch) for batch in log.rows((START, END), batch=100)]

    assert sizes[:2] == [20, 20]
    assert (sum(sizes), max(sizes)) == (200, 90)


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("day", ["2024-05-01", "1969-12-31"])
def test_the_last_nanosecond_of_a_day_is_of_that_day(tmp_path: Path, kind: str, day: str) -> None:
    row = one(tmp_path, at=f"{kind}_NS '{day} 23:59:59.999999999'")

    assert row[6] == f"{day}T23:59:59.999Z"
