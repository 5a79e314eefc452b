"""A night that died half-way ends on one version, whatever was promoted in between."""

import time

import pytest
from stemtide.store.model_registry import ModelRegistry
from stemtide.store.sweep_nights import SweepNights

from models.export import export
from tests.integration.scoring.conftest import AS_OF, Scoring
from tests.integration.scoring.sweeps import (
    FIRING,
    batches,
    finished,
    judged,
    log_row,
    map_over,
    night_row,
    plan,
    scored,
    step,
    work_off,
)
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

LATER = {"scheduled_at": "2026-03-15T03:30:00Z"}
"""A firing for the same night after the lease of the first is over."""
ACCOUNTS = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Two models that differ."""
    found = {}
    for name, rounds in (("v1", 2), ("v2", 5)):
        folder = tmp_path_factory.mktemp("m") / name
        export(candidate(folder, trained(rows(300), rounds=rounds), version=name), CONFIG)
        found[name] = files_of(folder)
    return found


@pytest.fixture
def store(
    scoring: Scoring, versions: dict[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> ModelRegistry:
    """v1 serves; accounts in batches of two; every look at the pointer is a fresh one."""
    monkeypatch.setattr("stemtide.sweep.BATCH_ACCOUNTS", 2)
    monkeypatch.setattr("stemtide.store.models.POINTER_SECONDS", -1)
    models = ModelRegistry(scoring.s3, "models")
    for name, files in versions.items():
        models.versions.put("churn", name, files)
    models.promote("churn", "v1", now_ms=0)
    scoring.heard_until("2026-03-14T23:58:00Z")
    for name in ACCOUNTS:
        scoring.put_account(name)
    return models


def die_half_way(scoring: Scoring) -> None:
    """The night's first run scores one batch of three, and its execution is gone."""
    one = judged(scoring, plan(scoring, **FIRING))
    map_over(scoring, one, but=lambda item: item["number"] > 0)


def versions_of(scoring: Scoring) -> dict[str, str | None]:
    """By whom each record's score is."""
    found = {}
    for account in ACCOUNTS:
        record = scoring.records.read(account)
        assert record is not None
        found[account] = record.model_version
    return found


def rows_of(scoring: Scoring) -> dict[str, list[str]]:
    """The versions of each account's score rows of the night."""
    every = (0, 2_000_000_000_000)
    return {a: [row.model_version for row in scoring.records.scores(a, *every)] for a in ACCOUNTS}


def test_a_resumed_night_scores_every_account_once_by_the_version_it_began_with(
    scoring: Scoring, store: ModelRegistry
) -> None:
    die_half_way(scoring)
    assert list(versions_of(scoring).values()) == ["v1", "v1", None, None, None]
    store.promote("churn", "v2", now_ms=1)

    planned = plan(scoring, run="r-2", **LATER)
    ended = work_off(scoring, planned)

    assert {batch["model"]["version"] for batch in batches(scoring, planned)} == {"v1"}
    assert (ended["scored"], ended["unchanged"], ended["state"]) == (3, 2, "succeeded")
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v1")
    assert rows_of(scoring) == {account: ["v1"] for account in ACCOUNTS}
    assert (night_row(scoring, AS_OF)["state"], night_row(scoring, AS_OF)["model_version"]) == (
        "scored",
        "v1",
    )
    assert finished(scoring)


def test_a_version_that_must_not_be_used_any_more_gives_way_for_the_whole_night(
    scoring: Scoring, store: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_half_way(scoring)
    store.promote("churn", "v2", now_ms=1)
    scoring.s3.put_object(Bucket="models", Key="churn/v1/model.onnx", Body=b"no graph")
    scoring.functions["sweep"].steps.cache_clear()  # a process that has not loaded v1

    ended = work_off(scoring, plan(scoring, run="r-2", **LATER))

    assert (ended["scored"], ended["unchanged"], ended["model_version"]) == (5, 0, "v2")
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v2")


def test_a_person_who_runs_the_night_again_after_a_promotion_gets_all_of_it_by_the_new_version(
    scoring: Scoring, store: ModelRegistry
) -> None:
    die_half_way(scoring)
    store.promote("churn", "v2", now_ms=1)

    ended = work_off(scoring, plan(scoring, run="by-hand", as_of="2026-03-14"))

    assert (ended["scored"], ended["unchanged"]) == (5, 0)
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v2")
    assert plan(scoring, run="r-3", **LATER)["nights"] == []  # the schedule finds it done


def test_a_run_whose_night_another_version_has_taken_over_writes_nothing_more(
    scoring: Scoring, store: ModelRegistry
) -> None:
    first = judged(scoring, plan(scoring, **FIRING))
    map_over(scoring, first, but=lambda item: item["number"] > 0)
    store.promote("churn", "v2", now_ms=1)
    second = judged(scoring, plan(scoring, run="by-hand", as_of="2026-03-14"))

    map_over(scoring, first)  # the first run's other batches come late
    late = step(scoring, "finish", step(scoring, "flag", first))
    ended = scored(scoring, second)

    assert (late["state"], late["failed"]) == ("failed", 3)
    assert "by-hand has begun this night anew by another version" in late["cause"]
    assert ended["scored"] == 5
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v2")
    assert rows_of(scoring) == {a: ["v1", "v2"] if a in "ab" else ["v2"] for a in ACCOUNTS}
    assert night_row(scoring, AS_OF)["run"] == "by-hand"


def test_a_promotion_during_a_run_changes_nothing_of_it(scoring: Scoring, store: ModelRegistry) -> None:
    planned = plan(scoring, **FIRING)
    map_over(scoring, planned)
    store.promote("churn", "v2", now_ms=int(time.time() * 1000))

    ended = scored(scoring, step(scoring, "gate", planned))

    assert (ended["scored"], ended["model_version"]) == (5, "v1")
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v1")
    assert log_row(scoring)["model_version"] == "v1"


def test_nights_that_are_caught_up_together_each_rest_on_one_version(
    scoring: Scoring, store: ModelRegistry
) -> None:
    die_half_way(scoring)
    store.promote("churn", "v2", now_ms=1)
    scoring.heard_until("2026-03-15T23:58:00Z", days=2)
    for name in ACCOUNTS:
        scoring.put_account(name, ago=-1)

    planned = plan(scoring, run="r-2", scheduled_at="2026-03-16T02:30:00Z")
    work_off(scoring, planned)

    assert list(planned["versions"].values()) == ["v1", "v2"]
    assert rows_of(scoring) == {account: ["v1", "v2"] for account in ACCOUNTS}
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v2")


def test_a_half_night_that_is_kept_back_once_is_still_resumed_by_the_version_it_began_with(
    scoring: Scoring, store: ModelRegistry
) -> None:
    die_half_way(scoring)
    store.promote("churn", "v2", now_ms=1)
    later = "2026-03-15T04:00:00Z"
    nights = SweepNights(scoring.ingest)
    nights.begin("2026-03-13T23:59:59.999Z", run="earlier", version=None)
    nights.note("2026-03-13T23:59:59.999Z", run="earlier", facts={"state": "scored", "customers": 900})

    kept_back = work_off(scoring, plan(scoring, run="r-2", **LATER))
    nights.note("2026-03-13T23:59:59.999Z", run="earlier", facts={"state": "scored", "customers": 5})
    resumed = work_off(scoring, plan(scoring, run="r-3", scheduled_at=later))

    assert (kept_back["state"], resumed["state"]) == ("aborted", "succeeded")
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v1")
    assert rows_of(scoring) == {account: ["v1"] for account in ACCOUNTS}
