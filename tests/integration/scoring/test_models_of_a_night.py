"""Which models a night rests on: the challenger beside, the refused, those in shadow."""

import json

import pytest
from stemtide.scoring.assessment import ModelRole
from stemtide.scoring.manifest import GRAPH, MANIFEST, TABLES
from stemtide.store.model_registry import ModelRegistry
from stemtide.store.models import POINTER_SECONDS

from models.export import export
from tests.integration.scoring.conftest import AS_OF, Scoring
from tests.integration.scoring.sweeps import batches, log_row, plan, said_of_accounts, work_off
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

FAR = 4_000_000_000_000
NOW = 1_700_000_000_000
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    """Three models of different forests, and one of another registry's features."""
    found = {}
    for version, rounds in (("v1", 2), ("v2", 4), ("v3", 6)):
        folder = tmp_path_factory.mktemp("m") / version
        export(candidate(folder, trained(rows(300), rounds=rounds), version=version), CONFIG)
        found[version] = files_of(folder)
    return found


@pytest.fixture
def registry(scoring: Scoring, versions: dict[str, Files]) -> ModelRegistry:
    found = ModelRegistry(scoring.s3, "models")
    for version, files in versions.items():
        found.versions.put("churn", version, files)
    return found


@pytest.fixture(autouse=True)
def accounts(scoring: Scoring) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z", days=20)
    for name in ("a", "b", "c"):
        scoring.put_account(name)


def spoil(scoring: Scoring, version: str, file: str = GRAPH, body: bytes = b"spoilt") -> None:
    scoring.s3.put_object(Bucket="models", Key=f"churn/{version}/{file}", Body=body)


def refused_models(text: str) -> list[int]:
    """The values of the metric in what functions have printed."""
    found = [json.loads(line) for line in text.splitlines() if '"RefusedModel"' in line]
    return [int(value) for one in found for value in one["RefusedModel"]]


def of_role(scoring: Scoring, account: str, role: ModelRole) -> list[tuple[str, str]]:
    return [(one.model_version, one.trigger) for one in scoring.records.scores(account, 0, FAR, role=role)]


