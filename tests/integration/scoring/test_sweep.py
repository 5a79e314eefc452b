"""The nightly run: plan, extraction, gate, scores, who is at risk, summary."""

import pytest
from stemtide.ports import UnavailableError

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
    said_of_accounts,
    scored,
    step,
    work_off,
)


@pytest.fixture(autouse=True)
def _stream(scoring: Scoring) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z", days=20)


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
    assert (night_row(scoring, AS_OF)["state"], night_row(scoring, AS_OF)["customers"]) == ("scored", 3)


def test_nothing_is_scored_before_everything_was_extracted_and_judged(scoring: Scoring) -> None:
    scoring.put_account("a")
    before = said_of_accounts(scoring)

    judged_plan = judged(scoring, plan(scoring))

    assert said_of_accounts(scoring) == before
    [item] = batches(scoring, judged_plan)
    assert (item["step"], item["model"], item["challenger"], item["marks"]) == (
        "score",
        {"name": "churn", "version": None, "shadow": False},
        None,
        [],
    )


def test_what_comes_in_after_the_extraction_changes_no_score_of_the_night(scoring: Scoring) -> None:
    scoring.put_account("a")
    one = judged(scoring, plan(scoring))
    scoring.put_account("a", calls=500)

    scored(scoring, one)

    first = scoring.records.scores("a", 0, 2_000_000_000_000)[0]
    work_off(scoring, plan(scoring, run="r-2", as_of="2026-03-14T23:59:59.998Z"))
    [other] = [s for s in scoring.records.scores("a", 0, 2_000_000_000_000) if s.as_of_ms != first.as_of_ms]
    assert first.vector != other.vector


def test_a_second_run_of_the_same_instant_changes_no_score(scoring: Scoring) -> None:
    scoring.put_account("a")
    work_off(scoring, plan(scoring))
    before = scoring.accounts.scan()["Items"]

    ended = work_off(scoring, plan(scoring, run="r-2"))

    assert (ended["scored"], ended["unchanged"]) == (0, 1)
    assert scoring.accounts.scan()["Items"] == before


def test_a_retried_batch_changes_nothing_and_is_counted_once(scoring: Scoring) -> None:
    scoring.put_account("a")
    one = judged(scoring, plan(scoring))
    map_over(scoring, one)
    before = scoring.accounts.scan()["Items"]

    map_over(scoring, one)
    ended = step(scoring, "finish", step(scoring, "flag", one))

    assert scoring.accounts.scan()["Items"] == before
    assert (ended["scored"], ended["unchanged"]) == (1, 0)


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


def test_batches_answer_nothing_as_all_answers_together_are_bounded(scoring: Scoring) -> None:
    scoring.put_account("a")
    planned = plan(scoring)

    extracted = map_over(scoring, planned)
    answers = map_over(scoring, step(scoring, "gate", planned))

    assert extracted == answers == [{}]


def test_a_schedule_that_fires_twice_is_one_run(scoring: Scoring) -> None:
    scoring.put_account("a")

    first = plan(scoring, **FIRING)
    second = plan(scoring, run="r-2", **FIRING)

    assert first["nights"] == [AS_OF]
    assert (second["nights"], second["key"], second["batches"]) == ([], "", 0)


def test_a_plan_that_fails_half_way_keeps_its_night_for_its_repetition(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring.put_account("a")

    with monkeypatch.context() as patch:
        patch.setattr("stemtide.store.sweeps.SweepLog.put_items", failing)
        with pytest.raises(UnavailableError):
            plan(scoring, **FIRING)
    other = plan(scoring, run="r-2", **FIRING)
    again = plan(scoring, **FIRING)

    assert other["nights"] == []
    assert (again["nights"], again["batches"]) == ([AS_OF], 1)
    assert work_off(scoring, again)["scored"] == 1
    assert plan(scoring, **FIRING)["nights"] == []


def failing(*_: object) -> None:
    raise UnavailableError("SlowDown")


def test_missed_nights_are_caught_up_within_bounds_and_the_newest_sets_the_record(scoring: Scoring) -> None:
    scoring.put_account("a", days=40)
    work_off(scoring, plan(scoring, scheduled_at="2026-03-05T02:30:00Z"))

    planned = plan(scoring, run="r-2", **FIRING)
    ended = work_off(scoring, planned)
    again = plan(scoring, run="r-3", **FIRING)

    assert [night[:10] for night in planned["nights"]] == ["2026-03-12", "2026-03-13", "2026-03-14"]
    assert again["nights"] == []
    record = scoring.records.read("a")
    assert record is not None
    assert record.assessment is not None
    assert len(scoring.records.scores("a", 0, 2_000_000_000_000)) == 4
    assert ended["scored"] + ended["unchanged"] == 3


def test_without_accounts_a_night_is_done_at_once(scoring: Scoring) -> None:
    planned = plan(scoring, **FIRING)

    assert (planned["key"], planned["batches"]) == ("", 0)
    assert log_row(scoring)["state"] == "succeeded"
    assert finished(scoring)


def test_a_night_that_was_scored_by_hand_is_done_for_the_schedule(scoring: Scoring) -> None:
    scoring.put_account("a")
    work_off(scoring, plan(scoring))

    assert plan(scoring, run="r-2", **FIRING)["nights"] == []
    assert finished(scoring)


def test_an_account_that_nobody_can_read_fails_the_run_after_all_others_and_is_named(
    scoring: Scoring,
) -> None:
    scoring.put_account("a")
    scoring.put_account("b")
    scoring.usage.put_item(Item={"account": "a", "day": "2026-03-14", "v": 2, "s": b"\xff"})

    ended = work_off(scoring, plan(scoring, **FIRING))

    row = log_row(scoring)
    assert (ended["scored"], ended["failed"], row["state"]) == (1, 1, "failed")
    assert ended["cause"] == row["cause"] == "1 accounts are without a score, the first: a"
    assert finished(scoring)  # once more would change nothing


@pytest.mark.parametrize("lost", ["extract", "score"])
def test_a_night_with_a_batch_that_was_given_up_is_caught_up(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    for name in ("a", "b", "c"):
        scoring.put_account(name)
    monkeypatch.setattr("stemtide.sweep.BATCH_ACCOUNTS", 2)
    planned = plan(scoring, **FIRING)

    map_over(scoring, planned, but=lambda item: lost == "extract" and item["number"] == 1)
    one = step(scoring, "gate", planned)
    map_over(scoring, one, but=lambda item: lost == "score" and item["number"] == 1)
    ended = step(scoring, "finish", step(scoring, "flag", one))
    next_night = plan(scoring, run="r-2", scheduled_at="2026-03-16T02:30:00Z")

    assert ended["cause"] == "1 accounts are without a score; 1 batches were given up"
    assert (ended["scored"], ended["failed"], ended["unmet"]) == (2, 1, 1)
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
