"""`build/bench.json` and the base that its first benchmark runs on."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from stemtide_cli.facts_log import open_facts
from stemtide_cli.log import open_log
from stemtide_cli.mapping import find_mapping, load_mapping

from benchmarks import dropping_base
from benchmarks.results import merge
from demo.today import call_of, has_fallen

TODAY = date(2026, 3, 20)


def test_figures_of_other_benchmarks_stay(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    merge(path, {"aggregate.ratio_unpacked": 2.0, "drop_to_score_p95_s": 9.0}, {"aggregate": {"runs": 5}})

    merge(path, {"drop_to_score_p95_s": 4.5}, {"drop_to_score": {"accounts": 200}})

    found = json.loads(path.read_text())
    assert found["aggregate.ratio_unpacked"] == 2.0
    assert found["drop_to_score_p95_s"] == 4.5
    assert found["runs"] == {"aggregate": {"runs": 5}, "drop_to_score": {"accounts": 200}}
    assert found["machine"]["cores"] >= 1
    assert "python" in found["versions"]


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_spoiled_file_is_written_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(text)

    assert merge(path, {"a": 1}, {})["a"] == 1
    assert json.loads(path.read_text())["a"] == 1


def test_every_customer_of_the_base_has_fallen_by_today(tmp_path: Path) -> None:
    dropping_base.write(tmp_path, accounts=3, today=TODAY)

    rows = duckdb.sql(
        f"SELECT account_id, CAST(timestamp AS DATE), count FROM '{tmp_path}/events.parquet' ORDER BY 1, 2"
    ).fetchall()
    assert len(rows) == 3 * dropping_base.DAYS
    assert rows[0][1] == TODAY - timedelta(days=14)
    assert rows[-1][1] == TODAY - timedelta(days=1)
    days = [{"date": str(day), "api_calls": count} for account, day, count in rows if account == "drop-0001"]
    assert has_fallen(days, TODAY)


def test_the_shipped_mapping_reads_the_base(tmp_path: Path) -> None:
    dropping_base.write(tmp_path, accounts=2, today=TODAY)
    path = find_mapping("simulated")
    mapping = load_mapping(path)

    log = open_log(mapping.events, folder=tmp_path, mapping_path=path, spill=tmp_path / "spill")
    facts = open_facts(mapping, folder=tmp_path, mapping_path=path, spill=tmp_path / "spill")

    rows = [row for rows in log.rows(((-(10**18), 0), (10**18, 0)), batch=1000) for row in rows]
    assert len(rows) == 2 * dropping_base.DAYS
    assert {row[2] for row in rows} == {None}
    assert facts.log is not None


def test_a_row_without_what_demo_rows_have_is_a_call_all_the_same() -> None:
    row = {"account": "a", "user": "u", "event": "Report Created", "count": 3}

    call = call_of(row, now=datetime(2026, 3, 20, tzinfo=UTC), run="bench")

    assert (call["userId"], call["properties"]) == ("u", {"count": 3})
