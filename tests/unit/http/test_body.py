"""Bodies: gzip under a cap, lenient types, and damage that is named."""

import base64
import gzip
import json
import tracemalloc
from typing import Any

import pytest
from stemtide import limits
from stemtide.http.body import read_body
from stemtide.http.problem import Problem
from stemtide.http.request import Request

from tests.http_api import post

BODY = json.dumps({"type": "track", "event": "é"}).encode()


def read(event: dict[str, Any]) -> bytes:
    return read_body(Request.from_event(event))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "text/plain",
        "",
        "application/x+json",
    ],
)
def test_json_is_taken_under_the_types_that_producers_use(content_type: str) -> None:
    assert read(post(BODY, content_type=content_type)) == BODY


def test_a_body_in_base64_is_decoded() -> None:
    event = post(BODY) | {"body": base64.b64encode(BODY).decode(), "isBase64Encoded": True}

    assert read(event) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_gzip_is_expanded(encoding: str) -> None:
    assert read(post(gzip.compress(BODY), content_encoding=encoding)) == BODY


def test_what_the_gateway_has_expanded_already_passes() -> None:
    assert read(post(BODY, content_encoding="gzip")) == BODY


def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    exact = b"x" * limits.MAX_HTTP_BODY_BYTES

    assert read(post(exact)) == exact
    assert status_of(post(exact + b"x")) == 413
    assert read(post(gzip.compress(exact), content_encoding="gzip")) == exact
    assert status_of(post(gzip.compress(exact + b"x"), content_encoding="gzip")) == 413


def test_a_gzip_bomb_is_refused_without_being_expanded() -> None:
    event = post(gzip.compress(b"\0" * 50_000_000, compresslevel=9), content_encoding="gzip")
    tracemalloc.start()

    status = status_of(event)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert status == 413
    assert peak_bytes < 4_000_000


def status_of(event: dict[str, Any]) -> int:
    with pytest.raises(Problem) as caught:
        read(event)
    return caught.value.status.value


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (post(b""), 400),
        (post(b" \n"), 400),
        (post(BODY, content_type="multipart/form-data; boundary=x"), 415),
        (post(BODY, content_type="application/xml"), 415),
        (post(BODY, content_encoding="br"), 415),
        (post(BODY, content_encoding="gzip, gzip"), 415),
        (post(gzip.compress(BODY)[:-9], content_encoding="gzip"), 400),
        (post(gzip.compress(BODY) + b"tail", content_encoding="gzip"), 400),
        (post(b"\x1f\x8b" + b"\xff" * 30, content_encoding="gzip"), 400),
        (post(gzip.compress(BODY).decode(errors="replace").encode(), content_encoding="gzip"), 400),
        (post(BODY) | {"body": "no base64!", "isBase64Encoded": True}, 400),
    ],
)
def test_what_cannot_be_read_is_refused(event: dict[str, Any], status: int) -> None:
    assert status_of(event) == status
