"""A document as Markdown for GitHub: the same sentences and tables, without the plots."""

import re
from typing import Final

from markupsafe import escape

from models.card.document import (
    Block,
    Bullets,
    Cautions,
    Document,
    Figure,
    KeyFigures,
    Paragraph,
    Section,
    Table,
)
from models.card.formats import clean

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~!$&])")
_ADDRESS: Final = re.compile(r"(?i)(://|www\.|@)")
_LEADING: Final = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+=])(?=[-+=\s]|$)")
_LEVELS: Final = {"warning": "Caution", "note": "Note"}


def markdown_of(document: Document) -> str:
    """The whole card."""
    parts = [f"# {escaped(document.title)}", escaped(document.subtitle), _listed(document.tags)]
    parts += [text for section in document.sections for text in _section(section)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Plain text that Markdown leaves as it is: no markup, no cell border, no link, no list."""
    text = _SPECIAL.sub(r"\\\1", clean(text).strip())
    text = _ADDRESS.sub(
        lambda found: found[0][0] + "\u200b" + found[0][1:] if found[0] != "@" else "@\u200b", text
    )
    return _LEADING.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", text)


def _section(section: Section) -> list[str]:
    texts = [text for block in section.blocks for text in _block(block)]
    return [f"## {escaped(section.title)}", *texts]


def _block(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        return [escaped(block.text)]
    if isinstance(block, Bullets):
        return [*([f"### {escaped(block.title)}"] if block.title else []), _listed(block.items)]
    if isinstance(block, KeyFigures):
        rows = tuple((one.label, one.value, one.meaning) for one in block.items)
        return _table(Table(title="", columns=("figure", "value", "meaning"), rows=rows, numbers_from=3))
    if isinstance(block, Cautions):
        return [
            "\n".join(
                f"- **{_LEVELS[one.level]}: {escaped(one.title)}.** {escaped(one.text)}"
                for one in block.items
            )
        ]
    if isinstance(block, Figure):
        numbers = _table(block.table) if block.table else []
        return [f"### {escaped(block.title)}", escaped(block.caption), *numbers]
    return _table(block)


def _listed(items: tuple[str, ...]) -> str:
    return "\n".join(f"- {escaped(item)}" for item in items)


def _table(table: Table) -> list[str]:
    ruler = ["---:" if place >= table.numbers_from else "---" for place in range(len(table.columns))]
    lines = [_row(table.columns), f"| {' | '.join(ruler)} |", *(_row(row) for row in table.rows)]
    if table.folded:
        return [f"<details><summary>{escape(clean(table.title))}</summary>", "\n".join(lines), "</details>"]
    title = [f"**{escaped(table.title)}**"] if table.title else []
    return [*title, "\n".join(lines)]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"
