"""One instant per account: before it the backfill counts, from it on the stream; whoever came first."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stemtide.ports import CUTOVER_SORT
from stemtide.state import decode
from stemtide.store.counters import read_counters
from stemtide_cli import backfill_steps

from tests.backfilled import Usage, items_in, usage_in
from tests.integration.cli.backfills import ROWS, arguments, replay, streamed, write_log
from tests.integration.cli.conftest import Deployment
from tests.integration.cli.recomputes import state_machine
from tests.streams import call, event, record

CUTOVER = "2023-03-03T10:00:00Z"
AFTER = "timestamp >= timestamp '2023-03-03 10:00:00'"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "log")


@pytest.fixture
def expected(deployment: Deployment, log: Path) -> Usage:
    """What the stream alone makes of the whole log."""
    return streamed(deployment, log)


def part(tmp_path: Path, where: str) -> Path:
    """Another log, of some of the same rows."""
    return write_log(tmp_path / f"part-{abs(hash(where))}", where=where)


def cutover_of(deployment: Deployment, account: str) -> int | None:
    return decode(bytes(items_in(deployment.cloud.usage)[account, CUTOVER_SORT]["s"])).covered_ms


def deliver_live(deployment: Deployment, *calls: dict[str, Any], arrival: datetime) -> None:
    """Calls that arrive at an instant, at the consumers alone."""
    batch = [
        record(one, at=place, key=one["context"]["groupId"], arrival=arrival)
        for place, one in enumerate(calls, int(arrival.timestamp()))
    ]
    assert deployment.cloud.deliver(event(*batch)) == {"batchItemFailures": []}


def live(message_id: str, timestamp: str, **changes: Any) -> dict[str, Any]:
    return call(message_id, timestamp=timestamp, context={"groupId": "org-1"}, **changes)


def test_rows_of_the_cutover_and_after_it_are_the_streams(
    deployment: Deployment, log: Path, expected: Usage
) -> None:
    done = deployment.run(*arguments(log, "--cutover", CUTOVER))
    replay(deployment, log, "--restart")

    assert done["counted"] + done["left_to_stream"] + sum(done["refused"].values()) == ROWS
    assert 0 < done["left_to_stream"] < ROWS
    assert usage_in(deployment.cloud.usage) == expected


def test_what_was_streamed_after_the_cutover_stays_when_the_backfill_comes(
    deployment: Deployment, log: Path, expected: Usage, tmp_path: Path
) -> None:
    replay(deployment, part(tmp_path, AFTER))

    done = deployment.run(*arguments(log, "--cutover", CUTOVER))

    assert (done["replaced"], done["recompute"]) == (0, [])
    assert usage_in(deployment.cloud.usage) == expected


def test_a_day_that_was_streamed_on_both_sides_is_told_apart_by_the_archive(
    deployment: Deployment, log: Path, expected: Usage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(deployment, part(tmp_path, f"{AFTER} OR (hash(timestamp) % 2 = 0 AND timestamp > '2023-03-02')"))

    with state_machine(deployment, monkeypatch) as given:
        done = deployment.run(*arguments(log, "--cutover", CUTOVER))

    assert (done["recomputed"], done["recompute"]) == (8, [])
    assert [(one["account"], one["from"] == one["to"]) for one in given] == [(None, True)]
    assert done["replaced"] == 8
    assert usage_in(deployment.cloud.usage) == expected


def test_days_that_wait_for_the_archive_end_it_with_1_until_they_have_it(
    deployment: Deployment, log: Path, expected: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(deployment, log, "--restart")

    waiting = deployment.run(*arguments(log, "--cutover", CUTOVER), expect=1)
    shown = deployment.invoke(*arguments(log, "--cutover", CUTOVER))
    with state_machine(deployment, monkeypatch):
        done = deployment.run(*arguments(log, "--cutover", CUTOVER))

    assert len(waiting["recompute"]) == 8
    assert "8 days wait for the archive" in shown.stdout
    assert (done["recomputed"], done["recompute"]) == (8, [])
    assert usage_in(deployment.cloud.usage) == expected


def test_why_a_recompute_did_not_succeed_is_told(
    deployment: Deployment, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(deployment, log, "--restart")
    became = {"state": "failed", "run": "r-1", "cause": "8 items stay as they are"}
    monkeypatch.setattr(backfill_steps, "run_recompute", lambda *_: became)

    done = deployment.invoke(*arguments(log, "--cutover", CUTOVER))

    assert done.exit_code == 1
    assert "the recompute r-1 ended as failed: 8 items stay as they are" in done.stderr


def test_a_streamed_day_before_the_cutover_has_the_backfills_counts(
    deployment: Deployment, log: Path, expected: Usage, tmp_path: Path
) -> None:
    replay(deployment, part(tmp_path, "hash(timestamp) % 3 = 0 AND timestamp < '2023-03-03'"))
    before = items_in(deployment.cloud.usage)

    done = deployment.run(*arguments(log))

    after = items_in(deployment.cloud.usage)
    assert done["replaced"] == sum("#" not in day for _, day in before)
    assert usage_in(deployment.cloud.usage) == expected
    state, earlier = (decode(bytes(items["org-1", "2023-03-01"]["s"])) for items in (after, before))
    assert (state.marks, state.arrivals) == (earlier.marks, earlier.arrivals)
    assert state.duplicates == earlier.calls


def test_a_late_call_of_the_backfilled_time_counts_as_duplicate(deployment: Deployment, log: Path) -> None:
    deployment.run(*arguments(log))
    before = usage_in(deployment.cloud.usage)

    deployment.put(live("late", "2023-03-02T10:00:00Z", _stemtide={"late_ok": True}), key="org-1")
    deployment.put(live("late", "2023-02-02T10:00:00Z", _stemtide={"late_ok": True}), key="org-1")
    deployment.deliver()

    counters = read_counters(deployment.cloud.ingest)
    assert (counters.applied, counters.duplicate, counters.unbalanced) == (0, 2, 0)
    assert usage_in(deployment.cloud.usage) == before


def test_a_day_that_only_the_stream_has_is_none_before_the_cutover(deployment: Deployment, log: Path) -> None:
    arrival = datetime(2023, 2, 20, 12, tzinfo=UTC)
    deliver_live(deployment, live("m-1", "2023-02-20T10:00:00Z"), arrival=arrival)

    done = deployment.run(*arguments(log, "--cutover", "2023-03-03"))

    assert done["repaired"] == 1
    assert ("org-1", "2023-02-20") not in usage_in(deployment.cloud.usage)


def test_by_default_a_streamed_account_is_the_streams_from_its_first_whole_day_on(
    deployment: Deployment, log: Path
) -> None:
    arrival = datetime(2023, 3, 2, 15, tzinfo=UTC)
    late = live("m-1", "2023-02-27T10:00:00Z")
    deliver_live(deployment, late, live("m-2", "2023-03-02T14:59:00Z"), arrival=arrival)

    done = deployment.run(*arguments(log))

    usage = usage_in(deployment.cloud.usage)
    assert done["other_cutovers"] == {"org-1": "2023-03-03T00:00:00.000Z"}
    assert sorted(day for account, day in usage if account == "org-1") == ["2023-03-01", "2023-03-02"]
    assert done["left_to_stream"] > 0
    assert done["recompute"] == []


def test_a_log_of_days_counts_to_the_end_of_its_last_one(deployment: Deployment, tmp_path: Path) -> None:
    rows = "timestamp,account_id,user_id,event,value\n2023-03-01,org-1,u,a,1\n2023-03-02,org-1,u,a,1\n"
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "events.csv").write_text(rows)

    done = deployment.run(*arguments(tmp_path / "days"))

    assert done["cutover"] == "2023-03-03T00:00:00.000Z"


def test_until_ends_the_backfill_and_the_rest_is_streamed(
    deployment: Deployment, log: Path, expected: Usage
) -> None:
    done = deployment.run(*arguments(log, "--until", "2023-03-02"))
    replay(deployment, log, "--restart", "--from", "2023-03-03")

    assert done["cutover"] == "2023-03-03T00:00:00.000Z"
    assert cutover_of(deployment, "org-1") == 1677801600000
    assert not any("#backfill" in day for _, day in items_in(deployment.cloud.usage))
    assert usage_in(deployment.cloud.usage) == expected


def test_another_cutover_of_a_backfilled_account_is_refused_before_anything_is_written(
    deployment: Deployment, log: Path
) -> None:
    deployment.run(*arguments(log, "--cutover", CUTOVER))
    before = items_in(deployment.cloud.usage)

    refused = deployment.run(*arguments(log, "--cutover", "2023-03-04"), expect=1)

    assert "8 accounts were backfilled with another cutover than 2023-03-04" in refused["error"]
    assert "org-0 2023-03-03T10:00:00.000Z" in refused["error"]
    assert "leave --cutover out" in refused["hint"]
    assert items_in(deployment.cloud.usage) == before


def test_without_one_an_account_keeps_its_cutover(deployment: Deployment, log: Path, tmp_path: Path) -> None:
    deployment.run(*arguments(part(tmp_path, "account_id = 'org-1'"), "--cutover", CUTOVER))

    done = deployment.run(*arguments(log))

    assert done["other_cutovers"] == {"org-1": "2023-03-03T10:00:00.000Z"}
    assert done["other_backfill"] == []


@pytest.mark.parametrize("more", [("--cutover", "2023-03-12"), ("--until", "2023-03-11")])
@pytest.mark.parametrize("mode", [(), ("--dry-run",)])
def test_what_only_the_stream_has_after_the_data_is_not_lost_unasked(
    deployment: Deployment, log: Path, more: tuple[str, ...], mode: tuple[str, ...]
) -> None:
    calls = [live("m-1", "2023-03-10T10:00:00Z"), live("m-2", "2023-03-11T10:00:00Z")]
    deliver_live(deployment, *calls, arrival=datetime(2023, 3, 11, 12, tzinfo=UTC))
    before = items_in(deployment.cloud.usage)

    refused = deployment.run(*arguments(log, *more, *mode), expect=1)
    kept = items_in(deployment.cloud.usage)
    done = deployment.run(*arguments(log, *more, "--discard-streamed", *mode))

    assert "the data ends at 2023-03-04T23:42:20.001Z" in refused["error"]
    assert "2 days of 1 accounts, which would be lost: org-1 2023-03-12" in refused["error"]
    assert "--discard-streamed" in refused["hint"]
    assert kept == before
    assert done["discarded"] == 2


def test_a_call_of_the_datas_last_day_that_only_the_stream_has_is_not_lost_unasked(
    deployment: Deployment, log: Path
) -> None:
    call = live("m-1", "2023-03-04T23:50:00Z")
    deliver_live(deployment, call, arrival=datetime(2023, 3, 4, 23, 55, tzinfo=UTC))

    deployment.run(*arguments(log, "--cutover", "2023-03-05"), expect=1)


def test_where_the_data_goes_on_after_the_cutover_it_knows_of_every_call_before(
    deployment: Deployment, tmp_path: Path, log: Path
) -> None:
    quiet = part(tmp_path, "timestamp < '2023-03-02' OR timestamp > '2023-03-04'")
    call = live("m-1", "2023-03-03T10:00:00Z")
    deliver_live(deployment, call, arrival=datetime(2023, 3, 3, 12, tzinfo=UTC))

    done = deployment.run(*arguments(quiet, "--cutover", "2023-03-04"))

    assert (done["discarded"], done["repaired"]) == (0, 1)


def test_days_of_another_backfill_stay_until_they_are_to_be_replaced(
    deployment: Deployment, log: Path, expected: Usage, tmp_path: Path
) -> None:
    half = part(tmp_path, "hash(event) % 2 = 0 OR timestamp < '2023-03-02'")
    deployment.run(*arguments(half, "--until", "2023-03-04"))
    before = usage_in(deployment.cloud.usage)

    refused = deployment.run(*arguments(log, "--until", "2023-03-04"), expect=1)
    kept = usage_in(deployment.cloud.usage)
    replaced = deployment.run(*arguments(log, "--until", "2023-03-04", "--replace"))

    assert len(refused["other_backfill"]) == 24
    assert kept == before
    assert (replaced["written"], replaced["other_backfill"]) == (24, [])
    assert usage_in(deployment.cloud.usage) == expected


def test_a_finished_backfill_replaces_the_one_that_has_replaced_it(
    deployment: Deployment, log: Path, expected: Usage, tmp_path: Path
) -> None:
    half = part(tmp_path, "hash(event) % 2 = 0")
    for data, more in ((log, ()), (half, ("--replace",))):
        deployment.run(*arguments(data, "--cutover", "2023-03-05", *more))
    other = usage_in(deployment.cloud.usage)

    refused = deployment.run(*arguments(log, "--cutover", "2023-03-05"), expect=1)
    replaced = deployment.run(*arguments(log, "--cutover", "2023-03-05", "--replace"))

    assert other != expected
    assert len(refused["other_backfill"]) == replaced["written"] == 32
    assert usage_in(deployment.cloud.usage) == expected


def test_a_replaced_part_of_a_cutover_day_goes_through_the_archive(
    deployment: Deployment, log: Path, expected: Usage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = part(tmp_path, "hash(event) % 2 = 0")
    deployment.run(*arguments(half, "--cutover", CUTOVER))
    replay(deployment, part(tmp_path, AFTER))

    with state_machine(deployment, monkeypatch):
        done = deployment.run(*arguments(log, "--cutover", CUTOVER, "--replace"))

    assert (done["recomputed"], done["recompute"]) == (8, [])
    assert usage_in(deployment.cloud.usage) == expected


def test_a_backfill_adds_earlier_days_to_an_account(
    deployment: Deployment, log: Path, expected: Usage, tmp_path: Path
) -> None:
    for where in ("timestamp >= '2023-03-03'", "timestamp < '2023-03-03'"):
        deployment.run(*arguments(part(tmp_path, where), "--cutover", "2023-03-06"))

    assert usage_in(deployment.cloud.usage) == expected


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--cutover", "2999-01-01"), "is yet to come"),
        (("--cutover", "yesterday"), "neither a date"),
        (("--cutover", "2023-03-05", "--until", "2023-03-03"), "in between nobody would count"),
    ],
)
def test_a_cutover_that_leaves_a_gap_is_no_cutover(
    deployment: Deployment, log: Path, more: tuple[str, ...], said: str
) -> None:
    refused = deployment.invoke(*arguments(log, *more))

    assert refused.exit_code == 2
    assert said in refused.stderr
