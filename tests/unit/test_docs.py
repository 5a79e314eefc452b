"""What the documents name exists: files, links, make targets, commands."""

import re
from pathlib import Path

import pytest
from stemtide_cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE_BY_RUNNING = ("build/", "cdk.out", ".venv/")
PATH = re.compile(r"`((?:infra|functions|layers|cli|tests|docs|examples)/[A-Za-z0-9_./*-]+)`")


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCS, ids=ids)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = PATH.findall(document.read_text())

    missing = [
        path
        for path in named
        if not path.startswith(MADE_BY_RUNNING) and not any(ROOT.glob(path.rstrip("/")))
    ]

    assert missing == []


@pytest.mark.parametrize("document", DOCS, ids=ids)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())

    broken = [link for link in links if not (document.parent / link).exists()]

    assert broken == []


@pytest.mark.parametrize("document", DOCS, ids=ids)
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))

    named = set(re.findall(r"(?:^|`|\s)make ([a-z-]+)(?=[`\s,.)]|$)", _code_of(document), flags=re.M))

    assert named <= targets


@pytest.mark.parametrize("document", DOCS, ids=ids)
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"(?:^|`|/|\s)stemtide ([a-z]+)\b", _code_of(document), flags=re.M))

    assert named <= set(COMMANDS)


def _code_of(document: Path) -> str:
    """Fenced blocks and inline code, line by line."""
    text = document.read_text()
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", text, flags=re.M | re.S)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return "\n".join([*fenced, *inline])
