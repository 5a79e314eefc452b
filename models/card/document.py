"""A card before it is written: sections of paragraphs, figures and tables, the same for HTML and Markdown.

Every string is plain text; whoever writes it escapes it.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from markupsafe import Markup

Level: TypeAlias = Literal["warning", "note"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences that belong together."""

    items: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A number to remember, and what it means."""

    label: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Some of them, side by side."""

    items: tuple[KeyFigure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns are words, then numbers from the place `numbers_from` on."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str
    numbers_from: int = 1
    folded: bool = False
    """Shown on demand where the page can do so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A plot, what is seen on it, and its numbers."""

    title: str
    caption: str
    plot: Markup
    table: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Something to bear in mind, derived from the data."""

    key: str
    level: Level
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Cautions:
    """All of them, warnings first."""

    items: tuple[Caution, ...]


Block: TypeAlias = Paragraph | Bullets | KeyFigures | Table | Figure | Cautions


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the card with its own heading; `key` is its anchor."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole card."""

    title: str
    subtitle: str
    tags: tuple[str, ...]
    sections: tuple[Section, ...]
