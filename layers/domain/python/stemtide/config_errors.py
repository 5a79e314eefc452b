"""What is wrong with a configuration file, where, and what to write instead."""

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Self

import msgspec

from stemtide import config_reference, config_source
from stemtide.config_schema import Config
from stemtide.config_source import Path


class ConfigError(Exception):
    """A configuration that cannot be used: `<file>:<line>: <key>: <reason>. <remedy>`."""

    def __init__(self, *, file: str, line: int, reason: str, remedy: str, key: str = "") -> None:
        self.file, self.line, self.key, self.reason, self.remedy = file, line, key, reason, remedy
        super().__init__(f"{file}:{line}: {key + ': ' if key else ''}{reason}. {remedy}")

    @classmethod
    def of_syntax(cls, error: tomllib.TOMLDecodeError, *, file: str, text: str) -> Self:
        """From what `tomllib` says, which names line and column inside its message."""
        found = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        said = re.sub(r" \(at .*$", "", str(error))
        where = f"at column {found[2]}" if found else "at the end of the file"
        return cls(
            file=file,
            line=int(found[1]) if found else text.count("\n") + 1,
            reason=f"not valid TOML {where}: {said}",
            remedy='Strings need quotes ("..."), lists brackets, and every key may be set once.',
        )

    @classmethod
    def of_schema(
        cls, error: msgspec.ValidationError, *, file: str, text: str, values: dict[str, Any]
    ) -> Self:
        """From what msgspec says: `Expected int, got str - at $.plans[1].rank`."""
        reason, _, at = str(error).partition(" - at ")
        path = _concrete_path(at, values, str(error))
        remedy = config_reference.remedy(path)
        if missing := re.search(r"missing required field `(.+)`$", reason):
            path = (*path, missing[1])
            reason, remedy = "is missing", config_reference.remedy(path)
        elif unknown := re.search(r"unknown field `(.+)`$", reason):
            reason, remedy = "unknown key", _suggest(unknown[1], config_reference.keys_of(path))
            path = (*path, unknown[1])
        elif at.startswith("`key`"):
            reason = "is no name of a meter"
            remedy = "Write small letters, digits and _, beginning with a letter, e.g. api_calls."
        return cls(
            file=file,
            line=config_source.locate(text, path),
            key=config_reference.dotted(path),
            reason=reason.replace("`", "").replace("Expected object", "Expected a section"),
            remedy=remedy,
        )


def _suggest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(known)}."


def _concrete_path(at: str, values: Mapping[str, Any], message: str) -> Path:
    """The path of a msgspec message, with the key that it does not name (`[...]`, `key` in) found."""
    path: Path = ()
    for name, index in re.findall(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]", at):
        step = int(index) if index.isdigit() else name or _culprit(path, values, message)
        path = (*path, step)
    return (*path, _culprit(path, values, message)) if at.startswith("`key`") else path


def _culprit(path: Path, values: Mapping[str, Any], message: str) -> str:
    """The key that alone, in its table, still gives the same message: found by trying each."""
    table: Any = values
    for step in path:
        table = table[step]
    whole = dict(table)
    try:
        for key, value in whole.items():
            table.clear()
            table[key] = value
            if _message(values) == message:
                return str(key)
    finally:
        table.clear()
        table.update(whole)
    return "*"


def _message(values: Mapping[str, Any]) -> str | None:
    try:
        msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        return str(error)
    return None
