"""Champion and challenger: who moves a pointer sees what others did, and nothing is lost."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from stemtide.scoring.artefact import ArtefactError
from stemtide.scoring.manifest import GRAPH
from stemtide.store.model_pointers import MOVES, Champion, ModelStoreError, Pointers
from stemtide.store.model_registry import ModelRegistry
from stemtide.store.models import ModelStore

from models.export import export
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

BUCKET = "models"
NOW = 1_700_000_000_000
VERSIONS = ("v1", "v2", "v3", "v4")
POINTER = "churn/champion.json"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    booster = trained(rows(300), rounds=2)
    found = {}
    for version in VERSIONS:
        folder = candidate(tmp_path_factory.mktemp("m") / version, booster, version=version)
        export(folder, CONFIG)
        found[version] = files_of(folder)
    return found


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, files: dict[str, dict[str, bytes]]) -> Iterator[Any]:
    """A bucket with all versions and no pointer."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        for version, content in files.items():
            ModelRegistry(client, BUCKET).versions.put("churn", version, content)
        yield client


@pytest.fixture
def registry(s3: Any) -> ModelRegistry:
    return ModelRegistry(s3, BUCKET)


def store(s3: Any) -> ModelStore:
    """A process that has just begun."""
    return ModelStore(s3, BUCKET)


def pointer(s3: Any, key: str = POINTER) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return found


