"""Idempotency keys: the same key with the same parameters is answered with what was answered first.

Stripe's documentation of API v1: answers are saved once a request's execution has begun, errors included,
and forgotten after 24 hours; a key that comes with other parameters is refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from payments.errors import ApiError
from payments.store import Object
from payments.world import World

KIND: Final = "_key"
NOT_BEGUN: Final = (400, 401, 404, 409, 429)
"""Refused before its execution began: the key is free again."""


def replayed(
    world: World, key: str, method: str, path: str, params: Mapping[str, Any]
) -> tuple[int, Object] | None:
    """What was answered to this key.

    Raises:
        ApiError: it came with another request.
    """
    saved = world.store.find(KIND, key)
    if saved is None:
        return None
    if saved["request"] != _request(method, path, params):
        raise ApiError(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            "with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
        )
    return saved["status"], saved["body"]


def save(
    world: World, key: str, method: str, path: str, params: Mapping[str, Any], *, status: int, body: Object
) -> None:
    """Remember an answer for 24 hours, if the request had begun."""
    if status not in NOT_BEGUN:
        request = _request(method, path, params)
        saved = {"object": KIND, "id": key, "created": world.now, "request": request, "status": status}
        world.store.put({**saved, "body": body})


def _request(method: str, path: str, params: Mapping[str, Any]) -> list[Any]:
    return [method, path, dict(params)]
