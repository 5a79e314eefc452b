"""docs/evidence/faults.md names a test that exists for every row that concerns dunning or plays."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs" / "evidence" / "faults.md").read_text()
ROWS = {int(row): tests for row, tests in re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", TABLE, flags=re.M)}
OF_DUNNING = {*range(29, 36), *range(40, 47), 55, 56, 58, 59}
OF_PLAYS = {*range(45, 52), 57}


def test_every_row_that_concerns_dunning_or_plays_is_there() -> None:
    assert set(ROWS) == OF_DUNNING | OF_PLAYS


@pytest.mark.parametrize("row", sorted(ROWS))
def test_the_tests_of_a_row_exist(row: int) -> None:
    named = re.findall(r"`(tests/[^`]+\.py)::(test_\w+)`", ROWS[row])

    assert named
    assert [one for one in named if one[1] not in functions(ROOT / one[0])] == []


@pytest.mark.parametrize("row", sorted(ROWS))
def test_one_of_them_says_which_row_it_is_about(row: int) -> None:
    assert f"::test_row_{row}_" in ROWS[row]


def functions(path: Path) -> set[str]:
    """The names of a module's functions."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
