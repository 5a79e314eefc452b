"""A document as one HTML file: no scripts, nothing from elsewhere, every name escaped."""

import base64
import hashlib
from itertools import groupby
from pathlib import Path
from typing import Final

from markupsafe import Markup

from models.card.document import (
    Block,
    Bullets,
    Caution,
    Cautions,
    Document,
    Figure,
    KeyFigures,
    Paragraph,
    Section,
    Table,
)
from models.card.markup import element, joined

STYLE: Final = Path(__file__).with_name("card.css").read_text("utf-8")
POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'"
)
"""The page asks the browser to run and load nothing: should a name ever become markup, it stays dead."""
_GRIDS: Final[dict[type[Block], str]] = {Figure: "figures", Bullets: "lists"}
"""What stands side by side where there is room."""
_LEVELS: Final = {"warning": "Caution", "note": "Note"}


def html_of(document: Document) -> str:
    """The whole page."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", document.title),
        element("style", Markup(STYLE)),  # noqa: S704 - the package's own file
    )
    body = element("body", _header(document), _contents(document), element("main", *_sections(document)))
    page = element("html", head, "\n", body, lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _header(document: Document) -> Markup:
    tags = [element("li", tag) for tag in document.tags]
    return element(
        "header",
        element("h1", document.title),
        element("p", document.subtitle, class_="subtitle"),
        element("ul", *tags, class_="tags"),
    )


def _contents(document: Document) -> Markup:
    links = [
        element("li", element("a", section.title, href=f"#{section.key}")) for section in document.sections
    ]
    return element("nav", element("ul", *links), aria_label="Contents")


def _sections(document: Document) -> list[Markup]:
    return [_section(section) for section in document.sections]


def _section(section: Section) -> Markup:
    parts = []
    for sort, blocks in groupby(section.blocks, key=type):
        written = [_block(block) for block in blocks]
        parts += [element("div", *written, class_=_GRIDS[sort])] if sort in _GRIDS else written
    heading = element("h2", section.title, id=f"{section.key}-title")
    return joined(
        "\n",
        element("section", heading, *parts, id=section.key, aria_labelledby=f"{section.key}-title"),
    )


def _block(block: Block) -> Markup:
    if isinstance(block, Paragraph):
        return element("p", block.text)
    if isinstance(block, Bullets):
        title = [element("h3", block.title)] if block.title else []
        return element("div", *title, element("ul", *(element("li", item) for item in block.items)))
    if isinstance(block, KeyFigures):
        return _key_figures(block)
    if isinstance(block, Cautions):
        return element("ul", *(_caution(one) for one in block.items), class_="cautions")
    return _figure(block) if isinstance(block, Figure) else _table(block)


def _key_figures(block: KeyFigures) -> Markup:
    cards = [
        element(
            "div",
            element("dt", one.label),
            element("dd", one.value, class_="value"),
            element("dd", one.meaning, class_="meaning"),
        )
        for one in block.items
    ]
    return element("dl", *cards, class_="key-figures")


def _caution(one: Caution) -> Markup:
    level = element("span", _LEVELS[one.level], class_="level")
    return element("li", level, element("strong", one.title), element("p", one.text), class_=one.level)


def _figure(block: Figure) -> Markup:
    numbers = [_table(block.table)] if block.table else []
    words = element("div", element("figcaption", block.caption), *numbers)
    return element("figure", element("h3", block.title), block.plot, words)


def _table(table: Table) -> Markup:
    columns = [
        element("th", column, scope="col", class_=_alignment(table, place))
        for place, column in enumerate(table.columns)
    ]
    rows = [
        element(
            "tr",
            *(
                element("th", cell, scope="row")
                if place == 0
                else element("td", cell, class_=_alignment(table, place))
                for place, cell in enumerate(row)
            ),
        )
        for row in table.rows
    ]
    whole = element(
        "table",
        element("thead", element("tr", *columns)),
        element("tbody", *rows),
        class_="broad" if len(table.columns) > 3 else None,
    )
    scrolled = element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=table.title)
    if table.folded:
        return element("details", element("summary", "Table: ", table.title), scrolled)
    return element("div", element("h3", table.title), scrolled, class_="table")


def _alignment(table: Table, place: int) -> str | None:
    return "number" if place >= table.numbers_from else None
