"""Requests as API Gateway's HTTP API hands them over: recorded envelopes with the parts a test is about."""

import base64
import json
from pathlib import Path
from typing import Any

from stemtide.access import Route

EVENTS = Path(__file__).parent / "events"
WRITE_KEY = "wk-current"
ARRIVAL_MS = 1706611505123
ARRIVAL_DAY = "2024-01-30"


def recorded(name: str) -> dict[str, Any]:
    """A recorded envelope."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def basic(key: str) -> str:
    """The Authorization header of a write key."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def post(body: Any, *, key: str | None = WRITE_KEY, **headers: str) -> dict[str, Any]:
    """`POST /v1/events`; `body` is an object, or bytes as they are on the wire.

    Headers are named with underscores; bytes that are no text arrive in base64, as the gateway does it.
    """
    event = recorded("http_post_events")
    del event["headers"]["authorization"]
    if key is not None:
        event["headers"]["authorization"] = basic(key)
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        event["body"] = raw.decode()
    except UnicodeDecodeError:
        event |= {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
    return event


def get(
    route: Route,
    *,
    claims: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
    account: str = "acme",
) -> dict[str, Any]:
    """A read; without `claims` no authorizer has spoken."""
    event = recorded("http_get_usage")
    event["routeKey"] = event["requestContext"]["routeKey"] = route.key
    event["rawPath"] = route.path.replace("{id}", account)
    held = {"id": account, "token": "unsigned"}
    event["pathParameters"] = {n: held[n] for n in held if f"{{{n}}}" in route.path} or None
    del event["queryStringParameters"], event["requestContext"]["authorizer"]
    if query:
        event["queryStringParameters"] = query
    if claims is not None:
        event["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    return event


def unsubscribe(
    route: Route, token: str, form: str | None = None, *, language: str | None = None, at_ms: int = ARRIVAL_MS
) -> dict[str, Any]:
    """A visit of the page of mail preferences, or a form posted to it."""
    event = get(route)
    event["requestContext"]["timeEpoch"] = at_ms
    event["rawPath"] = route.path.replace("{token}", token)
    event["pathParameters"] = {"token": token}
    if language is not None:
        event["headers"]["accept-language"] = language
    if form is not None:
        event["headers"]["content-type"] = "application/x-www-form-urlencoded"
        event |= {"body": base64.b64encode(form.encode()).decode(), "isBase64Encoded": True}
    return event


def claims_of(groups: str | list[str] | None, **more: str) -> dict[str, Any]:
    """The verified claims of a person in `groups`, as the gateway spells them: "[admin csm]"."""
    base = recorded("http_get_usage")["requestContext"]["authorizer"]["jwt"]["claims"]
    found: dict[str, Any] = {**base, "email": "carla@acme.example", **more}
    del found["cognito:groups"]
    return found if groups is None else found | {"cognito:groups": groups}


def track(account: str = "acme", event: str = "Report Created", **changes: Any) -> dict[str, Any]:
    """A valid track call; `changes` replace its fields, None removes one."""
    call = {
        "type": "track",
        "event": event,
        "messageId": "m-1",
        "timestamp": "2024-01-30T10:45:04Z",
        "userId": "u-1",
        "context": {"groupId": account},
        "properties": {},
    }
    return {name: value for name, value in (call | changes).items() if value is not None}
