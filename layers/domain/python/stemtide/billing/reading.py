"""Reads values out of the provider's JSON, and says which one is missing."""

from collections.abc import Iterator, Mapping
from typing import Any

from stemtide.billing.objects import MalformedError
from stemtide.billing.provider import Json

SECOND_MS = 1000


def text(found: Json, name: str) -> str:
    """A string that must be there.

    Raises:
        MalformedError: it is not.
    """
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{_named(found)} has no {name}")
    return value


def whole(found: Json, name: str, default: int | None = None) -> int:
    """A whole number; without a default it must be there.

    Raises:
        MalformedError: it is missing, or something else.
    """
    value = found.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int:
        raise MalformedError(f"{_named(found)} has no whole number in {name}")
    return value


def instant(found: Json, name: str) -> int | None:
    """An instant (epoch s there) in epoch ms, None without."""
    return None if found.get(name) is None else whole(found, name) * SECOND_MS


def reference(value: Any) -> str | None:
    """The id of an object that is named or written out."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def needed_reference(found: Json, name: str) -> str:
    """The id of an object that must be named.

    Raises:
        MalformedError: it is not.
    """
    named = reference(found.get(name))
    if named is None:
        raise MalformedError(f"{_named(found)} names no {name}")
    return named


def part(found: Any, *path: str) -> Json:
    """The object at a path, an empty one where there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def each(found: Json, name: str) -> Iterator[Any]:
    """The elements of a list, or of one of the API's list objects."""
    value = found.get(name)
    if isinstance(value, Mapping):
        value = value.get("data")
    yield from value if isinstance(value, list | tuple) else ()


def _named(found: Json) -> str:
    return f"{found.get('object', 'object')} {found.get('id', '?')}"[:80]
