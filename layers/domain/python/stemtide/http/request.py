"""What the code reads of an HTTP API event (payload format 2.0)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote

from stemtide.access import BY_KEY, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. Header names are in lower case, `arrival_ms` is when the gateway took it (epoch ms)."""

    request_id: str
    route: Route
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path: Mapping[str, str]
    claims: Mapping[str, object] | None
    body: str | None
    body_is_base64: bool
    arrival_ms: int

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """The request in an event.

        Raises:
            KeyError: the event is of another kind, or of a route that the table does not have.
        """
        context = event["requestContext"]
        authorizer = context.get("authorizer") or {}
        return cls(
            request_id=context["requestId"],
            route=BY_KEY[event["routeKey"]],
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            query=event.get("queryStringParameters") or {},
            # AWS hands path parameters over decoded, the local cloud does not; no id may hold a '%',
            # so decoding what is decoded already changes nothing
            path={name: unquote(value) for name, value in (event.get("pathParameters") or {}).items()},
            claims=(authorizer.get("jwt") or {}).get("claims"),
            body=event.get("body"),
            body_is_base64=bool(event.get("isBase64Encoded")),
            arrival_ms=context["timeEpoch"],
        )
