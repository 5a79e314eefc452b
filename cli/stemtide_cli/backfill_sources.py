"""The files of an export: found in a folder, among files or in S3, and at hand one at a time."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from stemtide_cli import log_file
from stemtide_cli.errors import CliError
from stemtide_cli.log import fingerprint_of
from stemtide_cli.mapping import Mapping

MAX_FILES: Final = 65_536
"""As many as a row's place has numbers for."""
SCHEME: Final = "s3://"
ClientOf = Callable[[str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file: its name for people, what tells it from another version of it, how to have it here."""

    name: str
    identity: str
    path: Path | None = None
    bucket: str = ""
    key: str = ""

    @contextmanager
    def at_hand(self, folder: Path, client_of: ClientOf) -> Iterator[Path]:
        """The file on this machine; one from S3 is fetched into `folder` and removed afterwards."""
        if self.path is not None:
            yield self.path
            return
        folder.mkdir(parents=True, exist_ok=True)
        fetched = folder / PurePosixPath(self.key).name
        try:
            client_of("s3").download_file(self.bucket, self.key, str(fetched))
            yield fetched
        finally:
            fetched.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The events files in the order in which equal instants count, and the files of other sections."""

    events: tuple[Source, ...]
    sections: tuple[Source, ...]

    @property
    def identity(self) -> str:
        """What tells this export from another one."""
        known = "\n".join(f"{source.name} {source.identity}" for source in (*self.events, *self.sections))
        return hashlib.sha256(known.encode()).hexdigest()


def find_sources(data: Sequence[str], mapping: Mapping, mapping_path: Path, client_of: ClientOf) -> Sources:
    """The export's files.

    Args:
        data: folders, files and `s3://bucket/prefix` or `s3://bucket/key`.

    Raises:
        CliError: one does not exist, or none holds events.
    """
    found: list[tuple[str, Source]] = []
    for place in data:
        listed = _in_s3(place, client_of("s3")) if place.startswith(SCHEME) else _local(Path(place))
        if not listed:
            raise CliError(
                f"{place}: there is no file that can be read",
                hint=f"check --data; known endings: {', '.join(log_file.ENDINGS)}",
            )
        found += listed
    events, sections = _sorted_out(found, mapping, mapping_path)
    if len(events) > MAX_FILES:
        raise CliError(f"{len(events):,} files of events", hint=f"at most {MAX_FILES:,}: join small ones")
    return Sources(events=tuple(events), sections=tuple(sections))


def link_sections(sources: Sources, folder: Path, client_of: ClientOf) -> Path:
    """A folder with the sections' files under their own names, as `facts_log` looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources.sections:
        target = folder / PurePosixPath(source.key or str(source.path)).name
        target.unlink(missing_ok=True)
        if source.path is not None:
            target.symlink_to(source.path.resolve())
        else:
            client_of("s3").download_file(source.bucket, source.key, str(target))
    return folder


def _local(place: Path) -> list[tuple[str, Source]]:
    """(name within the place, file) of a file, or of all readable files of a folder."""
    if place.is_file():
        return [(place.name, _of_path(place))] if place.name.endswith(log_file.ENDINGS) else []
    if not place.is_dir():
        raise CliError(f"{place}: there is no such file or folder", hint="check --data")
    paths = sorted(path for path in place.rglob("*") if path.is_file() and path.stat().st_size)
    names = [(path.relative_to(place).as_posix(), path) for path in paths]
    return [(name, _of_path(path)) for name, path in names if _is_readable(name)]


def _of_path(path: Path) -> Source:
    return Source(name=str(path), identity=fingerprint_of(path), path=path)


def _in_s3(place: str, s3: Any) -> list[tuple[str, Source]]:
    bucket, _, prefix = place.removeprefix(SCHEME).partition("/")
    found: list[tuple[str, Source]] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            key = str(entry["Key"])
            name = key.removeprefix(prefix).lstrip("/") or PurePosixPath(key).name
            whole = key == prefix or not prefix or prefix.endswith("/") or key[len(prefix) :].startswith("/")
            if whole and _is_readable(name) and entry["Size"]:
                identity = f"{entry['ETag']} {entry['Size']}"
                source = Source(name=f"{SCHEME}{bucket}/{key}", identity=identity, bucket=bucket, key=key)
                found.append((name, source))
    return found


def _is_readable(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name.endswith(log_file.ENDINGS) and not any(part.startswith((".", "_")) for part in parts)


def _sorted_out(
    files: list[tuple[str, Source]], mapping: Mapping, mapping_path: Path
) -> tuple[list[Source], list[Source]]:
    """The events: the file (or the folder's files) of their name, else all that are no other section's."""
    of_sections = {
        _stem(section.file)
        for section in (mapping.subscriptions, mapping.accounts, mapping.enrolments)
        if section is not None
    }
    sections = [source for name, source in files if _stem(PurePosixPath(name).name) in of_sections]
    others = [(name, source) for name, source in files if source not in sections]
    stem = _stem(mapping.events.file)
    named = [source for name, source in others if name == mapping.events.file]
    named = named or [source for name, source in others if _stem(name) == stem]
    if len(named) > 1 and len({source.name.rpartition("/")[0] for source in named}) == 1:
        raise CliError(
            f"several files fit: {', '.join(source.name for source in named)}",
            hint=f"remove one, or name it with its ending as `file` in {mapping_path}",
        )
    named = named or [source for name, source in others if name.startswith(f"{stem}/")]
    events = named or [source for _, source in others]
    if not events:
        raise CliError("there is no file of events", hint=f"check --data, or `file` in {mapping_path}")
    return events, sections


def _stem(name: str) -> str:
    return next((name.removesuffix(end) for end in log_file.ENDINGS if name.endswith(end)), name)
