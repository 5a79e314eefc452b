"""Service state as JSON text, in the emulator's own encoding of its dictionaries and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

ATTEMPTS = 20


def encode(state: Any) -> str:
    """The state as one line of JSON. Raises `TypeError` for what the emulator cannot persist either."""
    from ministack.core.persistence import _json_default

    return json.dumps(state, default=_json_default, separators=(",", ":"))


def decode(text: str) -> Any:
    """The state again, with the emulator's dictionaries."""
    from ministack.core.persistence import _json_object_hook

    return json.loads(text, object_hook=_json_object_hook)


def unchanging(read: Callable[[], T]) -> T:
    """Call `read`, again when another thread changed the size of a dictionary under it."""
    for _ in range(ATTEMPTS):
        try:
            return read()
        except RuntimeError as error:
            if "changed size during iteration" not in str(error):
                raise
    return read()


def encode_live(read: Callable[[], Any]) -> str:
    """Encode a state whose dictionaries are still in use."""
    return unchanging(lambda: encode(read()))
