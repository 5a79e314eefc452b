"""The stand-in shares no decision code with the product, and its document names all that it answers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import payments.routes  # noqa: F401 - registers the routes
from payments.routing import ROUTES

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "payments").rglob("*.py"))
OF_THE_PRODUCT = {
    "client.py": {"stripe"},  # its customers' side: what they use is the official client
    "in_memory.py": {"stemtide.billing.provider", "stemtide.ports"},
    "service.py": {"stemtide.clock"},
    "settings.py": {"stemtide.clock"},
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_of_the_product_is_used_but_its_port_and_clock(path: Path) -> None:
    used = {
        name for name in imports(path) if name.split(".")[0] in {"stemtide", "functions", "infra", "stripe"}
    }

    assert used <= OF_THE_PRODUCT.get(path.name, set())


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


def test_the_document_names_every_route_and_no_other() -> None:
    text = (ROOT / "docs" / "payments.md").read_text()
    written = {
        tuple(word.split())
        for word in text.split("`")
        if word.startswith(("GET /v1", "POST /v1", "DELETE /v1"))
    }

    assert written == {(route.method, route.path) for route in ROUTES.values()}
