"""The schema of `stemtide.toml` in words: remedies for error messages and the table in the docs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from stemtide.config_schema import Config
from stemtide.config_source import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the file: where it stands (`plans[]` for each plan), what it takes and means."""

    path: str
    takes: str
    default: str
    meaning: str
    example: object


def entries() -> Iterator[Key]:
    """Every key, in the order of the schema."""
    yield from _keys(_node(()), "")


def table() -> str:
    """The Markdown table of docs/configuration.md."""
    rows = [f"| `{k.path}` | {k.takes} | {k.default} | {k.meaning} |" for k in entries()]
    return "\n".join(["| key | takes | default | meaning |", "|---|---|---|---|", *rows])


def keys_of(path: Path) -> list[str]:
    """Names of the keys that may stand at `path`."""
    return sorted(_node(path).get("properties", {}))


def remedy(path: Path) -> str:
    """What to write at `path`: the kind of value and an example."""
    node = _node(path)
    if not path or not node:
        return "See docs/configuration.md."
    if "properties" in node:
        return f"Write a section [{dotted(path)}] with the keys {', '.join(node['properties'])}."
    inner = _resolve(node.get("items", {}))
    if "properties" in inner:
        most = f"at most {node['maxItems']} sections" if "maxItems" in node else "sections"
        return f"Write {most} [[{dotted(path)}]] with the keys {', '.join(inner['properties'])}."
    example = next(iter(node.get("examples", ())), None)
    shown = (
        f", e.g. {path[-1]} = {_toml_value(example)}"
        if example is not None and isinstance(path[-1], str)
        else ""
    )
    return f"Write {_takes(node)}{shown}."


def dotted(path: Path) -> str:
    """A path as people write it: `plans[1].limits.seats`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return msgspec.json.schema(Config)


def _node(path: Path) -> dict[str, Any]:
    """The part of the JSON schema that describes `path`; empty where the schema knows nothing of it."""
    node = _resolve(_schema())
    for step in path:
        child = node.get("items") if isinstance(step, int) else _property(node, step)
        node = _resolve(child if isinstance(child, dict) else {})
    return node


def _property(node: dict[str, Any], name: str) -> Any:
    return node.get("properties", {}).get(name, node.get("additionalProperties"))


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return {**_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]], **node}
    return node


def _keys(node: dict[str, Any], prefix: str) -> Iterator[Key]:
    for name, raw in node.get("properties", {}).items():
        child, path = _resolve(raw), f"{prefix}{name}"
        inner = _resolve(child.get("items", {}))
        if "properties" in child:
            yield from _keys(child, f"{path}.")
        elif "properties" in inner:
            yield from _keys(inner, f"{path}[].")
        else:
            required = name in node.get("required", ())
            yield Key(
                path=path,
                takes=_takes(child),
                default="required" if required else f"`{_toml_value(child['default'])}`",
                meaning=child.get("description", ""),
                example=next(iter(child.get("examples", ())), None),
            )


def _takes(node: dict[str, Any]) -> str:
    if "enum" in node:
        return " or ".join(f'"{value}"' for value in node["enum"])
    match node.get("type"):
        case "boolean":
            return "true or false"
        case "integer":
            return f"a whole number from {node['minimum']} to {node['maximum']}"
        case "number" if "minimum" in node:
            return f"a number from {node['minimum']} to {node['maximum']}"
        case "number" if "maximum" in node:
            return f"a number above {node['exclusiveMinimum']}, at most {node['maximum']}"
        case "number":
            return f"a number above {node['exclusiveMinimum']} and below {node['exclusiveMaximum']}"
        case "string":
            cap = f" of at most {node['maxLength']} characters" if "maxLength" in node else ""
            return f"a text in quotes{cap}"
        case "array":
            return _takes_list(node)
        case _:
            values = _resolve(node.get("additionalProperties", {})).get("type")
            return f"a table of {'texts' if values == 'string' else 'whole numbers'} by name"


def _takes_list(node: dict[str, Any]) -> str:
    items = _resolve(node["items"])
    if items.get("type") in ("number", "integer"):
        exact = node.get("minItems") if node.get("minItems") == node.get("maxItems") else None
        return f"a list of {exact} numbers" if exact else f"a list, each {_takes(items)}"
    if "enum" in items:
        return f"a list of {_takes(items)}"
    return "a list of patterns" if "description" in items else "a list of texts in quotes"


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml_value(v)}" for k, v in value.items()) + " }" if value else "{}"
    return json.dumps(value, ensure_ascii=False)
