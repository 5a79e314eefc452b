"""The one file a customer writes: loaded, checked, and refused with the line, the reason and the remedy."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from stemtide import config_checks, config_reference, config_source
from stemtide.config_errors import ConfigError
from stemtide.config_schema import Config

__all__ = ["Config", "ConfigError", "bundled_config", "load_config", "parse_config"]

FILE_NAME = "stemtide.toml"


def load_config(path: Path) -> Config:
    """The configuration in `path`.

    Raises:
        ConfigError: the file is missing, is no TOML, or holds something that cannot be right.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            file=str(path),
            line=1,
            reason=f"cannot be read ({error.strerror})",
            remedy=f"Copy the example {FILE_NAME} there, or name another file in STEMTIDE_CONFIG.",
        ) from error
    return parse_config(data, file=str(path))


def parse_config(data: bytes, *, file: str = FILE_NAME) -> Config:
    """The configuration that the bytes of a TOML file hold; `file` is what error messages call it.

    Raises:
        ConfigError: see `load_config`.
    """
    text, values = _toml(data, file)
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise ConfigError.of_schema(error, file=file, text=text, values=values) from error
    for problem in config_checks.problems(config):
        written = [p for p in problem.paths if config_source.is_written(text, p)]
        place = (written or list(problem.paths))[0]
        raise ConfigError(
            file=file,
            line=config_source.locate(text, place),
            key=config_reference.dotted(place),
            reason=problem.reason,
            remedy=problem.remedy,
        )
    return config


@lru_cache(maxsize=1)
def bundled_config() -> Config:
    """The configuration this process runs with.

    STEMTIDE_CONFIG names it; otherwise it lies beside the package (as in the Lambda layer) or at the
    repository's root.

    Raises:
        ConfigError: see `load_config`.
    """
    named = os.environ.get("STEMTIDE_CONFIG")
    package = Path(__file__).resolve().parent
    candidates = [Path(named)] if named else [d / FILE_NAME for d in (package.parent, package.parents[3])]
    return load_config(next((c for c in candidates if c.is_file()), candidates[0]))


def _toml(data: bytes, file: str) -> tuple[str, dict[str, Any]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            file=file, line=line, reason="is not UTF-8", remedy="Save the file as UTF-8."
        ) from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError.of_syntax(error, file=file, text=text) from error
