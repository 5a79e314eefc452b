"""The mailbox over HTTP, under `/_stemtide/mailbox`: JSON for scripts, pages for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.local.emulator.mailbox.pages import mail_alone, mailbox_page
from infra.local.emulator.mailbox.store import Mailbox

PREFIX = "/_stemtide/mailbox"
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
)
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
FILTERS = ("account", "to", "since")


@dataclass(frozen=True)
class Reply:
    """Status, headers and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class FilterError(ValueError):
    """A filter that cannot be used; the message says what would."""


def is_route(path: str) -> bool:
    """Whether a request is the mailbox's to answer."""
    return path in (PREFIX, f"{PREFIX}.html") or path.startswith(f"{PREFIX}/")


def answer_to(mailbox: Mailbox, scope: Any) -> Reply:
    """The answer to a request (the scope of ASGI) that is the mailbox's."""
    accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    query = scope["query_string"].decode("ascii", errors="replace")
    return answer(mailbox, method=scope["method"], path=scope["path"], query=query, accept=accept)


def answer(mailbox: Mailbox, *, method: str, path: str, query: str, accept: str) -> Reply:
    """The answer to a request, taken apart."""
    wanted = dict(parse_qsl(query, keep_blank_values=True))
    rest = path.removeprefix(PREFIX)
    if rest == "" and method == "DELETE":
        return json_reply(200, {"deleted": mailbox.empty()})
    if method != "GET":
        return json_reply(405, {"message": "GET, or DELETE to empty the mailbox"})
    try:
        if rest == ".html" or (rest == "" and "text/html" in accept):
            return _page(mailbox, wanted)
        if rest == "":
            return json_reply(200, list(mailbox.rows(**_filters(wanted))))
    except FilterError as error:
        return json_reply(400, {"message": str(error)})
    return _one(mailbox, unquote(rest.removeprefix("/")))


def _one(mailbox: Mailbox, rest: str) -> Reply:
    mail_id, slash, part = rest.partition("/")
    row = mailbox.get(mail_id)
    if row is None or part not in ("", "html"):
        return json_reply(404, {"message": "no such mail"})
    if not slash:
        return json_reply(200, row)
    return _html(mail_alone(row), MAIL_POLICY)


def _page(mailbox: Mailbox, wanted: dict[str, str]) -> Reply:
    chosen = mailbox.get(wanted.pop("id", ""))
    return _html(mailbox_page(mailbox.rows(**_filters(wanted)), chosen, prefix=PREFIX), PAGE_POLICY)


def _filters(wanted: dict[str, str]) -> dict[str, Any]:
    unknown = sorted(set(wanted) - set(FILTERS))
    if unknown:
        raise FilterError(f"{unknown[0]!r} is no filter: use {', '.join(FILTERS)}")
    found: dict[str, Any] = dict(wanted)
    if "since" in found:
        found["since"] = _instant(wanted["since"])
    return found


def _instant(text: str) -> datetime:
    """An ISO 8601 instant (UTC where it names no zone), or epoch ms."""
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
        found = datetime.fromisoformat(text.replace(" ", "+"))  # an unescaped + of a query is a space
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise FilterError("since takes an instant: 2026-01-31T09:30:00Z, or epoch milliseconds") from None


def json_reply(status: int, body: object) -> Reply:
    """An answer in JSON."""
    return Reply(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _html(text: str, policy: str) -> Reply:
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return Reply(200, headers, text.encode())