class Between:
    """An S3 client before whose next writes of a pointer something else happens."""

    def __init__(self, s3: Any, *meanwhile: Any) -> None:
        self._s3 = s3
        self._meanwhile = list(meanwhile)

    def put_object(self, **request: Any) -> Any:
        if self._meanwhile and request["Key"].endswith(".json"):
            self._meanwhile.pop(0)()
        return self._s3.put_object(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


def test_a_promotion_that_another_one_overtakes_names_that_as_the_one_before(
    s3: Any, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    other = Between(s3, lambda: registry.promote("churn", "v2", now_ms=NOW + 1))

    ModelRegistry(other, BUCKET).promote("churn", "v3", now_ms=NOW + 2)

    assert (pointer(s3)["version"], pointer(s3)["previous"]) == ("v3", "v2")


def test_two_first_promotions_at_once_are_one_after_the_other(s3: Any, registry: ModelRegistry) -> None:
    other = Between(s3, lambda: registry.promote("churn", "v1", now_ms=NOW))

    ModelRegistry(other, BUCKET).promote("churn", "v2", now_ms=NOW + 1)

    assert (pointer(s3)["version"], pointer(s3)["previous"]) == ("v2", "v1")


def test_a_rollback_that_a_promotion_overtakes_is_given_up_and_said(s3: Any, registry: ModelRegistry) -> None:
    """Who rolls back has seen one champion and means that one."""
    for version in ("v1", "v2"):
        registry.promote("churn", version, now_ms=NOW)
    other = Between(s3, lambda: registry.promote("churn", "v3", now_ms=NOW + 1))

    with pytest.raises(ModelStoreError, match="somebody else moved"):
        ModelRegistry(other, BUCKET).rollback("churn", now_ms=NOW + 2)

    assert pointer(s3)["version"] == "v3"


@pytest.mark.parametrize("act", ["promote", "rollback"])
def test_a_write_whose_reply_was_lost_and_that_is_sent_again_moved_once(
    s3: Any, registry: ModelRegistry, act: str
) -> None:
    """The SDK's second try finds the ETag changed, by its own first."""
    for version in ("v1", "v2"):
        registry.promote("churn", version, now_ms=NOW)

    class Lossy(Between):
        def put_object(self, **request: Any) -> Any:
            self._s3.put_object(**request)
            return self._s3.put_object(**request)

    lossy = ModelRegistry(Lossy(s3), BUCKET)
    if act == "promote":
        lossy.promote("churn", "v3", now_ms=NOW + 5)
    else:
        lossy.rollback("churn", now_ms=NOW + 5)

    found = pointer(s3)
    assert (found["version"], found["previous"]) == (("v3", "v2") if act == "promote" else ("v1", "v2"))


def test_a_pointer_that_is_always_moved_by_others_is_given_up(s3: Any, registry: ModelRegistry) -> None:
    turns = iter(range(100))

    def meanwhile() -> None:
        s3.put_object(
            Bucket=BUCKET, Key=POINTER, Body=b'{"version": "v1", "promoted_at": "%d"}' % next(turns)
        )

    with pytest.raises(ModelStoreError, match=f"by others {MOVES} times"):
        ModelRegistry(Between(s3, *[meanwhile] * MOVES), BUCKET).promote("churn", "v2", now_ms=NOW)


def test_a_challenger_is_told_until_it_is_promoted(s3: Any, registry: ModelRegistry) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    assert store(s3).challenger("churn") is None

    registry.challenge("churn", "v2", now_ms=NOW)
    assert (store(s3).champion("churn"), store(s3).challenger("churn")) == ("v1", "v2")

    registry.promote("churn", "v2", now_ms=NOW)
    assert (store(s3).champion("churn"), store(s3).challenger("churn")) == ("v2", None)
    assert pointer(s3, "churn/challenger.json")["version"] is None


def test_a_promotion_of_another_version_leaves_the_challenger(s3: Any, registry: ModelRegistry) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    registry.challenge("churn", "v2", now_ms=NOW)

    registry.promote("churn", "v3", now_ms=NOW)

    assert store(s3).challenger("churn") == "v2"


def test_a_challenger_can_be_taken_out_and_exchanged(s3: Any, registry: ModelRegistry) -> None:
    for version in ("v2", "v3"):
        registry.challenge("churn", version, now_ms=NOW)
    assert store(s3).challenger("churn") == "v3"

    registry.challenge("churn", None, now_ms=NOW)

    assert store(s3).challenger("churn") is None


def test_a_crash_between_both_pointers_leaves_no_champion_that_challenges_itself(
    s3: Any, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    registry.challenge("churn", "v2", now_ms=NOW)

    def crash() -> None:
        raise KeyboardInterrupt

    crashing = ModelRegistry(Between(s3, lambda: None, crash), BUCKET)
    with pytest.raises(KeyboardInterrupt):
        crashing.promote("churn", "v2", now_ms=NOW)

    assert (store(s3).champion("churn"), store(s3).challenger("churn")) == ("v2", None)


def test_what_must_not_be_used_and_the_champion_cannot_challenge(s3: Any, registry: ModelRegistry) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    s3.put_object(Bucket=BUCKET, Key=f"churn/v2/{GRAPH}", Body=b"spoilt")

    with pytest.raises(ModelStoreError, match="is the champion"):
        registry.challenge("churn", "v1", now_ms=NOW)
    with pytest.raises(ArtefactError, match="sha256"):
        registry.challenge("churn", "v2", now_ms=NOW)
    with pytest.raises(ArtefactError, match="missing"):
        registry.challenge("churn", "v9", now_ms=NOW)


def test_shadow_stays_from_champion_to_champion_until_somebody_says_live(
    s3: Any, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW, shadow=True)
    assert store(s3).look("churn").shadow is True

    registry.promote("churn", "v2", now_ms=NOW)
    assert store(s3).look("churn").shadow is True

    registry.promote("churn", "v2", now_ms=NOW + 9, shadow=False)
    found = pointer(s3)
    assert (found["shadow"], found["previous"], found["previous_shadow"]) == (False, "v1", True)
    assert found["promoted_at"] == "2023-11-14T22:13:20.000Z"


def test_a_version_that_was_promoted_in_shadow_a_moment_ago_acts_on_nobody(
    s3: Any, registry: ModelRegistry
) -> None:
    """A night that begins at once names it while scorers still know the pointer of a minute ago."""
    registry.promote("churn", "v1", now_ms=NOW)
    running = store(s3)
    assert running.in_shadow("churn", "v1") is False

    registry.promote("churn", "v2", now_ms=NOW, shadow=True)

    assert running.in_shadow("churn", "v2") is True
    assert running.in_shadow("churn", "v1") is False


def test_a_version_of_before_the_last_two_acts_as_the_champion_does(s3: Any, registry: ModelRegistry) -> None:
    for version in ("v1", "v2", "v3"):
        registry.promote("churn", version, now_ms=NOW, shadow=version == "v3")

    assert store(s3).in_shadow("churn", "v1") is True
    assert store(s3).in_shadow("churn", "v2") is False


def test_a_rollback_brings_a_version_back_as_it_was(s3: Any, registry: ModelRegistry) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    registry.promote("churn", "v2", now_ms=NOW, shadow=True)

    registry.rollback("churn", now_ms=NOW)
    assert (store(s3).look("churn").version, store(s3).look("churn").shadow) == ("v1", False)

    registry.rollback("churn", now_ms=NOW)
    assert (store(s3).look("churn").version, store(s3).look("churn").shadow) == ("v2", True)


def test_the_last_good_version_acts_as_it_did_while_a_champion_in_shadow_is_refused(
    s3: Any, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    registry.promote("churn", "v2", now_ms=NOW, shadow=True)
    s3.put_object(Bucket=BUCKET, Key=f"churn/v2/{GRAPH}", Body=b"spoilt")

    found = store(s3).look("churn")

    assert (found.version, found.shadow) == ("v1", False)
    assert found.refusal is not None
    assert (found.refusal.refused, found.refusal.kept) == ("v2", "v1")
    assert store(s3).in_shadow("churn", None) is False


def test_a_pointer_of_before_there_was_shadow_is_live(s3: Any) -> None:
    old = b'{"version": "v1", "promoted_at": "2023-11-14T22:13:20.000Z", "previous": null}'
    s3.put_object(Bucket=BUCKET, Key=POINTER, Body=old)

    assert Pointers(s3, BUCKET).champion("churn").pointer == Champion(
        version="v1", promoted_at="2023-11-14T22:13:20.000Z"
    )
    assert store(s3).look("churn").shadow is False


def test_a_damaged_challenger_challenges_nobody_is_told_and_can_be_replaced(
    s3: Any, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    s3.put_object(Bucket=BUCKET, Key="churn/challenger.json", Body=b"{")
    heard: list[Any] = []

    assert ModelStore(s3, BUCKET, heard=heard.append).challenger("churn") is None
    assert [refusal.refused for refusal in heard[0]] == ["challenger.json"]

    registry.challenge("churn", "v2", now_ms=NOW)
    assert store(s3).challenger("churn") == "v2"


def test_whoever_listens_hears_of_a_refusal_and_of_its_end_once_a_look(
    s3: Any, registry: ModelRegistry, files: dict[str, dict[str, bytes]]
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    s3.put_object(Bucket=BUCKET, Key=f"churn/v1/{GRAPH}", Body=b"spoilt")
    heard: list[list[str]] = []
    clock = [1000.0]
    running = ModelStore(
        s3, BUCKET, lambda: clock[0], heard=lambda found: heard.append([one.refused for one in found])
    )

    for _ in range(3):
        running.look("churn")
    s3.put_object(Bucket=BUCKET, Key=f"churn/v1/{GRAPH}", Body=files["v1"][GRAPH])
    clock[0] += 60
    for _ in range(3):
        running.look("churn")

    assert heard == [["v1"], []]


def test_a_version_asked_for_by_name_is_told_when_it_is_refused(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"churn/v1/{GRAPH}", Body=b"spoilt")
    heard: list[Any] = []

    with pytest.raises(ArtefactError, match="sha256"):
        ModelStore(s3, BUCKET, heard=heard.append).named("churn", "v1")

    assert [refusal.refused for refusal in heard[0]] == ["v1"]


def test_a_champion_that_is_known_goes_on_when_its_pointer_is_damaged_before_it_was_loaded(
    s3: Any, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    clock = [1000.0]
    running = ModelStore(s3, BUCKET, lambda: clock[0])
    assert running.champion("churn") == "v1"

    s3.put_object(Bucket=BUCKET, Key=POINTER, Body=b"{")
    clock[0] += 60
    found = running.look("churn")

    assert found.version == "v1"
    assert found.refusal is not None
    assert (found.refusal.refused, found.refusal.kept) == ("champion.json", "v1")
