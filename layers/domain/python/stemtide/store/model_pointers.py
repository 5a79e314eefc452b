"""The pointers beside a model's versions: which one serves, and which one is tried beside it.

    <name>/champion.json        {"version", "promoted_at", "previous", "shadow", "previous_shadow"}
    <name>/challenger.json      {"version", "since"}; version null: none

A pointer is replaced only in the state in which it was read (S3 compares its ETag), so that of two people
who move it at once neither undoes the other unseen:

    promote B                        promote C
    reads: A serves
                                     reads: A serves
    writes B, before it A
                                     writes C, before it A -> refused: it is no longer what was read
                                     reads: B serves
                                     writes C, before it B
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
from botocore.exceptions import ClientError

from stemtide.scoring.artefact import ArtefactError
from stemtide.store.errors import code_of, translated

CHAMPION_FILE: Final = "champion.json"
CHALLENGER_FILE: Final = "challenger.json"
POINTER_BYTES: Final = 10_000
"""A pointer has some two hundred."""
MOVES: Final = 5
"""Tries of a change that somebody else's keeps overtaking."""
ABSENT: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_MOVED: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}) | ABSENT
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


class ModelStoreError(ValueError):
    """A version cannot be stored, promoted or rolled back to; says why and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}: {remedy}")
        self.reason = reason
        self.remedy = remedy


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The version that serves, since when (ISO instant, UTC), and the one before it.

    `shadow`: its scores are written and nothing acts on them; `previous_shadow` the same of the one before.
    """

    version: str
    promoted_at: str
    previous: str | None = None
    shadow: bool = False
    previous_shadow: bool = False


class Challenger(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is tried beside the champion (None: none), since when (ISO instant, UTC)."""

    version: str | None
    since: str


P = TypeVar("P", Champion, Challenger)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Generic[P]):
    """A pointer as it was read: `pointer` None where there is none or where it cannot be read (`flaw`), and
    the ETag of the object (None: there is none)."""

    pointer: P | None
    etag: str | None
    flaw: ArtefactError | ModelStoreError | None = None

    def sound(self) -> P | None:
        """The pointer.

        Raises:
            ArtefactError, ModelStoreError: it cannot be read.
        """
        if self.flaw is not None:
            raise self.flaw
        return self.pointer


@dataclass(frozen=True, slots=True)
class Pointers:
    """Reads and moves the pointers of one bucket (boto3 S3 client)."""

    s3: Any
    bucket: str

    def champion(self, name: str) -> Held[Champion]:
        """The champion's pointer as it is now."""
        return self._held(name, CHAMPION_FILE, Champion)

    def challenger(self, name: str) -> Held[Challenger]:
        """The challenger's pointer as it is now."""
        return self._held(name, CHALLENGER_FILE, Challenger)

    def move_champion(
        self, name: str, change: Callable[[Held[Champion]], Champion | None]
    ) -> tuple[Champion, bool]:
        """Replace the champion by what `change` makes of it (None: it stays); and whether it moved.

        Raises:
            ModelStoreError: others kept moving it.
        """
        return self._move(name, CHAMPION_FILE, self.champion, change)

    def move_challenger(
        self, name: str, change: Callable[[Held[Challenger]], Challenger | None]
    ) -> tuple[Challenger, bool]:
        """The same of the challenger."""
        return self._move(name, CHALLENGER_FILE, self.challenger, change)

    def _move(
        self,
        name: str,
        file: str,
        read: Callable[[str], Held[P]],
        change: Callable[[Held[P]], P | None],
    ) -> tuple[P, bool]:
        key = f"{checked_name(name)}/{file}"
        wanted: P | None = None
        for _ in range(MOVES):
            held = read(name)
            if wanted is not None and held.pointer == wanted:  # the reply was lost, the write was not
                return wanted, True
            wanted = change(held)
            if wanted is None:
                assert held.pointer is not None
                return held.pointer, False
            if self._replaced(key, msgspec.json.encode(wanted), held.etag):
                return wanted, True
        raise ModelStoreError(
            f"{key} was moved by others {MOVES} times meanwhile", "see who does that, then try again"
        )

    def _replaced(self, key: str, body: bytes, etag: str | None) -> bool:
        """Whether the object was still as it was read, and is now `body`."""
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            with translated():
                self.s3.put_object(
                    Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", **condition
                )
        except ClientError as error:
            if code_of(error) in _MOVED:
                return False
            raise
        return True

    def _held(self, name: str, file: str, kind: type[P]) -> Held[P]:
        try:
            with translated():
                answer = self.s3.get_object(Bucket=self.bucket, Key=f"{checked_name(name)}/{file}")
        except ClientError as error:
            if code_of(error) in ABSENT:
                return Held(pointer=None, etag=None)
            raise
        etag = str(answer["ETag"])
        try:
            return Held(pointer=_pointer(answer, file, kind), etag=etag)
        except (ArtefactError, ModelStoreError) as flaw:
            return Held(pointer=None, etag=etag, flaw=flaw)


def _pointer(answer: Any, file: str, kind: type[P]) -> P:
    if answer["ContentLength"] > POINTER_BYTES:
        raise ArtefactError(file, f"it has {answer['ContentLength']:,} bytes, more than {POINTER_BYTES:,}")
    try:
        found = msgspec.json.decode(answer["Body"].read(), type=kind)
    except msgspec.MsgspecError as error:
        raise ArtefactError(
            file,
            f"it cannot be read ({error})",
            "Promote a version with --live or --shadow: that writes it anew.",
        ) from error
    if found.version is not None:
        checked_version(found.version)
    return found


def checked_name(name: str) -> str:
    """The name of a model, if it can be one.

    Raises:
        ModelStoreError: it would be no part of a key.
    """
    return _checked(name, _NAME)


def checked_version(version: str) -> str:
    """The same of a version."""
    return _checked(version, _VERSION)


def _checked(text: str, pattern: re.Pattern[str]) -> str:
    if len(text) > 128 or not pattern.fullmatch(text):
        raise ModelStoreError(
            f"{text[:64]!r} is no name or version of a model", "write letters, digits and -_. without blanks"
        )
    return text
