"""Answers for people's browsers: HTML that loads nothing, runs nothing and is kept by nobody."""

import base64
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus

from stemtide.http.problem import Response


def content_security_policy(style: str) -> str:
    """The policy of a page whose only style sheet is `style`, written into it: no script, image or frame."""
    digest = base64.b64encode(sha256(style.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def page(
    status: HTTPStatus, html: str, *, style: str, language: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A page that is in no cache and no search engine, and whose address leaks to no other site."""
    return {
        "statusCode": status.value,
        "headers": {
            "Cache-Control": "no-store",
            "Content-Security-Policy": content_security_policy(style),
            "Content-Language": language,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex, nofollow",
            "Vary": "Accept-Language",
            **(headers or {}),
            "Content-Type": "text/html; charset=utf-8",
        },
        "body": html,
    }