def test_a_challenger_scores_the_same_accounts_and_the_record_is_the_champions(
    scoring: Scoring, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    registry.challenge("churn", "v2", now_ms=NOW)

    planned = plan(scoring)
    ended = work_off(scoring, planned)

    [item] = batches(scoring, planned)
    assert item["challenger"] == {"name": "churn", "version": "v2"}
    assert (ended["scored"], ended["failed"]) == (3, 0)
    for account in ("a", "b", "c"):
        assert of_role(scoring, account, ModelRole.CHAMPION) == [("v1", "schedule")]
        assert of_role(scoring, account, ModelRole.CHALLENGER) == [("v2", "schedule")]
        record = scoring.records.read(account)
        assert record is not None
        assert record.model_version == "v1"
    [mine], [other] = (scoring.records.scores("a", 0, FAR, role=role) for role in ModelRole)
    assert mine.as_of_ms == other.as_of_ms
    assert mine.assessment.probability != other.assessment.probability


def test_a_second_run_of_the_same_night_writes_no_second_row_of_the_challenger(
    scoring: Scoring, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    registry.challenge("churn", "v2", now_ms=NOW)
    work_off(scoring, plan(scoring))
    before = said_of_accounts(scoring)

    work_off(scoring, plan(scoring, run="r-2"))

    assert said_of_accounts(scoring) == before


def test_a_challenger_is_no_part_of_the_trend_or_of_the_list_of_scores(
    scoring: Scoring, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    work_off(scoring, plan(scoring))
    without = [one.assessment for one in scoring.records.scores("a", 0, FAR)]
    registry.challenge("churn", "v3", now_ms=NOW)

    work_off(scoring, plan(scoring, run="r-2"))

    assert [one.assessment for one in scoring.records.scores("a", 0, FAR)] == without
    assert of_role(scoring, "a", ModelRole.CHALLENGER) == [("v3", "schedule")]


def test_a_refused_challenger_costs_the_night_nothing_and_is_told(
    scoring: Scoring, registry: ModelRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)
    registry.challenge("churn", "v2", now_ms=NOW)
    spoil(scoring, "v2")

    ended = work_off(scoring, plan(scoring))

    assert (ended["state"], ended["scored"]) == ("succeeded", 3)
    assert of_role(scoring, "a", ModelRole.CHALLENGER) == []
    assert max(refused_models(capsys.readouterr().out)) == 1


CAPPED = 1_000_000
OTHER_HASH = "0123456789abcdef"


def damaged(how: str, files: Files) -> tuple[str, bytes]:
    """A file of a version and what it holds instead."""
    match how:
        case "corrupted":
            return GRAPH, files[GRAPH][:200] + bytes([files[GRAPH][200] ^ 1]) + files[GRAPH][201:]
        case "truncated":
            return TABLES, files[TABLES][:-40]
        case "oversized":
            return MANIFEST, files[MANIFEST] + b" " * CAPPED
        case _:
            manifest = json.loads(files[MANIFEST])
            change = {"registry": OTHER_HASH} if how == "other registry" else {"parts": ["reports"]}
            return MANIFEST, json.dumps(manifest | change).encode()


@pytest.mark.parametrize("how", ["corrupted", "truncated", "oversized", "other registry", "other parts"])
def test_a_night_begun_while_the_champion_is_refused_rests_on_the_one_before_and_says_so(
    scoring: Scoring,
    registry: ModelRegistry,
    versions: dict[str, Files],
    capsys: pytest.CaptureFixture[str],
    how: str,
) -> None:
    for version in ("v1", "v2"):
        registry.promote("churn", version, now_ms=NOW)
    file, body = damaged(how, versions["v2"])
    spoil(scoring, "v2", file, body)

    ended = work_off(scoring, plan(scoring))

    row = log_row(scoring)
    assert (ended["state"], ended["scored"], ended["model_version"]) == ("succeeded", 3, "v1")
    assert row["model_version"] == "v1"
    assert row["refused_model"].startswith(f"v2 is refused, v1 goes on: {file}")
    assert max(refused_models(capsys.readouterr().out)) == 1


def test_with_nothing_usable_a_night_goes_by_the_rules_and_says_so(
    scoring: Scoring, registry: ModelRegistry
) -> None:
    for version in ("v1", "v2"):
        registry.promote("churn", version, now_ms=NOW)
        spoil(scoring, version)

    ended = work_off(scoring, plan(scoring))

    assert (ended["state"], ended["scored"], ended["model_version"]) == ("succeeded", 3, None)
    assert "v2 is refused, the rules score" in log_row(scoring)["refused_model"]


def test_a_champion_that_was_damaged_after_a_good_night_is_found_before_the_next_one(
    scoring: Scoring, registry: ModelRegistry
) -> None:
    """The planner that stays warm must not rest a night on what no fresh scorer could load."""
    for version in ("v1", "v2"):
        registry.promote("churn", version, now_ms=NOW)
    work_off(scoring, plan(scoring))
    spoil(scoring, "v2")

    ended = work_off(scoring, plan(scoring, run="r-2", as_of=AS_OF.replace("999Z", "998Z")))

    assert ended["model_version"] == "v1"


def test_all_is_well_is_told_too(
    scoring: Scoring, registry: ModelRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.promote("churn", "v1", now_ms=NOW)

    work_off(scoring, plan(scoring))

    assert set(refused_models(capsys.readouterr().out)) == {0}
    assert "refused_model" not in log_row(scoring)


def test_a_refused_champion_leaves_the_old_one_serving_in_the_scorer_with_a_metric(
    scoring: Scoring,
    registry: ModelRegistry,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    registry.promote("churn", "v1", now_ms=NOW)
    scoring.functions["score"].models().monotonic = lambda: clock[0]
    by_whom = {"model": None, "trigger": "manual"}
    scoring.invoke("score", scoring.batch("a", **by_whom))
    registry.promote("churn", "v2", now_ms=NOW)
    spoil(scoring, "v2")
    clock[0] += POINTER_SECONDS
    capsys.readouterr()

    scoring.invoke("score", scoring.batch("b", **by_whom))
    scoring.invoke("score", scoring.batch("c", **by_whom))

    assert [scoring.records.read(one).model_version for one in "abc"] == ["v1"] * 3  # type: ignore[union-attr]
    assert refused_models(capsys.readouterr().out) == [1]


def test_scores_of_a_model_in_shadow_say_so_until_it_is_live(
    scoring: Scoring, registry: ModelRegistry
) -> None:
    registry.promote("churn", "v1", now_ms=NOW, shadow=True)
    work_off(scoring, plan(scoring))
    record = scoring.records.read("a")
    assert record is not None
    assert record.assessment is not None
    assert record.assessment.shadow == ("model",)

    registry.promote("churn", "v1", now_ms=NOW, shadow=False)
    scoring.functions["score"].models()._served.clear()
    scoring.heard_until("2026-03-15T23:58:00Z")
    work_off(scoring, plan(scoring, run="r-2", as_of="2026-03-15"))

    record = scoring.records.read("a")
    assert record is not None
    assert record.assessment is not None
    assert record.assessment.shadow == ()
    assert [one.assessment.shadow for one in scoring.records.scores("a", 0, FAR)] == [("model",), ()]


def test_what_rules_score_is_in_no_models_shadow(scoring: Scoring, registry: ModelRegistry) -> None:
    """An account too young for the model is scored by rules, which act as they did before it."""
    registry.promote("churn", "v1", now_ms=NOW, shadow=True)
    scoring.put_account("young", days=5)

    work_off(scoring, plan(scoring))

    found = scoring.records.read("young")
    assert found is not None
    assert found.assessment is not None
    assert (found.assessment.basis, found.assessment.shadow) == ("rules", ())
