"""What lies where `--data` points: the files of a folder, a file, objects in S3."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from botocore.exceptions import ClientError, ParamValidationError

from stemtide_cli import log_file
from stemtide_cli.errors import CliError
from stemtide_cli.log import fingerprint_of

SCHEME: Final = "s3://"
HINT: Final = f"check --data; known endings: {', '.join(log_file.ENDINGS)}"
ClientOf = Callable[[str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file: its name for people and within its place, and where it is (here or in S3)."""

    name: str
    within: str
    path: Path | None = None
    bucket: str = ""
    key: str = ""
    version: str = ""
    """What tells an object in S3 from another version of it."""

    @property
    def place(self) -> str:
        """The same for the same file, however it was named."""
        return str(self.path.resolve()) if self.path is not None else f"{SCHEME}{self.bucket}/{self.key}"

    @property
    def identity(self) -> str:
        """What tells its content from another one."""
        return self.version if self.path is None else fingerprint_of(self.path)

    @property
    def is_readable(self) -> bool:
        """Whether its ending is known."""
        return self.within.endswith(log_file.ENDINGS)

    @contextmanager
    def at_hand(self, folder: Path, client_of: ClientOf) -> Iterator[Path]:
        """The file on this machine, by its own name in errors; one from S3 is fetched into `folder` and
        removed afterwards."""
        here = self.path or folder / PurePosixPath(self.key).name
        try:
            if self.path is None:
                folder.mkdir(parents=True, exist_ok=True)
                client_of("s3").download_file(self.bucket, self.key, str(here))
            yield here
        except CliError as error:
            raise CliError(self._named(error.message, here), hint=self._named(error.hint, here)) from error
        finally:
            if self.path is None:
                here.unlink(missing_ok=True)

    def _named(self, text: str, here: Path) -> str:
        return text.replace(str(here.absolute()), self.name).replace(str(here), self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of a place, by name; `is_file`: the place is one itself."""

    files: tuple[Source, ...]
    is_file: bool = False


def listing_of(place: str, client_of: ClientOf) -> Listing:
    """The files that a `--data` names: a folder's or a prefix's, without markers and empty ones, or the one.

    Raises:
        CliError: there is none, or the one that is named is of no known kind.
    """
    found = _in_s3(place, client_of) if place.startswith(SCHEME) else _local(Path(place))
    if found.is_file and not found.files[0].is_readable:
        raise CliError(f"{place}: there is no file that can be read: its ending is unknown", hint=HINT)
    if not any(source.is_readable for source in found.files):
        raise CliError(f"{place}: there is no file that can be read", hint=HINT)
    return found


def _local(place: Path) -> Listing:
    if place.is_file():
        return Listing(files=(Source(name=str(place), within=place.name, path=place),), is_file=True)
    if not place.is_dir():
        raise CliError(f"{place}: there is no such file or folder", hint="check --data")
    files = (
        Source(name=str(path), within=path.relative_to(place).as_posix(), path=path)
        for path in _below(place, set())
        if path.is_file() and path.stat().st_size
    )
    return Listing(files=tuple(source for source in files if not _is_marker(source.within)))


def _below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """What is in a folder and in those below it, linked ones too, each once.

    Raises:
        OSError: one may not be read; what is in it would be missing.
    """
    if (real := folder.resolve()) in seen:
        return
    seen.add(real)
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _below(path, seen)
        else:
            yield path


def _in_s3(place: str, client_of: ClientOf) -> Listing:
    bucket, _, prefix = place.removeprefix(SCHEME).partition("/")
    found: list[Source] = []
    for entry in _objects(bucket, prefix, client_of):
        key = str(entry["Key"])
        version = f"{entry['ETag']} {entry['Size']}"
        name = f"{SCHEME}{bucket}/{key}"
        within = key.removeprefix(prefix).lstrip("/") or PurePosixPath(key).name
        source = Source(name=name, within=within, bucket=bucket, key=key, version=version)
        if key == prefix:
            return Listing(files=(source,), is_file=True)
        whole = not prefix or prefix.endswith("/") or key[len(prefix) :].startswith("/")
        if whole and entry["Size"] and not _is_marker(within):
            found.append(source)
    return Listing(files=tuple(found))


def _objects(bucket: str, prefix: str, client_of: ClientOf) -> Iterator[dict[str, Any]]:
    pages = client_of("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        for page in pages:
            yield from (entry for entry in page.get("Contents", ()) if not entry["Key"].endswith("/"))
    except (ClientError, ParamValidationError) as error:
        raise CliError(
            f"--data {SCHEME}{bucket}/{prefix}: the bucket {bucket!r} cannot be listed: {error}",
            hint="check the name (s3://bucket/prefix), and that your credentials may list the bucket",
        ) from error


def _is_marker(name: str) -> bool:
    """Whether it is no data by its name, as what a job leaves beside its parts."""
    return any(part.startswith((".", "_")) for part in PurePosixPath(name).parts)
