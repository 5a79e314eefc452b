"""The rules of the layout, checked on the imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "layers/domain/python/stemtide"
FUNCTIONS = ROOT / "functions"
AT_AWS = ("store", "delivery")
"""The subpackages that talk to AWS and know what time it is."""
CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime", "gmtime", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
MAX_LINES = 350


def python_files(*folders: Path) -> list[Path]:
    return sorted(
        path for folder in folders for path in folder.rglob("*.py") if "__pycache__" not in path.parts
    )


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


PURE = [path for path in python_files(DOMAIN) if path.relative_to(DOMAIN).parts[0] not in AT_AWS]
DECIDING = [path for path in PURE if path.relative_to(DOMAIN).parts[0] != "http"]
"""The routes read the stores themselves."""
HANDLERS = python_files(FUNCTIONS)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def clock_calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (alias.name for alias in node.names)
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        name = (
            owner.id
            if isinstance(owner, ast.Name)
            else owner.attr
            if isinstance(owner, ast.Attribute)
            else ""
        )
        if node.attr in CLOCKS.get(name, ()):
            yield f"{name}.{node.attr}"


@pytest.mark.parametrize("path", PURE, ids=named)
def test_what_decides_imports_no_boto3(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] in {"boto3", "botocore"}]


@pytest.mark.parametrize("path", DECIDING, ids=named)
def test_what_decides_knows_no_store(path: Path) -> None:
    assert not [name for name in imports(path) if name.startswith(("stemtide.store", "stemtide.delivery"))]


@pytest.mark.parametrize("path", PURE, ids=named)
def test_what_decides_asks_no_clock(path: Path) -> None:
    assert list(clock_calls(path)) == []


@pytest.mark.parametrize("path", python_files(DOMAIN), ids=named)
def test_the_domain_imports_nothing_built_on_it(path: Path) -> None:
    outside = {"infra", "stemtide_cli", "models", "payments", "simulator", "functions", "handler", "tests"}

    assert not [name for name in imports(path) if name.split(".")[0] in outside]


@pytest.mark.parametrize("path", HANDLERS, ids=named)
def test_functions_import_no_function_and_are_one_file_each(path: Path) -> None:
    assert path.name == "handler.py"
    assert path.parent.parent == FUNCTIONS
    names = {folder.name for folder in FUNCTIONS.iterdir()} | {"functions", "handler"}
    assert not [name for name in imports(path) if name.split(".")[0] in names]


@pytest.mark.parametrize("path", HANDLERS, ids=named)
def test_no_handler_uses_the_batch_processor(path: Path) -> None:
    """It goes on after a failed record, which would let later records of an item overtake it."""
    assert not [name for name in imports(path) if name.startswith("aws_lambda_powertools.utilities.batch")]


@pytest.mark.parametrize("path", python_files(DOMAIN, FUNCTIONS), ids=named)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
