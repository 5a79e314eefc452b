"""The files of an export sorted out: what holds events, what is a section's, what is neither."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from stemtide_cli import log_file
from stemtide_cli.backfill_listing import ClientOf, Listing, Source, listing_of
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Mapping

MAX_FILES: Final = 65_536
"""As many as a row's place has numbers for."""
SECTIONS: Final = ("subscriptions", "accounts", "enrolments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The events files in the order in which equal instants count, the file of each section, and the names
    of the files that are neither."""

    events: tuple[Source, ...]
    sections: dict[str, Source]
    ignored: tuple[str, ...]

    @property
    def identity(self) -> str:
        """What tells this export from another one."""
        known = "\n".join(
            f"{source.name} {source.identity}" for source in (*self.events, *self.sections.values())
        )
        return hashlib.sha256(known.encode()).hexdigest()


@dataclass(slots=True)
class _Found:
    """What the places have, by where it is: the same file counts once, however often it is named."""

    events: dict[str, Source] = field(default_factory=dict)
    sections: dict[str, dict[str, Source]] = field(default_factory=dict)
    files: dict[str, Source] = field(default_factory=dict)

    def ignored(self) -> Iterator[str]:
        used = self.events.keys() | {place for found in self.sections.values() for place in found}
        return (source.name for place, source in self.files.items() if place not in used)


def find_sources(data: Sequence[str], mapping: Mapping, mapping_path: Path, client_of: ClientOf) -> Sources:
    """The export's files.

    Args:
        data: folders, files and `s3://bucket/prefix` or `s3://bucket/key`. A file is read; of a folder what
            the mapping names.

    Raises:
        CliError: one does not exist, none holds events, or several are the same section's.
    """
    found = _Found()
    for place in data:
        _sort_out(listing_of(place, client_of), mapping, mapping_path, found)
    if not found.events:
        raise CliError("there is no file of events", hint=f"check --data, or `file` in {mapping_path}")
    if (count := len(found.events)) > MAX_FILES:
        raise CliError(f"{count:,} files of events", hint=f"at most {MAX_FILES:,}: join small ones")
    return Sources(
        events=tuple(found.events.values()),
        sections=dict(_single(section, files, mapping_path) for section, files in found.sections.items()),
        ignored=tuple(found.ignored()),
    )


def _single(section: str, files: dict[str, Source], mapping_path: Path) -> tuple[str, Source]:
    if len(files) > 1:
        raise CliError(
            f"several files are [{section}]: {', '.join(source.name for source in files.values())}",
            hint=f"leave one, or name its path within --data as `file` of [{section}] in {mapping_path}",
        )
    return section, next(iter(files.values()))


def _sort_out(listing: Listing, mapping: Mapping, mapping_path: Path, found: _Found) -> None:
    """Add what a place has."""
    readable = [source for source in listing.files if source.is_readable]
    taken: set[Source] = set()
    for section in SECTIONS:
        part = getattr(mapping, section)
        ranks = {source: rank for source in readable if part and (rank := _rank(source.within, part.file))}
        best = {source.place: source for source, rank in ranks.items() if rank == min(ranks.values())}
        if best:
            found.sections.setdefault(section, {}).update(best)
        taken |= ranks.keys()
    others = [source for source in readable if source not in taken]
    events = others if listing.is_file else _events(others, mapping, mapping_path)
    for source in events:
        found.events.setdefault(source.place, source)
    for source in listing.files:
        found.files.setdefault(source.place, source)


def _rank(name: str, file: str) -> int:
    """How well a name fits what a mapping says: 1 by the path, 2 but for the ending, 3 but for the folder, 0
    not at all."""
    if name == file:
        return 1
    stem, wanted = PurePosixPath(_stem(name)), PurePosixPath(_stem(file))
    return 2 if stem == wanted else 3 if stem.name == wanted.name else 0


def _events(files: Sequence[Source], mapping: Mapping, mapping_path: Path) -> list[Source]:
    """A folder's events: the file of their name, else the files of the folder of that name, else all."""
    stem = _stem(mapping.events.file)
    named = [source for source in files if source.within == mapping.events.file]
    named = named or [source for source in files if _stem(source.within) == stem]
    if len(named) > 1:
        raise CliError(
            f"several files fit: {', '.join(source.name for source in named)}",
            hint=f"remove one, or name it with its ending as `file` in {mapping_path}",
        )
    return named or [source for source in files if source.within.startswith(f"{stem}/")] or list(files)


def _stem(name: str) -> str:
    return next((name.removesuffix(end) for end in log_file.ENDINGS if name.endswith(end)), name)
