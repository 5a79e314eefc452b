"""Where in a TOML file a value stands, so that an error can name its line.

A TOML statement (a table header, or a key with its value) is also a TOML document of its own: the file
is cut wherever the text so far parses, and `tomllib` itself says what each piece defines.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


def locate(text: str, path: Path) -> int:
    """The line (from 1) on which `path` is written, or else the closest thing that encloses it.

    `text` is valid TOML. Items of an array written over several lines have their own line; anything
    else has the line on which its statement starts. Line 1 where nothing of the path is written.
    """
    lines = _Index.of(text).lines
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def is_written(text: str, path: Path) -> bool:
    """Whether the file itself holds `path` (a default may stand in for what it does not hold)."""
    return path in _Index.of(text).lines


@dataclass(slots=True)
class _Index:
    """Line of every path, collected statement by statement."""

    lines: dict[Path, int] = field(default_factory=dict)
    arrays: dict[Path, int] = field(default_factory=dict)
    prefix: Path = ()

    @classmethod
    def of(cls, text: str) -> "_Index":
        index = cls()
        for line, statement in _statements([f"{line}\n" for line in text.split("\n")]):
            index._add(line, statement)
        return index

    def _add(self, line: int, statement: str) -> None:
        defined = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            self.prefix = self._enter(defined, array=statement.lstrip().startswith("[["))
            self._note(self.prefix, line)
            return
        for path, value in _walk(defined, self.prefix):
            self._note(path, line)
            for i in range(len(value) if isinstance(value, list) else 0):
                self._note((*path, i), line + _item_offset(statement, i))

    def _enter(self, header: dict[str, Any], *, array: bool) -> Path:
        """The path of a header; a name on the way that is an array of tables means its latest element."""
        path: Path = ()
        node: Any = header
        while isinstance(node, dict) and node:
            key, node = next(iter(node.items()))
            path = (*path, key)
            if array and isinstance(node, list):
                self.arrays[path] = self.arrays.get(path, -1) + 1
            if path in self.arrays:
                path = (*path, self.arrays[path])
        return path

    def _note(self, path: Path, line: int) -> None:
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], line)


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    start = 0
    for end in range(1, len(lines) + 1):
        piece = "".join(lines[start:end])
        defined = _parse(piece)
        if defined is not None:
            if defined:
                yield start + 1, piece
            start = end


def _parse(piece: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(piece)
    except tomllib.TOMLDecodeError:
        return None


def _walk(node: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key), value
            yield from _walk(value, (*path, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from _walk(value, (*path, i))


def _item_offset(statement: str, item: int) -> int:
    """How many lines below its key an array's item ends: at the first cut that, closed, holds the item."""
    lines = statement.removesuffix("\n").split("\n")
    for count in range(1, len(lines)):
        defined = _parse("\n".join(lines[:count]) + "\n]") or {}
        if any(isinstance(value, list) and len(value) > item for value in defined.values()):
            return count - 1
    return len(lines) - 1
