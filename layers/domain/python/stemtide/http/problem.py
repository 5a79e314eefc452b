"""Errors as RFC 9457 problem details, and the shape of every response (HTTP API payload format 2.0)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

Response = dict[str, Any]

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """An answer other than success.

    `kind` is stable and makes the `type` URN; `detail` is for the person who reads it and says what to do;
    `extra` are further members, `headers` further response headers.
    """

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status.value} {kind}")
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def response(self, *, request_id: str) -> Response:
        """The response; `instance` names the request, so that it can be found in the logs."""
        body = {
            "type": f"urn:stemtide:problem:{self.kind}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "instance": f"urn:stemtide:request:{request_id}",
            **self.extra,
        }
        return response(self.status, body, content_type="application/problem+json", headers=self.headers)


def response(
    status: HTTPStatus,
    body: object,
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response whose body is `body` (a msgspec struct or plain values) as JSON."""
    return {
        "statusCode": status.value,
        "headers": {**_HEADERS, **(headers or {}), "Content-Type": content_type},
        "body": msgspec.json.encode(body).decode("utf-8"),
    }


def bad_parameter(name: str, detail: str) -> Problem:
    """A path or query parameter that cannot be used; the response names it in `parameter`."""
    return Problem(HTTPStatus.BAD_REQUEST, "bad-parameter", f"{name}: {detail}", extra={"parameter": name})


def no_account() -> Problem:
    """An account that is unknown, or not for the caller to see: nobody learns which."""
    return Problem(
        HTTPStatus.NOT_FOUND, "no-such-account", "There is no such account, or you may not see it."
    )
