"""A night that died half-way ends on one version, whatever was promoted in between."""

import time
from collections.abc import Callable
from typing import Any

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
    nights.begin("2026-03-13T23:59:59.999Z", run="earlier", version=None, shadow=False, now_ms=0)
    nights.note("2026-03-13T23:59:59.999Z", run="earlier", facts={"state": "scored", "customers": 900})

    kept_back = work_off(scoring, plan(scoring, run="r-2", **LATER))
    nights.note("2026-03-13T23:59:59.999Z", run="earlier", facts={"state": "scored", "customers": 5})
    resumed = work_off(scoring, plan(scoring, run="r-3", scheduled_at=later))

    assert (kept_back["state"], resumed["state"]) == ("aborted", "succeeded")
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v1")
    assert rows_of(scoring) == {account: ["v1"] for account in ACCOUNTS}


def by_hand(scoring: Scoring, run: str, *, but: Callable[[dict[str, Any]], bool] = lambda item: False) -> Any:
    """A run of the night that a person asks for, up to its end unless batches are left out."""
    planned = judged(scoring, plan(scoring, run=run, as_of="2026-03-14"))
    map_over(scoring, planned, but=but)
    return planned


def test_a_night_run_again_after_a_rollback_is_the_old_versions_again(
    scoring: Scoring, store: ModelRegistry
) -> None:
    work_off(scoring, plan(scoring, **FIRING))
    store.promote("churn", "v2", now_ms=1)
    work_off(scoring, plan(scoring, run="by-hand", as_of="2026-03-14"))
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v2")
    store.rollback("churn", now_ms=2)

    ended = work_off(scoring, plan(scoring, run="back", as_of="2026-03-14"))

    assert (ended["scored"], ended["unchanged"], ended["state"]) == (5, 0, "succeeded")
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v1")
    assert rows_of(scoring) == {account: ["v1", "v2"] for account in ACCOUNTS}


def test_a_half_of_the_old_version_a_half_of_the_new_and_a_rollback_end_on_one(
    scoring: Scoring, store: ModelRegistry
) -> None:
    die_half_way(scoring)
    store.promote("churn", "v2", now_ms=1)
    by_hand(scoring, "dies", but=lambda item: item["number"] < 2)
    store.rollback("churn", now_ms=2)

    ended = work_off(scoring, plan(scoring, run="back", as_of="2026-03-14"))

    assert ended["state"] == "succeeded"
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v1")


