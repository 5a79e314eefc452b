"""`stemtide simulate` as a person calls it, and what the rest of the product may know of it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from stemtide_cli.facts_log import open_facts
from stemtide_cli.log import open_log
from stemtide_cli.main import main
from stemtide_cli.mapping import find_mapping, load_mapping

ROOT = Path(__file__).parents[3]
SOURCES = ("layers/domain/python", "functions", "models", "infra", "cli", "demo", "benchmarks")


def test_it_prints_what_it_wrote(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path), "--accounts", "3", "--days", "30", "--json"]

    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["accounts"] == 3
    assert found["rows"] > 0
    assert found["end"] == str((datetime.now(UTC) - timedelta(days=1)).date())


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = CliRunner().invoke(main, ["simulate", "--out", str(tmp_path / "file" / "in"), "--accounts", "1"])

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_the_shipped_mapping_reads_the_whole_base(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path), "--accounts", "8", "--days", "40", "--json"]
    written = json.loads(CliRunner().invoke(main, arguments).stdout)
    path = find_mapping("simulated")
    mapping = load_mapping(path)

    log = open_log(mapping.events, folder=tmp_path, mapping_path=path, spill=tmp_path / "spill")
    facts = open_facts(mapping, folder=tmp_path, mapping_path=path, spill=tmp_path / "spill")

    rows = [row for rows in log.rows(((-(10**18), 0), (10**18, 0)), batch=1000) for row in rows]
    assert len(rows) == written["rows"]
    assert sum(row[7] for row in rows) == written["events"]
    assert {row[2] for row in rows} == {None}
    assert facts.notes == ()
    assert facts.log is not None


@pytest.mark.parametrize("folder", SOURCES)
def test_nothing_in_the_product_reads_the_hidden_causes(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts]

    # The help text of `simulate` names the file for people; nothing opens it.
    named = [path for path in files if re.search(r"[\"'/]truth\.json|TRUTH_FILE", path.read_text())]

    assert named == []
