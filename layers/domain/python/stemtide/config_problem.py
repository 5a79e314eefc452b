"""Something that cannot be right in `stemtide.toml`."""

from dataclasses import dataclass

from stemtide.config_source import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong at the first of `paths` that the file holds."""

    paths: tuple[Path, ...]
    reason: str
    remedy: str
