"""Every gate tripped by a planted fault: nothing is scored, the night is caught up, a metric says so."""

import json
import time
from typing import Any

import boto3
import pytest
from stemtide.calls import DAY_MS
from stemtide.facts import Fact
from stemtide.store.sweep_nights import SweepNights
from stemtide.sweep_log import stages_in, tree

from tests.customer_facts import subscription
from tests.integration.scoring.conftest import AS_OF, Scoring
from tests.integration.scoring.sweeps import (
    FIRING,
    finished,
    log_row,
    night_row,
    plan,
    said_of_accounts,
    work_off,
)

NEXT = {"scheduled_at": "2026-03-16T02:30:00Z"}
"""The schedule's next firing."""


def metrics(captured: pytest.CaptureFixture[str]) -> dict[str, float]:
    """The last value of each metric that was written to the log."""
    found: dict[str, float] = {}
    for line in captured.readouterr().out.splitlines():
        if line.startswith('{"_aws"'):
            written: dict[str, Any] = json.loads(line)
            found |= {name: values[0] for name, values in written.items() if isinstance(values, list)}
    return found


def night_before(scoring: Scoring, night: str, customers: int) -> None:
    nights = SweepNights(scoring.ingest)
    nights.begin(night, run="earlier", version=None, shadow=False, now_ms=0)
    nights.note(night, run="earlier", facts={"state": "scored", "customers": customers})


def stale_stream(scoring: Scoring, patch: pytest.MonkeyPatch) -> None:
    scoring.heard_until("2026-03-14T20:00:00Z")


def consumers_behind(scoring: Scoring, patch: pytest.MonkeyPatch) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    boto3.client("kinesis").put_record(StreamName="events", PartitionKey="a", Data=b"{}")
    patch.setattr(scoring.functions["sweep"], "time", Clock(time.time() + 3 * 3600))


class Clock:
    """`time` of a module, at an instant."""

    def __init__(self, at: float) -> None:
        self._at = at

    def time(self) -> float:
        return self._at


def too_few_accounts(scoring: Scoring, patch: pytest.MonkeyPatch) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    night_before(scoring, "2026-03-13T23:59:59.999Z", 4187)


def too_many_accounts(scoring: Scoring, patch: pytest.MonkeyPatch) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    night_before(scoring, "2026-03-13T23:59:59.999Z", 1)
    for number in range(30):
        scoring.put_account(f"more-{number}", days=1)


def unreadable_accounts(scoring: Scoring, patch: pytest.MonkeyPatch) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    for number in range(6):
        scoring.put_account(f"bad-{number}")
        broken = {"account": f"bad-{number}", "day": "2026-03-14", "v": 2, "s": b"\xff"}
        scoring.usage.put_item(Item=broken)


