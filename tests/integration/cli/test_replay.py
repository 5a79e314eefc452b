"""A log through the stream and the real consumers, undisturbed and disturbed."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ConnectionClosedError
from stemtide.store.counters import read_counters
from stemtide.store.usage import read_days
from stemtide_cli import packing, replaying, resuming, sender

from tests.integration.cli.conftest import Deployment

FIRST, LAST = date(2023, 3, 1), date(2023, 3, 4)
ROOT = Path(__file__).parents[3]
ROWS = 1500
Install = Callable[[Callable[..., Any]], None]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of the crm shape: four days, eight accounts, one row in ten without an account."""
    folder = tmp_path / "log"
    folder.mkdir()
    duckdb.execute(
        f"""COPY (
             SELECT timestamp '2023-03-01' + to_seconds(i * 230) AS timestamp,
                    CASE WHEN i % 10 < 9 THEN 'org-' || (hash(i) % 8) END AS account_id,
                    'user-' || (hash(i * 7) % 9) AS user_id, 'event_' || (hash(i * 3) % 4) AS event,
                    i::DOUBLE AS value
             FROM range({ROWS}) t(i)
           ) TO '{folder / "events.parquet"}' (FORMAT parquet)"""
    )
    return folder


@pytest.fixture(autouse=True)
def _small_chunks_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "CHUNK_ROWS", 200)
    monkeypatch.setattr(packing, "MAX_ENTRIES", 3)
    monkeypatch.setattr(sender, "FIRST_PAUSE_S", 0.0)


def arguments(log: Path, *more: str) -> tuple[str, ...]:
    return ("replay", "--mapping", "crm", "--data", str(log), *more)


def recount(log: Path, last: date = LAST) -> dict[tuple[str, str, str], int]:
    rows = duckdb.execute(
        """SELECT account_id, strftime(timestamp, '%Y-%m-%d'), event, count(*) FROM read_parquet(?)
           WHERE account_id IS NOT NULL AND timestamp::DATE <= ? GROUP BY ALL""",
        [str(log / "events.parquet"), last],
    ).fetchall()
    return {(account, day, event): n for account, day, event, n in rows}


def counted(deployment: Deployment) -> dict[tuple[str, str, str], int]:
    return {
        (account, day.date.isoformat(), event): n
        for account in (f"org-{i}" for i in range(8))
        for day in read_days(deployment.cloud.usage, account, FIRST, LAST)
        for event, n in day.by_event.items()
    }


