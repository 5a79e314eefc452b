"""How a person decides which version serves, and which one is tried beside it."""

from dataclasses import dataclass
from typing import Any

from stemtide.as_of import as_of_text
from stemtide.store.model_pointers import Challenger, Champion, Held, ModelStoreError, Pointers
from stemtide.store.model_versions import ModelVersions


@dataclass(frozen=True, slots=True)
class ModelRegistry:
    """Moves the pointers of one bucket (boto3 S3 client), each to a version that was checked.

    Args:
        shape: as `ModelVersions` takes it.
    """

    s3: Any
    bucket: str
    shape: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def versions(self) -> ModelVersions:
        """The versions in the bucket."""
        return ModelVersions(self.s3, self.bucket, self.shape)

    @property
    def pointers(self) -> Pointers:
        """The pointers as they are in the bucket."""
        return Pointers(self.s3, self.bucket)

    def promote(self, name: str, version: str, *, now_ms: int, shadow: bool | None = None) -> Champion:
        """Make an uploaded version the champion; the one that served becomes `previous`.

        A challenger that is promoted is none any more. A pointer that cannot be read is written anew,
        without a `previous`, when it is said whether in shadow.

        Args:
            shadow: whether nothing may act on its scores; None: as it is with the champion now.

        Raises:
            ArtefactError: the version is not whole, or must not be used.
            ModelStoreError: others kept moving the pointer; or it cannot be read, and so whether the champion
                is in shadow.
        """
        self.versions.load(name, version)

        def change(held: Held[Champion]) -> Champion | None:
            now = held.pointer
            if held.flaw is not None and shadow is None:
                raise ModelStoreError(
                    f"whether the champion of {name} is in shadow cannot be read ({held.flaw})",
                    "say which it shall be: --shadow or --live",
                )
            wanted = now.shadow if shadow is None and now is not None else bool(shadow)
            if now is not None and now.version == version:
                if now.shadow == wanted:
                    return None
                return Champion(
                    version=version,
                    promoted_at=now.promoted_at,
                    previous=now.previous,
                    shadow=wanted,
                    previous_shadow=now.previous_shadow,
                )
            return Champion(
                version=version,
                promoted_at=as_of_text(now_ms),
                previous=now.version if now else None,
                shadow=wanted,
                previous_shadow=now.shadow if now else False,
            )

        champion, _ = self.pointers.move_champion(name, change)
        if self.pointers.challenger(name).pointer is not None:
            self._no_longer_challenger(name, version, now_ms)
        return champion

    def rollback(self, name: str, *, now_ms: int) -> Champion:
        """Make the previous version the champion again, live or in shadow as it was; another rollback takes
        that back.

        Raises:
            ModelStoreError: there is no previous version, or somebody moved the pointer meanwhile.
            ArtefactError: it must not be used.
        """
        seen = self.pointers.champion(name).sound()
        if seen is None or seen.previous is None:
            raise ModelStoreError(f"{name} has no previous version", "promote another one instead")
        back = Champion(
            version=seen.previous,
            promoted_at=as_of_text(now_ms),
            previous=seen.version,
            shadow=seen.previous_shadow,
            previous_shadow=seen.shadow,
        )
        self.versions.load(name, back.version)

        def change(held: Held[Champion]) -> Champion:
            if held.pointer != seen:
                raise ModelStoreError(
                    f"somebody else moved the champion of {name} meanwhile", "look which one serves now"
                )
            return back

        champion, _ = self.pointers.move_champion(name, change)
        return champion

    def challenge(self, name: str, version: str | None, *, now_ms: int) -> Challenger:
        """Make an uploaded version the challenger, or nobody (None).

        Raises:
            ArtefactError: the version is not whole, or must not be used.
            ModelStoreError: it is the champion, or others kept moving the pointer.
        """
        if version is not None:
            self.versions.load(name, version)
            now = self.pointers.champion(name).pointer
            if now is not None and now.version == version:
                raise ModelStoreError(
                    f"{version} is the champion of {name}", "a challenger is another version"
                )

        def change(held: Held[Challenger]) -> Challenger | None:
            if held.pointer is not None and held.pointer.version == version:
                return None
            return Challenger(version=version, since=as_of_text(now_ms))

        challenger, _ = self.pointers.move_challenger(name, change)
        return challenger

    def _no_longer_challenger(self, name: str, version: str, now_ms: int) -> None:
        def change(held: Held[Challenger]) -> Challenger | None:
            if held.pointer is not None and held.pointer.version != version:
                return None  # another one challenges
            return Challenger(version=None, since=as_of_text(now_ms))

        self.pointers.move_challenger(name, change)
