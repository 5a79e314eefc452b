"""What is written though its reply is lost: the SDK sends it again, and is refused for what it has done."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stemtide.calls import DAY_MS, day_of
from stemtide.store.jobs import DynamoRuns
from stemtide.store.pace import lambda_pace
from stemtide.store.records import Records

from tests.integration.stream.detecting import TODAY, heard, put_days
from tests.integration.stream.recomputing import calls, recompute
from tests.lost_replies import lose_reply
from tests.stream_cloud import Cloud, start_function
from tests.streams import call, event, record

DAY = "2026-03-14"
TEN = datetime(2026, 3, 14, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", [None, "execution-1"])
def test_a_slot_is_its_runs_whose_reply_was_lost_and_nobody_elses(cloud: Cloud, name: str | None) -> None:
    lost = lose_reply(cloud.ingest.meta.client, "PutItem")

    claimed = DynamoRuns(table=cloud.ingest, job="check", run=name).claim(TEN, as_of=TEN)
    other = DynamoRuns(table=cloud.ingest, job="check").claim(TEN, as_of=TEN)

    assert (lost, claimed, other) == (["PutItem"], True, False)


def test_a_slot_is_claimed_once_by_a_run_without_a_name(cloud: Cloud) -> None:
    runs = DynamoRuns(table=cloud.ingest, job="check")
    later = TEN + timedelta(minutes=16)

    claims = [runs.claim(TEN, as_of=at) for at in (TEN, TEN, later)]

    assert claims == [True, False, True]


def test_the_hour_whose_claim_was_answered_late_is_compared_all_the_same(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.deliver(event(record(call("m-1"), at=1)))
    lost = lose_reply(cloud.functions["balance"].table().meta.client, "PutItem")

    cloud.invoke("balance", {"job": "balance", "scheduled_at": "2026-03-14T13:07:00Z"})

    assert lost == ["PutItem"]
    assert "UnbalancedEvents" in capsys.readouterr().out


def test_a_drop_is_told_by_whoever_has_found_it(cloud: Cloud) -> None:
    heard(cloud)
    put_days(cloud, dict.fromkeys(range(11, 32), 10), account="silent")
    Records(cloud.accounts).touch("silent", day_of((TODAY - 11) * DAY_MS))
    lost = lose_reply(cloud.functions["detect"].tables()["accounts"].meta.client, "PutItem")

    answers = [
        cloud.invoke("detect", {"job": "detect", "as_of": f"2026-11-22T{hour}:00:00Z"}) for hour in (10, 11)
    ]

    assert lost == ["PutItem"]
    assert [answer["found"] for answer in answers] == [2, 0]


def test_a_correction_is_counted_once(cloud: Cloud) -> None:
    cloud.deliver(event(*(record(call(f"m-{at}"), at=at) for at in range(60))))
    cloud.functions["aggregate"] = start_function("aggregate")
    cloud.deliver(event(record(call("m-0"), at=60)))
    lost = lose_reply(writer_of(cloud), "PutItem")

    run = recompute(cloud, **{"from": DAY, "to": DAY})

    assert lost == ["PutItem"]
    assert (run["state"], run["corrected"], run["calls_removed"]) == ("succeeded", 1, 1)
    assert calls(cloud) == {DAY: 60}


def writer_of(cloud: Cloud) -> Any:
    """The client by which the recompute function writes items."""
    made = cloud.functions["recompute"].store().recompute(lambda_pace(lambda: 0), False)
    return made.corrector.items._client
