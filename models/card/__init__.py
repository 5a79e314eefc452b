"""The model card: what a version is, how good it is, and where its limits are, as HTML and Markdown.

Written for whoever acts on a score and for whoever has to audit it. The same evidence gives the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from stemtide.scoring.manifest import Manifest

from models.card.build import document_of
from models.card.html import html_of
from models.card.markdown import markdown_of
from models.card.subject import Subject
from models.evidence import Evidence

__all__ = [
    "CARD_HTML",
    "CARD_MARKDOWN",
    "EVIDENCE",
    "render_evaluation",
    "render_html",
    "render_markdown",
    "write_cards",
]

CARD_HTML: Final = "card.html"
CARD_MARKDOWN: Final = "card.md"
EVIDENCE: Final = "evidence.json"


def render_html(manifest: Manifest, evidence: Evidence, *, kind: str | None = None) -> str:
    """A version's card as one self-contained HTML file.

    Args:
        kind: the mapping's kind of target, for the words; without it the target's name tells.
    """
    return html_of(document_of(Subject.of_manifest(manifest, evidence, kind)))


def render_markdown(manifest: Manifest, evidence: Evidence, *, kind: str | None = None) -> str:
    """The same facts as Markdown, without the plots."""
    return markdown_of(document_of(Subject.of_manifest(manifest, evidence, kind)))


def render_evaluation(figures: Mapping[str, Any], evidence: Evidence, *, kind: str | None = None) -> str:
    """The report of an evaluation, of which nothing was exported, as one self-contained HTML file.

    Args:
        figures: what `stemtide evaluate --json` prints: `model`, `target`, `horizon_days`, `seed` and the
            measured figures.
    """
    return html_of(document_of(Subject.of_figures(figures, evidence, kind)))


def write_cards(
    folder: Path, manifest: Manifest, evidence: Evidence, *, kind: str | None = None
) -> tuple[Path, ...]:
    """Write the cards and the evidence they rest on into a version's folder.

    Returns:
        The files written: HTML, Markdown, JSON.
    """
    written = {
        CARD_HTML: render_html(manifest, evidence, kind=kind).encode(),
        CARD_MARKDOWN: render_markdown(manifest, evidence, kind=kind).encode(),
        EVIDENCE: msgspec.json.format(msgspec.json.encode(evidence)),
    }
    for name, content in written.items():
        (folder / name).write_bytes(content)
    return tuple(folder / name for name in written)
