"""First and last step of the nightly run."""

import json
from typing import Any

import pytest
from stemtide.ports import UnavailableError

from tests.integration.scoring.conftest import AS_OF, Scoring


def plan(scoring: Scoring, run: str = "r-1", **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = scoring.invoke(
        "sweep", {"step": "plan", "run": run, "input": asked or {"as_of": "2026-03-14"}}
    )
    return found


def batches(scoring: Scoring, planned: dict[str, Any]) -> list[dict[str, Any]]:
    body = scoring.s3.get_object(Bucket=planned["bucket"], Key=planned["key"])["Body"].read()
    found: list[dict[str, Any]] = json.loads(body)
    return found


def work_off(scoring: Scoring, planned: dict[str, Any]) -> dict[str, Any]:
    """What the state machine does between its first and its last step, and that."""
    results = [scoring.invoke("score", batch) for batch in batches(scoring, planned)]
    found: dict[str, Any] = scoring.invoke("sweep", {"step": "finish", "plan": planned, "results": results})
    return found


def log_row(scoring: Scoring, run: str = "r-1") -> dict[str, Any]:
    item: dict[str, Any] = scoring.ingest.get_item(Key={"pk": "job#sweep", "sk": run})["Item"]
    return item


def test_every_account_is_in_one_batch_and_the_run_is_counted(scoring: Scoring) -> None:
    for name in ("a", "b", "c"):
        scoring.put_account(name)
    scoring.put_account("gone", ago=95)

    planned = plan(scoring)
    ended = work_off(scoring, planned)

    [batch] = batches(scoring, planned)
    assert batch["accounts"] == ["a", "b", "c", "gone"]
    assert (batch["as_of"], batch["trigger"]) == (AS_OF, "schedule")
    assert ended | {"scored": 3, "unchanged": 0, "not_customers": 1, "failed": 0, "accounts": 4} == ended
    row = log_row(scoring)
    assert (row["state"], row["accounts"], row["scored"], row["model_version"]) == (
        "succeeded",
        4,
        3,
        "rules",
    )
    assert row["ended_ms"] >= row["planned_ms"]


def test_a_second_run_of_the_same_instant_changes_no_score(scoring: Scoring) -> None:
    scoring.put_account("a")
    work_off(scoring, plan(scoring))
    before = scoring.accounts.scan()["Items"]

    ended = work_off(scoring, plan(scoring, run="r-2"))

    assert (ended["scored"], ended["unchanged"]) == (0, 1)
    assert scoring.accounts.scan()["Items"] == before


def test_accounts_that_were_scored_are_listed_whatever_their_tier(scoring: Scoring) -> None:
    for name in ("a", "b"):
        scoring.put_account(name)
    work_off(scoring, plan(scoring))
    scoring.put_account("new")

    [batch] = batches(scoring, plan(scoring, run="r-2"))

    assert batch["accounts"] == ["a", "b", "new"]


def test_large_bases_are_cut_into_batches(scoring: Scoring, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        scoring.records.touch(f"acct-{number}", "2026-03-14")
    monkeypatch.setattr("stemtide.sweep.BATCH_ACCOUNTS", 2)

    found = batches(scoring, plan(scoring))

    assert [len(batch["accounts"]) for batch in found] == [2, 2, 1]
    assert len({account for batch in found for account in batch["accounts"]}) == 5


def test_a_schedule_that_fires_twice_is_one_run(scoring: Scoring) -> None:
    scoring.put_account("a")

    first = plan(scoring, scheduled_at="2026-03-15T02:30:00Z")
    second = plan(scoring, run="r-2", scheduled_at="2026-03-15T02:30:00Z")

    assert first["nights"] == [AS_OF]
    assert (second["nights"], second["key"], second["batches"]) == ([], "", 0)


def test_a_plan_that_fails_half_way_keeps_its_night_for_its_repetition(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring.put_account("a")
    firing = {"scheduled_at": "2026-03-15T02:30:00Z"}

    with monkeypatch.context() as patch:
        patch.setattr("stemtide.store.sweeps.SweepLog.put_batches", failing)
        with pytest.raises(UnavailableError):
            plan(scoring, **firing)
    other = plan(scoring, run="r-2", **firing)
    again = plan(scoring, **firing)

    assert other["nights"] == []
    assert (again["nights"], again["batches"]) == ([AS_OF], 1)
    assert work_off(scoring, again)["scored"] == 1
    assert plan(scoring, **firing)["nights"] == []


def failing(*_: object) -> None:
    raise UnavailableError("SlowDown")


def test_missed_nights_are_caught_up_within_bounds_and_the_newest_sets_the_record(scoring: Scoring) -> None:
    scoring.put_account("a", days=40)
    work_off(scoring, plan(scoring, scheduled_at="2026-03-05T02:30:00Z"))

    planned = plan(scoring, run="r-2", scheduled_at="2026-03-15T02:30:00Z")
    work_off(scoring, planned)
    again = plan(scoring, run="r-3", scheduled_at="2026-03-15T02:30:00Z")

    assert [night[:10] for night in planned["nights"]] == ["2026-03-12", "2026-03-13", "2026-03-14"]
    assert again["nights"] == []
    record = scoring.records.read("a")
    assert record is not None
    assert record.assessment is not None
    assert len(scoring.records.scores("a", 0, 2_000_000_000_000)) == 4


def test_without_accounts_a_night_is_done_at_once(scoring: Scoring) -> None:
    planned = plan(scoring, scheduled_at="2026-03-15T02:30:00Z")

    assert (planned["key"], planned["batches"]) == ("", 0)
    assert log_row(scoring)["state"] == "succeeded"
    nights = [item for item in scoring.ingest.scan()["Items"] if item["pk"] == "job#sweep-nights"]
    assert all("done_at" in night for night in nights)


def finished(scoring: Scoring) -> bool:
    nights = [item for item in scoring.ingest.scan()["Items"] if item["pk"] == "job#sweep-nights"]
    return all("done_at" in night for night in nights)


def test_an_account_that_nobody_can_read_fails_the_run_after_all_others_and_is_named(
    scoring: Scoring,
) -> None:
    scoring.put_account("a")
    scoring.put_account("b")
    scoring.usage.put_item(Item={"account": "a", "day": "2026-03-14", "v": 2, "s": b"\xff"})

    ended = work_off(scoring, plan(scoring, scheduled_at="2026-03-15T02:30:00Z"))

    row = log_row(scoring)
    assert (ended["scored"], ended["failed"], row["state"]) == (1, 1, "failed")
    assert ended["cause"] == row["cause"] == "1 accounts are without a score, the first: a"
    assert finished(scoring)  # once more would change nothing


def test_a_night_with_a_batch_that_was_given_up_is_caught_up(scoring: Scoring) -> None:
    scoring.put_account("a")
    planned = plan(scoring, scheduled_at="2026-03-15T02:30:00Z")
    lost = {"scored": 0, "unchanged": 0, "not_customers": 0, "failed": 1, "first": "a", "given_up": True}

    ended = scoring.invoke("sweep", {"step": "finish", "plan": planned, "results": [lost]})
    next_night = plan(scoring, run="r-2", scheduled_at="2026-03-16T02:30:00Z")

    assert ended["cause"] == "1 accounts are without a score, the first: a; 1 batches were given up"
    assert [night[:10] for night in next_night["nights"]] == ["2026-03-14", "2026-03-15"]


def test_a_failure_leaves_its_cause(scoring: Scoring) -> None:
    scoring.put_account("a")
    planned = plan(scoring)

    scoring.invoke(
        "sweep",
        {"step": "fail", "plan": planned, "error": {"Error": "ScoringFailedError", "Cause": "2 accounts"}},
    )

    row = log_row(scoring)
    assert (row["state"], row["cause"]) == ("failed", "ScoringFailedError: 2 accounts")
