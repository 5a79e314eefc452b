"""A model's versions in S3, which never change.

    <name>/<version>/{model.onnx, explain.npz, manifest.json}      the manifest last: then all is there

The same layout as `models/artifacts/` has on the machine that trains.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from stemtide.as_of import as_of_text
from stemtide.scoring.artefact import CAPS, FILES, ArtefactError, Model, load
from stemtide.scoring.manifest import MANIFEST
from stemtide.store.errors import code_of, translated
from stemtide.store.model_pointers import ABSENT, ModelStoreError, checked_name, checked_version

TRAINED_AT: Final = "trained-at"
"""Metadata of an uploaded manifest: when the version was trained (ISO instant). No part of its content, as
the same training again makes the same version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """What the bucket holds of a version: bytes in all, when the last file came (ISO instant), when it was
    trained where that was told, and its manifest (None: the upload was never finished)."""

    version: str
    size: int
    uploaded_at: str
    trained_at: str | None
    manifest: bytes | None


@dataclass(frozen=True, slots=True)
class ModelVersions:
    """Reads and writes versions of one bucket (boto3 S3 client).

    Args:
        shape: the configured names of parts and meters (`configured_features.Shape`); a model that was
            trained with others would read one column as another, and is refused.
    """

    s3: Any
    bucket: str
    shape: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def load(self, name: str, version: str) -> Model:
        """A version, checked.

        Raises:
            ArtefactError: it must not be used, or is not there.
        """
        found = {file: self._read(_key(name, version, file), file) for file in FILES}
        model = load({file: data for file, data in found.items() if data is not None})
        own = (model.manifest.name, model.version)
        if own != (name, version):
            raise ArtefactError(
                MANIFEST,
                f"it is of {'/'.join(own)}, and lies under {name}/{version}",
                "Train a new version and promote that one; a version's files are never moved.",
            )
        if (model.manifest.parts, model.manifest.meters) != self.shape:
            raise ArtefactError(
                MANIFEST,
                "the model was trained with other names of `[[events.features]]` or `[[events.meters]]` than "
                "are configured",
                "Train it again, or give them the names and the order that they had.",
            )
        return model

    def put(
        self, name: str, version: str, files: Mapping[str, bytes], *, trained_ms: int | None = None
    ) -> None:
        """Upload a version, the manifest last. The same content again changes nothing.

        Args:
            trained_ms: when it was trained (epoch ms), where that is known.

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
        existing = self._read(_key(name, version, MANIFEST), MANIFEST)
        if existing is not None and existing != files[MANIFEST]:
            raise ModelStoreError(
                f"{name}/{version} exists with other content", "versions never change, train a new one"
            )
        known = {} if trained_ms is None else {"Metadata": {TRAINED_AT: as_of_text(trained_ms)}}
        for file in sorted(FILES, key=lambda file: file == MANIFEST):
            with translated():
                self.s3.put_object(
                    Bucket=self.bucket, Key=_key(name, version, file), Body=files[file], **known
                )

    def stored(self, name: str) -> Iterator[StoredVersion]:
        """Every version in the bucket, by name; none of them is checked."""
        objects: dict[str, list[dict[str, Any]]] = {}
        for one in self._objects(f"{checked_name(name)}/"):
            parts = str(one["Key"]).split("/")
            if len(parts) == 3:  # the pointers lie beside the versions' folders
                objects.setdefault(parts[1], []).append(one)
        for version, found in sorted(objects.items()):
            manifest, trained_at = self._manifest(name, version)
            yield StoredVersion(
                version=version,
                size=sum(int(one["Size"]) for one in found),
                uploaded_at=as_of_text(int(max(one["LastModified"] for one in found).timestamp() * 1000)),
                trained_at=trained_at,
                manifest=manifest,
            )

    def _objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        page: dict[str, Any] = {}
        while True:
            with translated():
                answer = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **page)
            yield from answer.get("Contents", [])
            if not answer.get("IsTruncated"):
                return
            page = {"ContinuationToken": answer["NextContinuationToken"]}

    def _manifest(self, name: str, version: str) -> tuple[bytes | None, str | None]:
        answer = self._get(f"{name}/{version}/{MANIFEST}")
        if answer is None or answer["ContentLength"] > CAPS[MANIFEST]:
            return None, None
        return answer["Body"].read(), answer.get("Metadata", {}).get(TRAINED_AT)

    def _read(self, key: str, file: str) -> bytes | None:
        """An object's content, None if there is none; one above its cap is refused unread."""
        answer = self._get(key)
        if answer is None:
            return None
        if answer["ContentLength"] > CAPS[file]:
            raise ArtefactError(file, f"it has {answer['ContentLength']:,} bytes, more than {CAPS[file]:,}")
        data: bytes = answer["Body"].read()
        return data

    def _get(self, key: str) -> Any:
        try:
            with translated():
                return self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise


def _key(name: str, version: str, file: str) -> str:
    return f"{checked_name(name)}/{checked_version(version)}/{file}"