FAULTS = {
    "event_data_freshness": (stale_stream, r"latest event: 20:14 UTC, lag: 225 min"),
    "event_data_freshness ": (
        consumers_behind,
        r"latest event: 23:59 UTC, lag: 0 min; the stream's consumers are 180 min behind",
    ),
    "account_count": (too_few_accounts, r"2 customers, usual: 4,187"),
    "account_count ": (too_many_accounts, r"32 customers, usual: 1"),
    "extraction_failures": (unreadable_accounts, r"6 of 8 accounts could not be read, the first: bad-0"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_trips_its_gate_and_no_score_is_written(
    scoring: Scoring, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, words = FAULTS[name]
    scoring.put_account("a")
    scoring.put_account("b", ago=7)
    plant(scoring, monkeypatch)
    before = said_of_accounts(scoring)
    capsys.readouterr()

    ended = work_off(scoring, plan(scoring, **FIRING))

    assert said_of_accounts(scoring) == before  # so that nothing of it can come to the bus
    said = metrics(capsys)
    assert said["TrippedGates"] == 1
    assert "SweptAccounts" not in said
    assert (ended["state"], ended["unmet"], ended["scored"]) == ("aborted", 1, 0)
    assert ended["cause"] == f"the quality gate tripped: {name.strip()} of 2026-03-14 ({words})"
    row = log_row(scoring)
    assert (row["state"], row["cause"]) == ("aborted", ended["cause"])
    assert night_row(scoring, AS_OF)["state"] == "aborted"
    assert not finished(scoring)
    stages = {stage.name: stage.state for stage in stages_in(row)}
    assert (stages["quality_gate"], stages["score_accounts"], stages["flag_at_risk"]) == (
        "failed",
        "not_run",
        "not_run",
    )


def test_a_tripped_night_is_caught_up_by_the_next_firing_when_the_fault_is_gone(scoring: Scoring) -> None:
    scoring.put_account("a")
    scoring.heard_until("2026-03-14T20:00:00Z")
    aborted = work_off(scoring, plan(scoring, **FIRING))
    scoring.put_account("a", ago=-1)
    scoring.heard_until("2026-03-15T23:58:00Z", days=2)

    planned = plan(scoring, run="r-2", **NEXT)
    ended = work_off(scoring, planned)

    assert aborted["state"] == "aborted"
    assert [night[:10] for night in planned["nights"]] == ["2026-03-14", "2026-03-15"]
    assert (ended["state"], ended["scored"] + ended["unchanged"]) == ("succeeded", 2)
    assert finished(scoring)


def test_a_night_that_trips_costs_no_other_night_its_scores(scoring: Scoring) -> None:
    scoring.put_account("a")
    scoring.heard_until("2026-03-14T20:00:00Z")
    work_off(scoring, plan(scoring, **FIRING))
    scoring.put_account("a", ago=-1)
    scoring.heard_until("2026-03-15T23:58:00Z")  # what was missing of the evening before never came

    ended = work_off(scoring, plan(scoring, run="r-2", **NEXT))

    assert (ended["state"], ended["scored"], ended["unmet"]) == ("failed", 1, 1)
    assert "event_data_freshness of 2026-03-14 (latest event: 20:14 UTC" in ended["cause"]
    [only] = scoring.records.scores("a", 0, 2_000_000_000_000)
    assert only.as_of_ms // DAY_MS == 20_527
    assert plan(scoring, run="r-3", **NEXT)["nights"] == []
    later = plan(scoring, run="r-4", scheduled_at="2026-03-16T04:30:00Z")
    assert [night[:10] for night in later["nights"]] == ["2026-03-14"]


def test_a_person_may_run_past_a_tripped_gate_and_run_and_scores_say_so(scoring: Scoring) -> None:
    scoring.put_account("a")
    scoring.heard_until("2026-03-14T20:00:00Z")

    ended = work_off(scoring, plan(scoring, as_of="2026-03-14", ignore_gates=["event_data_freshness"]))

    assert (ended["state"], ended["scored"]) == ("succeeded", 1)
    row = log_row(scoring)
    assert row["ignored_gates"] == ["event_data_freshness"]
    [gate] = [stage for stage in stages_in(row) if stage.name == "quality_gate"]
    assert (gate.state, gate.checks[0].outcome) == ("warning", "ignored")
    record = scoring.records.read("a")
    assert record is not None
    assert record.assessment is not None
    assert "gate:event_data_freshness" in record.assessment.confidence_lowered_by


def test_a_check_that_does_not_exist_is_refused_before_anything_happens(scoring: Scoring) -> None:
    scoring.put_account("a")

    with pytest.raises(ValueError, match="'freshness' is no check of the quality gate"):
        plan(scoring, as_of="2026-03-14", ignore_gates=["freshness"])


def put_fact(scoring: Scoring, account: str, fact: Fact) -> None:
    scoring.records.put_facts(account, [fact])
    scoring.records.touch(account, "2026-01-01")


def test_missing_key_columns_warn_and_mark_every_score_of_the_run(
    scoring: Scoring, capsys: pytest.CaptureFixture[str]
) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    for number in range(9):
        scoring.put_account(f"used-{number}", days=3)
    put_fact(scoring, "never-used", subscription("Started", "m-1", "2026-01-01T00:00:00Z", plan="pro"))
    put_fact(scoring, "just-begun", subscription("Started", "m-2", "2026-03-12T00:00:00Z", plan="pro"))

    ended = work_off(scoring, plan(scoring, **FIRING))

    assert (ended["state"], ended["scored"]) == ("succeeded", 11)
    assert metrics(capsys)["TrippedGates"] == 0
    [gate] = [stage for stage in stages_in(log_row(scoring)) if stage.name == "quality_gate"]
    [check] = [check for check in gate.checks if check.name == "feature_completeness"]
    assert (gate.state, check.outcome, check.words) == (
        "warning",
        "warning",
        "null rate: 10.0 % of avg_dau_7d",
    )
    marked = {}
    for number in range(9):
        record = scoring.records.read(f"used-{number}")
        assert record is not None
        assert record.assessment is not None
        marked[number] = "gate:feature_completeness" in record.assessment.confidence_lowered_by
    assert all(marked.values())
    young = scoring.records.read("just-begun")
    assert young is not None
    assert young.assessment is not None
    assert (young.assessment.basis, young.assessment.confidence_lowered_by) == ("not_enough_data", ())


def test_the_log_of_a_run_reads_as_a_tree(scoring: Scoring) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    for number in range(3):
        scoring.put_account(f"used-{number}", ago=number * 20)

    work_off(scoring, plan(scoring))

    lines = tree(stages_in(log_row(scoring)))
    shown = [line.partition(" ..")[0] for line in lines]
    assert shown == [
        "├── extract_features",
        "├── quality_gate",
        "│   ├── event_data_freshness",
        "│   ├── recent_days",
        "│   ├── feature_completeness",
        "│   ├── account_count",
        "│   └── extraction_failures",
        "├── score_accounts",
        "└── flag_at_risk",
    ]
    assert "PASSED (latest event: 23:59 UTC, lag: 0 min)" in lines[2]
    assert "PASSED (3 customers, no night before to compare with)" in lines[5]
    assert "3 scored, 0 unchanged, 0 no customers, 0 failed, by rules)" in lines[7]


def test_who_is_at_risk_is_listed_and_compared_with_the_night_before(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemtide.scoring.assessment.AT_RISK", 40)  # rules seldom give more to a small base
    scoring.heard_until("2026-03-14T23:58:00Z", days=3)
    scoring.put_account("fine", days=40)
    for name in ("silent", "back"):
        scoring.put_account(name, ago=40)
    work_off(scoring, plan(scoring, as_of="2026-03-13"))
    scoring.put_account("back", days=1, calls=400)
    scoring.put_account("late", ago=60)

    work_off(scoring, plan(scoring, run="r-2", **FIRING))

    key = night_row(scoring, AS_OF)["list_key"]
    found = json.loads(scoring.s3.get_object(Bucket="archive", Key=key)["Body"].read())
    assert (found["as_of"], found["previous"]) == (AS_OF, "2026-03-13T23:59:59.999Z")
    assert found["accounts"] == [["silent", score_of(scoring, "silent")], ["late", score_of(scoring, "late")]]
    assert (found["new"], found["gone"]) == (["late"], ["back"])
    flag = stages_in(log_row(scoring, "r-2"))[-1]
    assert flag.counts == {"at_risk": 2, "new": 1, "gone": 1}
    assert flag.words == "2 accounts flagged, 1 new, 1 gone"


def score_of(scoring: Scoring, account: str) -> int | None:
    record = scoring.records.read(account)
    assert record is not None
    assert record.assessment is not None
    return record.assessment.score


def test_a_night_that_is_scored_stays_so_when_a_repetition_is_kept_back(scoring: Scoring) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    scoring.put_account("a")
    work_off(scoring, plan(scoring))
    scoring.put_account("b")
    night_before(scoring, "2026-03-13T23:59:59.999Z", 4187)

    ended = work_off(scoring, plan(scoring, run="r-2"))

    assert ended["state"] == "aborted"
    row = night_row(scoring, AS_OF)
    assert (row["state"], row["run"], row["customers"]) == ("scored", "r-1", 1)
