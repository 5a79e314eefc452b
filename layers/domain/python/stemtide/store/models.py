"""Models in S3: versions that never change, and a pointer to the one that serves.

    <name>/<version>/{model.onnx, explain.npz, manifest.json}      the manifest last: then all is there
    <name>/champion.json      {"version", "promoted_at", "previous"}

A function that finds the champion refused keeps the last good one and says so in its log.
"""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from stemtide.as_of import as_of_text
from stemtide.ports import UnavailableError
from stemtide.scoring.artefact import CAPS, FILES, ArtefactError, Model, load
from stemtide.scoring.manifest import MANIFEST
from stemtide.store.errors import code_of, translated

CHAMPION_FILE: Final = "champion.json"
POINTER_SECONDS: Final = 60
"""A promotion takes effect within a minute, and a busy function asks S3 once a minute."""
KEPT_MODELS: Final = 3
"""Models that a process remembers: the champion, the one before it, the one that a nightly run began with."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_ABSENT: Final = frozenset({"NoSuchKey", "404", "NotFound"})

logger = logging.getLogger(__name__)


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The version that serves, since when (ISO instant, UTC), and the one before it."""

    version: str
    promoted_at: str
    previous: str | None = None


class ModelStoreError(ValueError):
    """A version cannot be stored, promoted or rolled back to; says why and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}: {remedy}")
        self.reason = reason
        self.remedy = remedy


@dataclass(slots=True, kw_only=True)
class _Served:
    """What a process knows of one name."""

    asked_at: float = float("-inf")
    champion: Champion | None = None
    good: Model | None = None
    refused: str | None = None


@dataclass(slots=True)
class ModelStore:
    """Versions and champions in one bucket.

    Args:
        s3: a boto3 S3 client.
        monotonic: seconds that never go back; how old the known champion is.
        shape: the configured names of parts and meters (`configured_features.Shape`); a model that was
            trained with others would read one column as another, and is refused.
    """

    s3: Any
    bucket: str
    monotonic: Any = time.monotonic
    shape: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    _models: dict[tuple[str, str], Model] = field(default_factory=dict)
    _served: dict[str, _Served] = field(default_factory=dict)

    def champion(self, name: str) -> str | None:
        """The version that serves, at most `POINTER_SECONDS` old; None before the first promotion."""
        champion = self._pointer(name).champion
        return champion.version if champion else None

    def load(self, name: str, version: str) -> Model:
        """A version, checked; from this process's memory the second time.

        Raises:
            ArtefactError: it must not be used, or is not there.
        """
        key = (name, version)
        if key not in self._models:
            model = self._usable(name, version)
            while len(self._models) >= KEPT_MODELS:
                del self._models[next(iter(self._models))]
            self._models[key] = model
        return self._models[key]

    def serving(self, name: str) -> tuple[str | None, Model | None]:
        """The champion; if it is refused, the last good one (of this process, else the one before it).

        (None, None): nothing was promoted, or nothing promoted is usable.
        """
        try:
            served = self._pointer(name)
        except (ArtefactError, ModelStoreError) as error:
            served = self._served[name]
            _report(name, CHAMPION_FILE, served.good, error)
        champion = served.champion
        if champion is not None and champion.version != served.refused:
            try:
                served.good = self.load(name, champion.version)
            except ArtefactError as error:
                served.refused = champion.version
                served.good = served.good or self._previous(name, champion)
                _report(name, champion.version, served.good, error)
        return (served.good.version, served.good) if served.good else (None, None)

    def put(self, name: str, version: str, files: Mapping[str, bytes]) -> None:
        """Upload a version, the manifest last. The same content again changes nothing.

        Raises:
            ArtefactError: the files are no usable model.
            ModelStoreError: the version exists with other content, or the manifest is another one's.
        """
        manifest = load(files).manifest
        if (manifest.name, manifest.version) != (name, version):
            raise ModelStoreError(
                f"the manifest is of {manifest.name}/{manifest.version}, not of {name}/{version}",
                "upload it under its own name",
            )
        existing = self._read(_key(name, version, MANIFEST), CAPS[MANIFEST], MANIFEST)
        if existing is not None and existing != files[MANIFEST]:
            raise ModelStoreError(
                f"{name}/{version} exists with other content", "versions never change, train a new one"
            )
        for file in sorted(FILES, key=lambda file: file == MANIFEST):
            with translated():
                self.s3.put_object(Bucket=self.bucket, Key=_key(name, version, file), Body=files[file])

    def promote(self, name: str, version: str, *, now_ms: int) -> Champion:
        """Make an uploaded version the champion; the one that served becomes `previous`.

        A pointer that cannot be read is written anew, without a `previous`.

        Raises:
            ArtefactError: the version is not whole, or must not be used.
        """
        self._usable(name, version)
        try:
            current = self._read_champion(name)
        except (ArtefactError, ModelStoreError):
            current = None
        if current is not None and current.version == version:
            return current
        previous = current.version if current else None
        return self._point(name, version, previous=previous, now_ms=now_ms)

    def rollback(self, name: str, *, now_ms: int) -> Champion:
        """Make the previous version the champion again; another rollback takes that back.

        Raises:
            ModelStoreError: there is no previous version.
            ArtefactError: it must not be used.
        """
        current = self._read_champion(name)
        if current is None or current.previous is None:
            raise ModelStoreError(f"{name} has no previous version", "promote another one instead")
        self._usable(name, current.previous)
        return self._point(name, current.previous, previous=current.version, now_ms=now_ms)

    def _usable(self, name: str, version: str) -> Model:
        model = load(self._download(name, version))
        if (model.manifest.parts, model.manifest.meters) != self.shape:
            raise ArtefactError(
                MANIFEST,
                "the model was trained with other names of `[[events.features]]` or `[[events.meters]]` than "
                "are configured",
                "Train it again, or give them the names and the order that they had.",
            )
        return model

    def _pointer(self, name: str) -> _Served:
        served = self._served.setdefault(name, _Served())
        now = self.monotonic()
        if now - served.asked_at >= POINTER_SECONDS:
            try:
                served.champion = self._read_champion(name)
            except UnavailableError:
                if served.asked_at < 0:  # nothing is known yet
                    raise
            served.asked_at = now
            served.refused = None
        return served

    def _previous(self, name: str, champion: Champion) -> Model | None:
        if champion.previous is None:
            return None
        try:
            return self.load(name, champion.previous)
        except ArtefactError:
            return None

    def _read_champion(self, name: str) -> Champion | None:
        data = self._read(f"{_checked(name, _NAME)}/{CHAMPION_FILE}", 10_000, CHAMPION_FILE)
        if data is None:
            return None
        try:
            champion = msgspec.json.decode(data, type=Champion)
        except msgspec.MsgspecError as error:
            raise ArtefactError(
                CHAMPION_FILE, f"it cannot be read ({error})", "Promote a version: that writes it anew."
            ) from error
        _checked(champion.version, _VERSION)
        return champion

    def _point(self, name: str, version: str, *, previous: str | None, now_ms: int) -> Champion:
        champion = Champion(version=version, promoted_at=as_of_text(now_ms), previous=previous)
        with translated():
            self.s3.put_object(
                Bucket=self.bucket,
                Key=f"{_checked(name, _NAME)}/{CHAMPION_FILE}",
                Body=msgspec.json.encode(champion),
                ContentType="application/json",
            )
        self._served.pop(name, None)
        return champion

    def _download(self, name: str, version: str) -> dict[str, bytes]:
        found = {file: self._read(_key(name, version, file), CAPS[file], file) for file in FILES}
        return {file: data for file, data in found.items() if data is not None}

    def _read(self, key: str, cap: int, file: str) -> bytes | None:
        """An object's content, None if there is none; one above its cap is refused unread."""
        try:
            with translated():
                answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return None
            raise
        if answer["ContentLength"] > cap:
            raise ArtefactError(file, f"it has {answer['ContentLength']:,} bytes, more than {cap:,}")
        data: bytes = answer["Body"].read()
        return data


def _report(name: str, what: str, good: Model | None, error: Exception) -> None:
    kept = f"version {good.version} goes on" if good else "the rules score"
    logger.error("model %s: %s is refused, %s: %s", name, what, kept, error)


def _key(name: str, version: str, file: str) -> str:
    return f"{_checked(name, _NAME)}/{_checked(version, _VERSION)}/{file}"


def _checked(text: str, pattern: re.Pattern[str]) -> str:
    if len(text) > 128 or not pattern.fullmatch(text):
        raise ModelStoreError(
            f"{text[:64]!r} is no name or version of a model", "write letters, digits and -_. without blanks"
        )
    return text
