"""Names are customers' data: whatever they hold, the card stays a card."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.card import render_html, render_markdown
from models.card.formats import clean, shortened, width_of
from models.card.markdown import escaped
from models.evidence import Evidence
from tests.card_evidence import evidence, manifest, metrics
from tests.card_page import SECTIONS, Page

HOSTILE = (
    "<script>alert(1)</script>",
    "\"' onload='alert(1)",
    "</style></svg><img src=x onerror=alert(1)>",
    "a | b || c",
    "line one\nline two\r\n\n# heading\n- item",
    "[click](https://example.com) ![x](http://example.com/x.png)",
    "`code` **bold** <!-- comment --> $x$ ~~no~~ &lt;b&gt;",
    "\u202eevil\u2066 \x00\x1b[31m \ud800",
    "{{ config }} {% raw %} %s {0}",
    "x" * 5000,
    "",
)
changed = msgspec.structs.replace
FULL = evidence()


def named(name: str) -> Evidence:
    """Evidence in which everything that has a name bears this one."""
    changes: dict[str, Any] = {
        field: tuple(changed(one, **{key: name}) for one in getattr(FULL, field)[:3])
        for field, key in (
            ("calibration", "label"),
            ("deciles", "label"),
            ("tiers", "name"),
            ("importance", "label"),
            ("swarm", "label"),
            ("adoption", "label"),
            ("segments", "name"),
            ("ablations", "group"),
            ("subgroups", "name"),
        )
    }
    contenders = tuple(changed(one, name=name, note=name) for one in FULL.contenders)
    rows = changed(FULL.rows, first_fit_snapshot=name, test_positives=12)
    return changed(FULL, **changes, contenders=contenders, currency=name or None, rows=rows)


def of(name: str) -> Any:
    """A manifest in which everything that has a name bears this one."""
    return manifest(
        target=name,
        version=name,
        metrics=metrics(baseline_feature=name),
        data={**manifest().data, "log": name},
        versions={name: name},
        files={name: name},
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_markup(name: str) -> None:
    text = render_html(of(name), named(name))
    page = Page(text)

    assert not {"script", "img", "b"} & set(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on") or key in {"src", "style"}]
    assert tuple(page.titles["h2"]) == SECTIONS
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(drawing)
    assert not set(text) & set("\x00\x1b\u202e\u2066\ud800")
    text.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_a_table_or_begins_a_block(name: str) -> None:
    text = render_markdown(of(name), named(name))

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [escaped(section) for section in SECTIONS]
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        borders = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()}
        assert len(borders) == 1
    assert not re.search(r"(?<!\\)<(?!/?(details|summary)>)", text)
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "://" not in text
    text.encode()


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40))
@example("\\|")
@example("\\")
@example("1. one")
def test_any_name_is_one_cell_and_one_line(name: str) -> None:
    cell = escaped(name)

    assert "\n" not in cell
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", cell)
    assert not re.match(r"(\d+[.)]|[-+=#>])(\s|$)", cell)


@given(st.text())
def test_a_cleaned_name_stays_as_it_is(name: str) -> None:
    once = clean(name)

    assert clean(once) == once
    once.encode()


@given(st.text(), st.integers(4, 60))
def test_a_shortened_name_fits(name: str, columns: int) -> None:
    assert width_of(shortened(name, columns)) <= columns


def test_a_name_that_fits_is_not_shortened() -> None:
    assert shortened("Enterprise", 10) == "Enterprise"
    assert shortened("Enterprises", 10) == "Enterpris\u2026"
    assert shortened("\u4f01\u696d\u30d7\u30e9\u30f3", 7) == "\u4f01\u696d\u30d7\u2026"
