"""Versions never change, the pointer moves only to what was checked, and a refused champion serves nobody."""

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws
from stemtide.scoring.artefact import ArtefactError
from stemtide.scoring.manifest import GRAPH, MANIFEST, TABLES, Manifest
from stemtide.store.model_pointers import ModelStoreError
from stemtide.store.model_registry import ModelRegistry
from stemtide.store.models import KEPT_MODELS, ModelStore

from models.export import encode, export
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

BUCKET = "models"
NOW = 1_700_000_000_000
Files = dict[str, bytes]


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(s3: Any) -> ModelRegistry:
    return ModelRegistry(s3, BUCKET)


@pytest.fixture
def store(s3: Any, clock: Clock) -> ModelStore:
    return ModelStore(s3, BUCKET, clock)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    booster = trained(rows(300), rounds=2)
    found = {}
    for version in ("v1", "v2", "v3"):
        folder = candidate(tmp_path_factory.mktemp("m") / version, booster, version=version)
        export(folder, CONFIG)
        found[version] = files_of(folder)
    return found


def keys(s3: Any) -> list[str]:
    return [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def spoil(s3: Any, version: str, file: str = GRAPH) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"churn/{version}/{file}", Body=b"spoilt")


def promoted(registry: ModelRegistry, versions: dict[str, Files], *names: str) -> None:
    for name in names:
        registry.versions.put("churn", name, versions[name])
        registry.promote("churn", name, now_ms=NOW)


def test_before_the_first_promotion_nothing_serves(
    store: ModelStore, registry: ModelRegistry, versions: dict[str, Files]
) -> None:
    registry.versions.put("churn", "v1", versions["v1"])

    assert store.champion("churn") is None
    assert store.look("churn")[:2] == (None, None)


