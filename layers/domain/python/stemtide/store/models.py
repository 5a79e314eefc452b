"""Which model scores: the champion that the bucket's pointer names, else the last good one, else none.

Versions lie in `model_versions`, pointers in `model_pointers`; people move them through `model_registry`. A
function that finds the champion refused keeps the last good one, says so in its log and tells `heard`.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from stemtide.ports import UnavailableError
from stemtide.refusals import Refusal
from stemtide.scoring.artefact import ArtefactError, Model
from stemtide.store.model_pointers import CHALLENGER_FILE, CHAMPION_FILE, Champion, Pointers
from stemtide.store.model_versions import ModelVersions

POINTER_SECONDS: Final = 60
"""A promotion takes effect within a minute, and a busy function asks S3 once a minute."""
KEPT_MODELS: Final = 4
"""Models that a process remembers: the champion, the one before it, the one that a nightly run began with,
the challenger."""
logger = logging.getLogger(__name__)


class Serving(NamedTuple):
    """What scores now: a version with its model (None, None: the rules), whether nothing may act on it, and
    what was refused for it to be so."""

    version: str | None
    model: Model | None
    shadow: bool
    refusal: Refusal | None


def _nobody(refusals: Sequence[Refusal]) -> None:
    """Nobody is told."""


@dataclass(slots=True, kw_only=True)
class _Served:
    """What a process knows of one name."""

    asked_at: float = float("-inf")
    champion: Champion | None = None
    good: Model | None = None
    shadow: bool = False
    """Whether nothing may act on what `good` says, as it was promoted."""
    flaw: Exception | None = None
    """Of the champion's pointer."""
    refusal: Refusal | None = None
    tried: bool = False
    """Whether the champion was loaded, or refused, since the pointers were looked at."""


@dataclass(slots=True)
class ModelStore:
    """Versions and pointers in one bucket.

    Args:
        s3: a boto3 S3 client.
        monotonic: seconds that never go back; how old the known pointers are.
        shape: the configured names of parts and meters (`configured_features.Shape`); a model that was
            trained with others would read one column as another, and is refused.
        heard: told what is refused (empty: nothing) whenever the pointers were looked at anew, at most every
            `POINTER_SECONDS`, and whenever a version that was asked for by name is refused.
    """

    s3: Any
    bucket: str
    monotonic: Any = time.monotonic
    shape: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    heard: Callable[[Sequence[Refusal]], None] = _nobody
    _models: dict[tuple[str, str], Model] = field(default_factory=dict)
    _served: dict[str, _Served] = field(default_factory=dict)

    def champion(self, name: str) -> str | None:
        """The version that serves, at most `POINTER_SECONDS` old; None before the first promotion."""
        champion = self._pointer(name).champion
        return champion.version if champion else None

    def challenger(self, name: str) -> str | None:
        """The version that is tried beside the champion, as the pointer says now; None: none.

        The champion challenges nobody; nor does a pointer that cannot be read, which is told.
        """
        held = Pointers(self.s3, self.bucket).challenger(name)
        if held.flaw is not None:
            logger.error("model %s: %s is refused: %s", name, CHALLENGER_FILE, held.flaw)
            self.heard([Refusal(CHALLENGER_FILE, str(held.flaw), None)])
        found = None if held.pointer is None else held.pointer.version
        return None if found == self.champion(name) else found

    def load(self, name: str, version: str) -> Model:
        """A version, checked; from this process's memory the second time.

        Raises:
            ArtefactError: it must not be used, or is not there.
        """
        key = (name, version)
        if key not in self._models:
            model = ModelVersions(self.s3, self.bucket, self.shape).load(name, version)
            while len(self._models) >= KEPT_MODELS:
                del self._models[next(iter(self._models))]
            self._models[key] = model
        return self._models[key]

    def named(self, name: str, version: str) -> Model:
        """A version that was asked for by its name; as `load`, but `heard` is told when it is refused."""
        try:
            return self.load(name, version)
        except ArtefactError as error:
            logger.exception("model %s: %s is refused and stands in for nothing", name, version)
            self.heard([Refusal(version, str(error), None)])
            raise

    def look(self, name: str) -> Serving:
        """The champion; if it is refused, the last good one (of this process, else the one before it); the
        rules, where nothing was promoted or nothing promoted is usable."""
        served = self._pointer(name)
        if not served.tried:
            self._try(name, served)
            served.tried = True
        if served.good is None:
            return Serving(None, None, False, served.refusal)
        return Serving(served.good.version, served.good, served.shadow, served.refusal)

    def in_shadow(self, name: str, version: str | None) -> bool:
        """Whether nothing may act on scores of a version: as it was promoted. Rules are in no shadow; a
        version that the pointer does not name is, as nobody can tell how it was promoted.

        A version that the known pointer does not name may have been promoted a moment ago: the pointer is
        looked up anew.
        """
        if version is None:
            return False
        champion = self._pointer(name).champion
        if champion is None or version not in (champion.version, champion.previous):
            champion = self._pointer(name, anew=True).champion
        return _shadow_of(champion, version)

    def _pointer(self, name: str, *, anew: bool = False) -> _Served:
        """What is known of a name, looked up anew when that is too old. A damaged pointer changes nothing of
        what served so far."""
        served = self._served.setdefault(name, _Served())
        now = self.monotonic()
        if now - served.asked_at < POINTER_SECONDS and not anew:
            return served
        try:
            champion = Pointers(self.s3, self.bucket).champion(name)
        except UnavailableError:
            if served.asked_at < 0:  # nothing is known yet
                raise
            served.asked_at = now
            return served
        served.asked_at, served.tried = now, False
        served.flaw = champion.flaw
        if champion.flaw is None:
            served.champion = champion.pointer
        return served

    def _try(self, name: str, served: _Served) -> None:
        """Load the champion, or find what goes on in its place; whoever listens is told."""
        champion, flaw, what = served.champion, served.flaw, CHAMPION_FILE
        if champion is not None:
            try:
                served.good, served.shadow = self.load(name, champion.version), champion.shadow
            except ArtefactError as error:
                flaw, what = error, champion.version
                if served.good is None:
                    served.good, served.shadow = self._previous(name, champion), champion.previous_shadow
        if flaw is None:
            served.refusal = None
        else:
            kept = None if served.good is None else served.good.version
            served.refusal = Refusal(what, str(flaw), kept)
            goes_on = "the rules score" if kept is None else f"version {kept} goes on"
            logger.error("model %s: %s is refused, %s: %s", name, what, goes_on, flaw)
        self.heard([] if served.refusal is None else [served.refusal])

    def _previous(self, name: str, champion: Champion) -> Model | None:
        if champion.previous is None:
            return None
        try:
            return self.load(name, champion.previous)
        except ArtefactError as error:
            logger.error("model %s: %s is refused, too: %s", name, champion.previous, error)  # noqa: TRY400
            return None


def _shadow_of(champion: Champion | None, version: str) -> bool:
    if champion is not None and version == champion.version:
        return champion.shadow
    if champion is not None and version == champion.previous:
        return champion.previous_shadow
    return True