def test_a_batch_that_has_looked_at_its_night_before_it_was_begun_anew_does_not_stay(
    scoring: Scoring, store: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds its night its own, is held up, and writes when the other version has scored everybody."""
    first = judged(scoring, plan(scoring, **FIRING))
    store.promote("churn", "v2", now_ms=1)
    second = by_hand(scoring, "by-hand")
    monkeypatch.setattr(SweepNights, "taken_over", lambda self, night, *, begun_ms: None)

    map_over(scoring, first)
    ended = step(scoring, "finish", step(scoring, "flag", second))

    assert ended["state"] == "succeeded"
    assert versions_of(scoring) == dict.fromkeys(ACCOUNTS, "v2")
    assert night_row(scoring, AS_OF)["model_version"] == "v2"


def test_a_run_by_hand_that_dies_is_resumed_by_the_schedule(scoring: Scoring, store: ModelRegistry) -> None:
    work_off(scoring, plan(scoring, **FIRING))
    store.promote("churn", "v2", now_ms=1)
    by_hand(scoring, "dies", but=lambda item: item["number"] > 0)
    assert sorted(versions_of(scoring).values()) == ["v1", "v1", "v1", "v2", "v2"]  # type: ignore[type-var]
    scoring.heard_until("2026-03-15T23:58:00Z", days=2)
    for name in ACCOUNTS:
        scoring.put_account(name, ago=-1)

    planned = plan(scoring, run="r-2", scheduled_at="2026-03-16T02:30:00Z")
    ended = work_off(scoring, planned)

    assert list(planned["versions"]) == [AS_OF, "2026-03-15T23:59:59.999Z"]
    assert set(planned["versions"].values()) == {"v2"}
    assert ended["state"] == "succeeded"
    assert {row[-2:][0] for row in rows_of(scoring).values()} == {"v2"}
    assert night_row(scoring, AS_OF)["state"] == "scored"


def test_a_night_set_right_under_the_same_version_says_what_is_known_now(
    scoring: Scoring, store: ModelRegistry
) -> None:
    """Scored past a gate, with its mark; then what was missing came, and the night is run again."""
    nights = SweepNights(scoring.ingest)
    nights.begin("2026-03-13T23:59:59.999Z", run="earlier", version=None, shadow=False, now_ms=0)
    nights.note("2026-03-13T23:59:59.999Z", run="earlier", facts={"state": "scored", "customers": 900})
    gate = {"as_of": "2026-03-14", "ignore_gates": ["account_count"]}
    work_off(scoring, plan(scoring, **gate))
    marked = scoring.records.read("a")
    nights.note("2026-03-13T23:59:59.999Z", run="earlier", facts={"customers": 5})

    ended = work_off(scoring, plan(scoring, run="again", as_of="2026-03-14"))
    same = work_off(scoring, plan(scoring, run="and-again", as_of="2026-03-14"))

    record = scoring.records.read("a")
    assert marked is not None
    assert record is not None
    assert record.assessment is not None
    assert marked.assessment is not None
    assert "gate:account_count" in marked.assessment.confidence_lowered_by
    assert "gate:account_count" not in record.assessment.confidence_lowered_by
    assert (ended["scored"], ended["unchanged"]) == (5, 0)
    assert (same["scored"], same["unchanged"]) == (0, 5)
    assert rows_of(scoring) == {account: ["v1"] for account in ACCOUNTS}


def test_nobody_listed_where_many_were_is_kept_back(scoring: Scoring, store: ModelRegistry) -> None:
    nights = SweepNights(scoring.ingest)
    nights.begin("2026-03-13T23:59:59.999Z", run="earlier", version=None, shadow=False, now_ms=0)
    nights.note("2026-03-13T23:59:59.999Z", run="earlier", facts={"state": "scored", "customers": 900})
    for item in scoring.accounts.scan()["Items"]:
        scoring.accounts.delete_item(Key={"account": item["account"], "item": item["item"]})

    planned = plan(scoring, **FIRING)

    assert (planned["key"], planned["state"], planned["unmet"]) == ("", "aborted", 1)
    assert "account_count" in planned["cause"]
    assert night_row(scoring, AS_OF)["state"] == "aborted"
    assert not finished(scoring)


def test_what_a_night_began_with_in_shadow_stays_in_shadow_to_its_end(
    scoring: Scoring, store: ModelRegistry
) -> None:
    store.promote("churn", "v1", now_ms=0, shadow=True)
    die_half_way(scoring)
    for version in ("v2", "v1", "v2"):  # v1 is neither champion nor the one before it: live meanwhile
        store.promote("churn", version, now_ms=1, shadow=False)
    scoring.s3.put_object(Bucket="models", Key="churn/champion.json", Body=b"{")

    work_off(scoring, plan(scoring, run="r-2", **LATER))

    found = [scoring.records.read(account) for account in ACCOUNTS]
    assert {one.model_version for one in found if one} == {"v1"}
    assert [one.assessment.shadow for one in found if one and one.assessment] == [("model",)] * 5


def test_a_model_that_goes_live_in_mid_night_does_so_the_next_night(
    scoring: Scoring, store: ModelRegistry
) -> None:
    store.promote("churn", "v1", now_ms=0, shadow=True)
    planned = judged(scoring, plan(scoring, **FIRING))
    map_over(scoring, planned, but=lambda item: item["number"] > 0)
    store.promote("churn", "v1", now_ms=1, shadow=False)

    scored(scoring, planned)

    found = [scoring.records.read(account) for account in ACCOUNTS]
    assert [one.assessment.shadow for one in found if one and one.assessment] == [("model",)] * 5
