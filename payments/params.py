"""Parameters of a request, read by type: from a form everything is text, from Python it has its type."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from payments.errors import ApiError, invalid

T = TypeVar("T", int, str)


def decode_form(text: str) -> dict[str, Any]:
    """The nested parameters of a form or a query: `a[b]=1`, `a[0][b]=1`, `a[]=1`."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, _, rest = name.partition("[")
        keys = [head, *(rest[:-1].split("][") if rest else [])]
        _place(root, keys, value)
    return {key: _listed(value) for key, value in root.items()}


def _place(node: dict[str, Any], keys: list[str], value: str) -> None:
    for depth, key in enumerate(keys):
        name = key or str(len(node))
        if depth == len(keys) - 1:
            node[name] = value
            return
        below = node.setdefault(name, {})
        if not isinstance(below, dict):
            raise invalid(f"Invalid object: {keys[0]}", param=keys[0])
        node = below


def _listed(value: Any) -> Any:
    """Objects whose keys are all numbers are lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(below) for key, below in value.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


class Params:
    """The parameters of a request, or a part of them; what is asked for and wrong is refused by name."""

    __slots__ = ("path", "values")

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self.values = values
        self.path = path

    def name(self, key: str) -> str:
        return f"{self.path}[{key}]" if self.path else key

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def cleared(self, key: str) -> bool:
        """Whether the parameter is there and empty: take away what is set."""
        return bool(self.values.get(key) == "")

    def only(self, allowed: frozenset[str]) -> None:
        """Raises ApiError for a parameter that the route does not know."""
        for key in self.values:
            if key not in allowed:
                raise invalid(
                    f"Received unknown parameter: {self.name(key)}",
                    code="parameter_unknown",
                    param=self.name(key),
                )

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, dict | list):
            raise invalid(f"Invalid string: {self.name(key)}", param=self.name(key))
        return str(value)

    def integer(self, key: str, *, least: int | None = None) -> int | None:
        value = self.values.get(key)
        if value is None or value == "":
            return None
        try:
            number = int(value) if not isinstance(value, float | bool) else int(str(value))
        except (TypeError, ValueError):
            raise invalid(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=self.name(key)
            ) from None
        if least is not None and number < least:
            raise invalid(
                f"This value must be greater than or equal to {least}.",
                code="parameter_invalid_integer",
                param=self.name(key),
            )
        return number

    def boolean(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if value in (True, "true", "1"):
            return True
        if value in (False, "false", "0"):
            return False
        raise invalid(f"Invalid boolean: {value}", param=self.name(key))

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str | None:
        value = self.text(key)
        if value is not None and value not in allowed:
            raise invalid(
                f"Invalid {self.name(key)}: must be one of {', '.join(allowed[:-1])}, or {allowed[-1]}",
                param=self.name(key),
            )
        return value

    def part(self, key: str) -> "Params | None":
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, Mapping):
            raise invalid(f"Invalid object: {self.name(key)}", param=self.name(key))
        return Params(value, self.name(key))

    def rows(self, key: str) -> "list[Params] | None":
        value = self.values.get(key)
        if value is None:
            return None
        if value == "":
            return []
        if not isinstance(value, list | tuple) or not all(isinstance(row, Mapping) for row in value):
            raise invalid("Invalid array", param=self.name(key))
        return [Params(row, f"{self.name(key)}[{place}]") for place, row in enumerate(value)]

    def texts(self, key: str) -> list[str]:
        value = self.values.get(key)
        if value is None or value == "":
            return []
        if not isinstance(value, list | tuple):
            raise invalid("Invalid array", param=self.name(key))
        return [str(item) for item in value]

    def need(self, key: str, value: T | None) -> T:
        """The value, which must be there.

        Raises:
            ApiError: it is not.
        """
        if value is None:
            raise self.lacks(key)
        return value

    def lacks(self, key: str) -> ApiError:
        name = self.name(key)
        return invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)

    def needed_text(self, key: str) -> str:
        return self.need(key, self.text(key))

    def metadata(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """The metadata afterwards: given keys set, emptied ones taken away, the rest as before."""
        after = dict(before or {})
        if self.cleared("metadata"):
            return {}
        part = self.part("metadata")
        for key in part.values if part is not None else ():
            text = part.text(key) if part is not None else None
            if text is None:
                after.pop(key, None)
            else:
                after[key] = text
        return after
