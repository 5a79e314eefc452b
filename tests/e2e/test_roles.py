"""Every role against every route: only what it may."""

from typing import Any

import pytest
from stemtide.access import ROUTES

from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

ROLES = ("viewer", "csm", "admin")
READABLE = [route for route in ROUTES if isinstance(route.access, frozenset)]


def concrete(path: str) -> str:
    return path.replace("{id}", "0" * 24)  # an id for accounts and episodes alike, of none that ever was


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", READABLE, ids=lambda route: f"{route.method} {route.path}")
def test_a_role_gets_what_it_may_and_403_otherwise(stack: Stack, route: Any, role: str) -> None:
    reply = stack.call(route.method, concrete(route.path), role=role)

    allowed = role in route.access
    assert (reply.status in (200, 404)) if allowed else (reply.status == 403), reply


@pytest.mark.parametrize("route", READABLE, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("token", [None, "not.a.token", "write key"])
def test_without_a_valid_token_nothing_is_read(stack: Stack, route: Any, token: str | None) -> None:
    write_key = stack.facts["write_key"] if token == "write key" else None

    reply = stack.call(
        route.method,
        concrete(route.path),
        role=None if write_key else token,
        write_key=write_key,
    )

    assert reply.status == 401


def test_a_token_with_a_changed_role_is_refused(stack: Stack) -> None:
    import base64
    import json

    head, claims, signature = stack.facts["api_tokens"]["viewer"].split(".")
    padded = claims + "=" * (-len(claims) % 4)
    changed = json.loads(base64.urlsafe_b64decode(padded)) | {"cognito:groups": ["admin"]}
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")

    reply = stack.call("GET", "/v1/ingest/quarantine", role=f"{head}.{forged}.{signature}")

    assert reply.status == 401


def test_the_description_of_the_api_is_public_and_lists_every_route(stack: Stack) -> None:
    reply = stack.call("GET", "/openapi.json")

    assert reply.status == 200
    listed = {(m.upper(), path) for path, item in reply.body["paths"].items() for m in item}
    assert listed == {(route.method, route.path) for route in ROUTES}


def test_an_unknown_route_is_not_found(stack: Stack) -> None:
    assert stack.call("GET", "/v1/nothing-here", role="admin").status == 404
