"""The mailbox for people: a list, and one mail as its recipient sees it, shut into a frame."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from infra.local.emulator.mailbox.letter import Row

STYLE = """
body { margin: 0; display: flex; height: 100vh; font: 14px/1.45 system-ui, sans-serif; color: #1f2430; }
nav { width: 360px; flex: none; overflow-y: auto; border-right: 1px solid #d9dee7; background: #f7f8fb; }
nav h1 { font-size: 15px; margin: 0; padding: 14px 16px; border-bottom: 1px solid #d9dee7; }
nav a { display: block; padding: 10px 16px; color: inherit; text-decoration: none;
border-bottom: 1px solid #e6eaf1; }
nav a[aria-current] { background: #e3ebff; }
nav b, nav span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
nav span, dt { color: #5b6474; }
main { flex: 1; display: flex; flex-direction: column; min-width: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 14px 20px; }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin: 0 20px 10px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 40vh; overflow: auto; padding: 10px;
background: #f7f8fb; }
iframe { flex: 1; border: 0; border-top: 1px solid #d9dee7; background: #fff; }
.none { margin: auto; color: #5b6474; }
"""
FACTS = ("from", "to", "at", "account", "class", "episode", "step")


def mailbox_page(rows: Iterable[Row], chosen: Row | None, *, prefix: str) -> str:
    """The list beside the chosen mail. Loads itself anew every few seconds while only the list is looked at.

    Args:
        prefix: the path under which the mailbox is served.
    """
    listed = list(rows)
    items = "".join(
        _item(row, prefix, current=chosen is not None and row["id"] == chosen["id"]) for row in listed
    )
    refresh = "" if chosen else '<meta http-equiv="refresh" content="3">'
    shown = _mail(chosen, prefix) if chosen else '<p class="none">Choose a mail.</p>'
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{refresh}<title>Mailbox</title>'
        f"<style>{STYLE}</style></head><body><nav><h1>{len(listed)} mails</h1>{items}</nav>"
        f"<main>{shown}</main></body></html>"
    )


def _item(row: Row, prefix: str, *, current: bool) -> str:
    mark = ' aria-current="page"' if current else ""
    return (
        f'<a href="{prefix}.html?id={quote(row["id"], safe="")}"{mark}><b>{escape(row["subject"])}</b>'
        f"<span>{escape(row['to'])}</span><span>{escape(row['at'])}</span></a>"
    )


def _mail(row: Row, prefix: str) -> str:
    facts = "".join(f"<dt>{name}</dt><dd>{escape(str(row[name] or ''))}</dd>" for name in FACTS)
    headers = "\n".join(f"{name}: {value}" for name, value in row["headers"].items())
    return (
        f"<dl><dt>subject</dt><dd><b>{escape(row['subject'])}</b></dd>{facts}</dl>"
        f"<details><summary>Plain text</summary><pre>{escape(row['text'])}</pre></details>"
        f"<details><summary>Headers</summary><pre>{escape(headers)}</pre></details>"
        '<iframe title="The mail as its recipient sees it" '
        'sandbox="allow-popups allow-popups-to-escape-sandbox" '
        f'src="{prefix}/{quote(row["id"], safe="")}/html"></iframe>'
    )


def mail_alone(row: Row) -> str:
    """A mail's own HTML, its links in windows of their own."""
    html = str(row["html"]) or f"<pre>{escape(row['text'])}</pre>"
    return html.replace("<head>", '<head><base target="_blank" />', 1)
