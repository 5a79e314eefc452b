"""Where a replay goes on from, and that it is the only one of its log."""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stemtide_cli import packing, position
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Events, Mapping
from stemtide_cli.position import Position


def digest(events: Events, properties: tuple[str, ...]) -> str:
    """What a mapping means, as a short digest (the file's name and the order of keys do not matter)."""
    return _digest((_without_file(events), properties))


def digest_of_facts(mapping: Mapping, properties: tuple[str, ...]) -> str:
    """The same of the sections that the facts of a log come from."""
    sections = (mapping.events, mapping.subscriptions, mapping.accounts)
    return _digest(
        (*(None if section is None else _without_file(section) for section in sections), properties)
    )


def _without_file(section: msgspec.Struct) -> msgspec.Struct:
    return msgspec.structs.replace(section, file="")


def _digest(meaning: object) -> str:
    return hashlib.sha256(msgspec.json.encode(meaning, order="deterministic")).hexdigest()[:16]


def resume(
    path: Path, *, incarnation: int, mapping: str, restart: bool, say: Callable[[str], None]
) -> Position:
    """The position to go on from.

    Raises:
        CliError: it was begun with another mapping, or half a chunk by another version of this program, or
            the file is none of ours.
    """
    fresh = Position(incarnation=incarnation, mapping=mapping, packing=packing.DIGEST)
    found = None if restart else _load(path)
    if found is None:
        return fresh
    if found.incarnation != incarnation:
        created = datetime.fromtimestamp(incarnation / 1000, tz=UTC)
        say(
            f"the stream is a new one (created {created:%Y-%m-%d %H:%M:%S} UTC): replaying from the beginning"
        )
        return fresh
    if found.mapping != mapping:
        if not found.sent and found.pending is None:
            return fresh  # nothing of it is in the stream
        raise CliError(
            "this stream holds a part of this log by another mapping",
            hint="use the mapping it began with, or a stack of its own (--restart would count rows twice)",
        )
    if found.pending is not None and found.packing != packing.DIGEST:
        raise CliError(
            "another version of stemtide was interrupted in the middle of a chunk of this log",
            hint="finish the replay with that version, or start on a new stack",
        )
    return found.repacked(packing.DIGEST)


def _load(path: Path) -> Position | None:
    try:
        return position.load(path)
    except msgspec.MsgspecError as error:
        raise CliError(
            f"{path} does not say how far the replay has come: {error}",
            hint="restore it, or start on a stack of its own (--restart would count again what was sent)",
        ) from error


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the position file: two replays of one log would push each other out of the id window.

    Raises:
        CliError: another replay holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CliError(
                "this log is being replayed to this stream by another process", hint="wait for its end"
            ) from error
        yield