def test_a_promoted_version_serves(
    store: ModelStore, registry: ModelRegistry, s3: Any, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1")

    version, model = store.look("churn")[:2]

    assert version == store.champion("churn") == "v1"
    assert model is not None
    assert model.version == "v1"
    pointer = msgspec.json.decode(s3.get_object(Bucket=BUCKET, Key="churn/champion.json")["Body"].read())
    assert pointer == {
        "version": "v1",
        "promoted_at": "2023-11-14T22:13:20.000Z",
        "previous": None,
        "shadow": False,
        "previous_shadow": False,
    }


def test_a_model_of_other_parts_of_the_product_serves_nobody(
    store: ModelStore,
    registry: ModelRegistry,
    s3: Any,
    versions: dict[str, Files],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As many columns would not tell: the names are compared."""
    promoted(registry, versions, "v1", "v2")
    shape = (("reports",), ())
    renamed, people = ModelStore(s3, BUCKET, shape=shape), ModelRegistry(s3, BUCKET, shape)

    assert renamed.look("churn")[:2] == (None, None)
    assert "the rules score: manifest.json: the model was trained with other names" in caplog.text
    with pytest.raises(ArtefactError, match="Train it again, or give them the names"):
        renamed.load("churn", "v1")
    with pytest.raises(ArtefactError, match="other names of"):
        people.promote("churn", "v1", now_ms=NOW)
    with pytest.raises(ArtefactError, match="other names of"):
        people.rollback("churn", now_ms=NOW)
    assert store.champion("churn") == "v2"


def test_the_manifest_is_uploaded_last(versions: dict[str, Files], s3: Any, registry: ModelRegistry) -> None:
    put: list[str] = []
    s3.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: put.append(params["Key"])
    )

    registry.versions.put("churn", "v1", versions["v1"])

    assert put[-1] == "churn/v1/manifest.json"
    assert sorted(put) == [f"churn/v1/{file}" for file in sorted((GRAPH, TABLES, MANIFEST))]


def test_an_upload_that_was_not_finished_cannot_be_promoted(
    store: ModelStore, registry: ModelRegistry, s3: Any, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1")
    for file in (GRAPH, TABLES):
        s3.put_object(Bucket=BUCKET, Key=f"churn/v2/{file}", Body=versions["v2"][file])

    with pytest.raises(ArtefactError, match=r"manifest.json: it is missing"):
        registry.promote("churn", "v2", now_ms=NOW)

    assert store.look("churn").version == "v1"


def test_a_damaged_version_cannot_be_promoted(
    store: ModelStore, registry: ModelRegistry, s3: Any, versions: dict[str, Files]
) -> None:
    registry.versions.put("churn", "v1", versions["v1"])
    spoil(s3, "v1")

    with pytest.raises(ArtefactError, match="sha256"):
        registry.promote("churn", "v1", now_ms=NOW)

    assert store.champion("churn") is None


def test_what_is_no_usable_model_is_not_uploaded(
    registry: ModelRegistry, s3: Any, versions: dict[str, Files]
) -> None:
    with pytest.raises(ArtefactError):
        registry.versions.put("churn", "v1", versions["v1"] | {GRAPH: b"x"})
    with pytest.raises(ModelStoreError, match="own name"):
        registry.versions.put("churn", "v2", versions["v1"])

    assert keys(s3) == []


def test_a_version_never_changes_and_the_same_upload_again_changes_nothing(
    registry: ModelRegistry, versions: dict[str, Files]
) -> None:
    registry.versions.put("churn", "v1", versions["v1"])
    registry.versions.put("churn", "v1", versions["v1"])
    manifest = msgspec.json.decode(versions["v1"][MANIFEST], type=Manifest)
    other = versions["v1"] | {MANIFEST: encode(msgspec.structs.replace(manifest, base_rate=0.5))}

    with pytest.raises(ModelStoreError, match="never change"):
        registry.versions.put("churn", "v1", other)


def test_rollback_brings_the_previous_version_back_and_again_takes_that_back(
    store: ModelStore, registry: ModelRegistry, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1", "v2")

    assert registry.rollback("churn", now_ms=NOW).version == "v1"
    assert store.look("churn").version == "v1"
    assert registry.rollback("churn", now_ms=NOW).version == "v2"


def test_there_is_no_rollback_without_a_previous_version(
    registry: ModelRegistry, versions: dict[str, Files]
) -> None:
    with pytest.raises(ModelStoreError, match="no previous"):
        registry.rollback("churn", now_ms=NOW)
    promoted(registry, versions, "v1")
    with pytest.raises(ModelStoreError, match="no previous"):
        registry.rollback("churn", now_ms=NOW)


def test_promoting_the_champion_again_keeps_its_predecessor(
    registry: ModelRegistry, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1", "v2", "v2")

    assert registry.rollback("churn", now_ms=NOW).version == "v1"


def test_a_running_function_sees_a_promotion_within_a_minute(
    registry: ModelRegistry, s3: Any, clock: Clock, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1")
    running = ModelStore(s3, BUCKET, clock)
    assert running.look("churn").version == "v1"

    promoted(registry, versions, "v2")

    clock.now += 59
    assert running.look("churn").version == "v1"
    clock.now += 1
    assert running.look("churn").version == "v2"


def test_a_refused_champion_leaves_the_last_good_one_serving_and_is_logged(
    registry: ModelRegistry,
    s3: Any,
    clock: Clock,
    versions: dict[str, Files],
    caplog: pytest.LogCaptureFixture,
) -> None:
    promoted(registry, versions, "v1")
    running = ModelStore(s3, BUCKET, clock)
    running.look("churn")
    promoted(registry, versions, "v2")
    spoil(s3, "v2")
    clock.now += 60

    with caplog.at_level(logging.ERROR):
        served = [running.look("churn").version for _ in range(3)]

    assert served == ["v1"] * 3
    [record] = caplog.records
    assert "v2" in record.getMessage()
    assert "sha256" in record.getMessage()
    with pytest.raises(ArtefactError, match="sha256"):
        running.load("churn", "v2")


def test_a_fresh_function_falls_back_to_the_version_before_a_refused_champion(
    registry: ModelRegistry, s3: Any, clock: Clock, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1", "v2")
    spoil(s3, "v2", TABLES)

    assert ModelStore(s3, BUCKET, clock).look("churn").version == "v1"


def test_with_nothing_usable_the_rules_score(
    registry: ModelRegistry, s3: Any, clock: Clock, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1")
    spoil(s3, "v1")

    assert ModelStore(s3, BUCKET, clock).look("churn")[:2] == (None, None)


def test_a_mended_champion_serves_within_a_minute(
    registry: ModelRegistry, s3: Any, clock: Clock, versions: dict[str, Files]
) -> None:
    promoted(registry, versions, "v1")
    spoil(s3, "v1")
    running = ModelStore(s3, BUCKET, clock)
    running.look("churn")

    s3.put_object(Bucket=BUCKET, Key=f"churn/v1/{GRAPH}", Body=versions["v1"][GRAPH])
    clock.now += 60

    assert running.look("churn").version == "v1"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": "../v1", "promoted_at": ""}', b"x" * 20_000])
def test_a_damaged_pointer_leaves_the_last_good_one_serving(
    registry: ModelRegistry, s3: Any, clock: Clock, versions: dict[str, Files], content: bytes
) -> None:
    promoted(registry, versions, "v1")
    running = ModelStore(s3, BUCKET, clock)
    running.look("churn")
    s3.put_object(Bucket=BUCKET, Key="churn/champion.json", Body=content)
    clock.now += 60

    assert running.look("churn").version == "v1"
    assert ModelStore(s3, BUCKET, clock).look("churn")[:2] == (None, None)

    with pytest.raises(ModelStoreError, match="say which it shall be: --shadow or --live"):
        registry.promote("churn", "v1", now_ms=NOW)
    assert registry.promote("churn", "v1", now_ms=NOW, shadow=False).previous is None
    assert ModelStore(s3, BUCKET, clock).look("churn").version == "v1"


def test_a_model_is_read_once_per_process_and_few_are_kept(
    store: ModelStore, registry: ModelRegistry, s3: Any, versions: dict[str, Files]
) -> None:
    for version, files in versions.items():
        registry.versions.put("churn", version, files)
    first = store.load("churn", "v1")
    assert store.load("churn", "v1") is first

    for version in ("v2", "v3"):
        store.load("churn", version)

    assert KEPT_MODELS == 4
    assert store.load("churn", "v1") is first


@pytest.mark.parametrize("version", ["..", "../v1", "a/b", "", "a b", "x" * 200, ".v1"])
def test_a_version_cannot_lead_elsewhere(store: ModelStore, version: str) -> None:
    with pytest.raises(ModelStoreError, match="no name or version"):
        store.load("churn", version)


def test_an_oversized_object_is_refused_unread(store: ModelStore, s3: Any, monkeypatch: Any) -> None:
    from stemtide.store import model_versions

    monkeypatch.setitem(model_versions.CAPS, GRAPH, 3)
    s3.put_object(Bucket=BUCKET, Key=f"churn/v1/{GRAPH}", Body=b"1234")

    with pytest.raises(ArtefactError, match="4 bytes"):
        store.load("churn", "v1")


def test_the_artefact_of_a_folder_is_the_uploaded_one(
    store: ModelStore, registry: ModelRegistry, versions: dict[str, Files]
) -> None:
    registry.versions.put("churn", "v1", versions["v1"])

    assert store.load("churn", "v1").manifest == msgspec.json.decode(versions["v1"][MANIFEST], type=Manifest)


def test_a_model_under_another_key_than_its_own_serves_nobody(
    registry: ModelRegistry, s3: Any, versions: dict[str, Files]
) -> None:
    registry.versions.put("churn", "v1", versions["v1"])
    for name, version in (("upsell", "v1"), ("churn", "v9")):
        for file, content in versions["v1"].items():
            s3.put_object(Bucket=BUCKET, Key=f"{name}/{version}/{file}", Body=content)

        with pytest.raises(ArtefactError, match=rf"it is of churn/v1, and lies under {name}/{version}"):
            registry.promote(name, version, now_ms=NOW)

    assert registry.pointers.champion("churn").pointer is None
