"""The raw bytes of a signed request: as they were sent, neither expanded nor parsed, and not too many."""

import base64
import binascii
from http import HTTPStatus
from typing import Final

from stemtide import limits
from stemtide.http.problem import Problem
from stemtide.http.request import Request

JSON: Final = "application/json"


def signed_body(request: Request, *, max_bytes: int = limits.MAX_WEBHOOK_BYTES) -> bytes:
    """The body's bytes.

    Raises:
        Problem: 400 empty or broken, 413 too large, 415 no JSON, or compressed (a signature is of what was
            sent, and the sender does not compress).
    """
    sent = request.body or ""
    if len(sent) > max_bytes * 4 // 3 + 4:  # before anything is made of it
        raise _too_large(max_bytes)
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().casefold()
    if kind != JSON:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", f"Send the event as {JSON}.")
    if request.headers.get("content-encoding", "identity").strip().casefold() not in ("identity", ""):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unknown-encoding", "Send the event uncompressed.")
    data = _bytes(request, sent)
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    if not data:
        raise Problem(HTTPStatus.BAD_REQUEST, "empty", "The body is empty: send one event.")
    return data


def _bytes(request: Request, sent: str) -> bytes:
    if not request.body_is_base64:
        return sent.encode("utf-8", errors="surrogatepass")
    try:
        return base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(HTTPStatus.BAD_REQUEST, "broken-body", "The body could not be decoded.") from None


def _too_large(max_bytes: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"The body is larger than {max_bytes // limits.KIB} KB.",
        extra={"max_bytes": max_bytes},
    )