def test_every_account_day_of_a_replayed_log_equals_a_recount(deployment: Deployment, log: Path) -> None:
    sent = deployment.run(*arguments(log))
    deployment.deliver()
    drained = deployment.run("drain")

    assert (sent["rows"], sent["sent"], sent["skipped"]) == (ROWS, ROWS * 9 // 10, {"no_account": ROWS // 10})
    assert counted(deployment) == recount(log)
    assert (drained["drained"], drained["balanced"]) == (True, True)
    assert drained["counters"]["applied"] == ROWS * 9 // 10


def test_a_log_goes_on_where_the_range_before_it_ended(deployment: Deployment, log: Path) -> None:
    deployment.run(*arguments(log, "--from", "2023-03-02", "--until", "2023-03-02"))
    deployment.run(*arguments(log, "--until", "2023-03-03"))
    limited = deployment.run(*arguments(log, "--limit", "100"))
    rest = deployment.run(*arguments(log))
    nothing = deployment.run(*arguments(log))
    deployment.deliver()

    assert (limited["rows"], nothing["rows"]) == (100, 0)
    assert rest["total_sent"] == ROWS * 9 // 10
    assert counted(deployment) == recount(log)
    assert read_counters(deployment.cloud.ingest).duplicate == 0


def test_until_includes_its_day(deployment: Deployment, log: Path) -> None:
    deployment.run(*arguments(log, "--until", "2023-03-02"))
    deployment.deliver()

    assert counted(deployment) == recount(log, date(2023, 3, 2))


@pytest.mark.parametrize("is_written", [True, False])
def test_a_replay_that_was_killed_resumes_and_counts_each_row_once(
    deployment: Deployment, log: Path, faulty: Install, is_written: bool
) -> None:
    requests = Counter[str]()

    def killed_now_and_then(put: Any, **request: Any) -> Any:
        requests["made"] += 1
        dies = requests["made"] % 3 == 0 and requests["made"] < 60
        if is_written or not dies:
            answer = put(**request)
        if dies:
            raise KeyboardInterrupt
        return answer

    faulty(killed_now_and_then)

    first = deployment.invoke(*arguments(log))
    runs = 1
    while deployment.invoke(*arguments(log)).exit_code:
        runs += 1
    deployment.deliver()

    assert first.exit_code == 1
    assert "run the same command again" in first.stderr
    assert runs > 5
    assert counted(deployment) == recount(log)
    assert (read_counters(deployment.cloud.ingest).duplicate > 0) == is_written


def test_only_what_the_stream_refused_is_sent_again(
    deployment: Deployment, log: Path, faulty: Install
) -> None:
    turn = iter(range(10**6))

    def refuse_every_other(put: Any, **request: Any) -> Any:
        records = request["Records"]
        if next(turn) % 2:
            return put(**request)
        answers: list[dict[str, Any]] = [
            {"ErrorCode": "ProvisionedThroughputExceededException"} for _ in records
        ]
        answers[::2] = put(**{**request, "Records": records[::2]})["Records"]
        return {"Records": answers}

    faulty(refuse_every_other)

    sent = deployment.run(*arguments(log))
    deployment.deliver()

    assert sent["retried_records"] > 0
    assert counted(deployment) == recount(log)
    assert read_counters(deployment.cloud.ingest).duplicate == 0


def test_a_lost_answer_is_repeated_and_counts_once(
    deployment: Deployment, log: Path, faulty: Install
) -> None:
    turn = iter(range(10**6))

    def lose_every_third(put: Any, **request: Any) -> Any:
        answer = put(**request)
        if next(turn) % 3 == 0:
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")
        return answer

    faulty(lose_every_third)

    deployment.run(*arguments(log))
    deployment.deliver()

    assert counted(deployment) == recount(log)
    assert read_counters(deployment.cloud.ingest).duplicate > 0


def test_a_stream_created_anew_gets_the_log_from_the_beginning(deployment: Deployment, log: Path) -> None:
    kinesis = deployment.cloud.kinesis
    deployment.run(*arguments(log))
    kinesis.delete_stream(StreamName="events")
    kinesis.create_stream(StreamName="events", ShardCount=1)

    again = deployment.run(*arguments(log))

    assert (again["resumed"], again["sent"]) == (False, ROWS * 9 // 10)


def test_a_part_by_one_mapping_is_not_mixed_with_another(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    deployment.run(*arguments(log, "--limit", "10"))
    other = tmp_path / "other.toml"
    other.write_text(
        '[events]\nfile = "events.parquet"\ntimestamp = "timestamp"\naccount = "user_id"\nevent = "event"\n'
    )

    refused = deployment.run("replay", "--mapping", str(other), "--data", str(log), expect=1)

    assert "another mapping" in refused["error"]


def test_two_replays_of_one_log_at_a_time_are_refused(deployment: Deployment, log: Path) -> None:
    sent = deployment.run(*arguments(log, "--limit", "10"))

    with resuming.alone(Path(sent["position"])):
        refused = deployment.run(*arguments(log), expect=1)

    assert "another process" in refused["error"]


@pytest.mark.parametrize("content", ["", "{", '{"incarnation": "x"}'])
def test_a_position_that_says_nothing_is_named(deployment: Deployment, log: Path, content: str) -> None:
    sent = deployment.run(*arguments(log, "--limit", "10"))
    Path(sent["position"]).write_text(content)

    refused = deployment.run(*arguments(log), expect=1)

    assert sent["position"] in refused["error"]
    assert "--restart" in refused["hint"]


def test_a_log_of_which_nothing_can_be_sent_fails_and_may_be_sent_by_another_mapping(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text((ROOT / "examples/mappings/crm.toml").read_text().replace('"timestamp"', '"user_id"'))

    refused = deployment.run("replay", "--mapping", str(wrong), "--data", str(log), expect=1)
    done = deployment.run(*arguments(log))

    assert re.search(r"no row of .*events.parquet can be sent: 1,500 no_timestamp", refused["error"])
    assert "`timestamp` of [events]" in refused["hint"]
    assert done["sent"] > 0


def test_what_the_disk_refuses_is_named(deployment: Deployment, log: Path) -> None:
    place = deployment.file.parent / "replay"
    place.write_text("")

    refused = deployment.run(*arguments(log), expect=1)

    assert str(place) in refused["error"]
    assert "disk" in refused["hint"]


def test_an_emulator_that_is_gone_ends_the_replay_with_what_to_do(
    deployment: Deployment, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads(deployment.file.read_text())
    deployment.file.write_text(json.dumps(content | {"endpoint_url": "http://127.0.0.1:4651"}))
    monkeypatch.setattr(sender, "ABSENCE_S", 0.0)

    result = deployment.invoke(*arguments(log))

    assert result.exit_code == 1
    assert "make up" in result.stderr
