"""The bytes of a request's body: decoded, expanded under a cap, of a type that may be JSON."""

import base64
import binascii
import zlib
from http import HTTPStatus
from typing import Final

from stemtide import limits
from stemtide.calls import Reason
from stemtide.http.problem import Problem
from stemtide.http.request import Request

JSON_TYPES: Final = frozenset({"", "application/json", "text/json", "text/plain", "application/octet-stream"})
"""Browsers' `sendBeacon` and old Segment libraries send JSON as text/plain or without a type."""
GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_WINDOW: Final = 31
"""zlib's wbits for gzip framing."""


def read_body(request: Request, *, max_bytes: int = limits.MAX_HTTP_BODY_BYTES) -> bytes:
    """The body, at most `max_bytes` long after expansion.

    Raises:
        Problem: 400 empty or broken, 413 too large, 415 neither JSON nor gzip.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if content_type not in JSON_TYPES and not content_type.endswith("+json"):
        detail = "Send JSON with the content type application/json."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", detail)
    data = raw_body(request)
    encoding = request.headers.get("content-encoding", "identity").strip().casefold()
    if encoding in ("gzip", "x-gzip"):
        data = _expand(data, max_bytes=max_bytes)
    elif encoding not in ("identity", ""):
        detail = "Send the body as it is or compressed with gzip."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unknown-encoding", detail)
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    if not data.strip():
        raise _bad("empty", 'The body is empty: send one call, or several as {"batch": [...]}.')
    return data


def raw_body(request: Request) -> bytes:
    """The body as it was sent, whatever its type.

    Raises:
        Problem: 400, the gateway's encoding is broken.
    """
    body = request.body or ""
    if not request.body_is_base64:
        return body.encode("utf-8", errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise _bad("broken-body", "The body could not be decoded.") from None


def _expand(data: bytes, *, max_bytes: int) -> bytes:
    """Gzip's content; text that the gateway has already expanded passes as it is."""
    if data.lstrip()[:1] in (b"{", b"["):
        return data
    if not data.startswith(GZIP_MAGIC):
        # a gateway that takes application/json for text has replaced the bytes that are no UTF-8
        raise _bad(
            "broken-gzip", "Not gzip as it arrived: send it with content type application/octet-stream."
        )
    stream = zlib.decompressobj(wbits=GZIP_WINDOW)
    try:
        expanded = stream.decompress(data, max_bytes + 1)
    except zlib.error:
        raise _bad("broken-gzip", "The gzip data is damaged.") from None
    if len(expanded) > max_bytes:
        raise _too_large(max_bytes)
    if not stream.eof or stream.unused_data:
        raise _bad("broken-gzip", "The gzip data is cut short or followed by something else.")
    return expanded


def _bad(kind: str, detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, kind, detail)


def _too_large(max_bytes: int) -> Problem:
    detail = f"The body is larger than {max_bytes // limits.KIB} KB (after expansion): send smaller batches."
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        detail,
        extra={"reason": Reason.TOO_LARGE, "max_bytes": max_bytes},
    )
