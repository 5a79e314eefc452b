"""A user logs in: from the write that counts it to the score, each function as Lambda runs it."""

import json

import pytest
from stemtide.as_of import parse_as_of
from stemtide.ports import UnavailableError
from stemtide.store.scoring import ScoreTables

from tests.integration.scoring.conftest import AS_OF, Scoring

LATER = "2026-03-15T09:30:00.000Z"
SOON = "2026-03-15T10:00:00.000Z"


def login(as_of: str = LATER, account: str = "acme") -> str:
    return json.dumps({"account": account, "as_of": as_of})


def test_a_login_is_followed_by_a_score_of_its_instant_once_in_an_hour(scoring: Scoring) -> None:
    scoring.put_account("acme")
    scoring.invoke("score", scoring.batch("acme"))

    first = scoring.invoke("score", scoring.deliver(login(), login(SOON), queue=scoring.logins))
    again = scoring.invoke("score", scoring.deliver(login(), login(AS_OF), queue=scoring.logins))

    record = scoring.records.read("acme")
    assert record is not None
    assert first == again == {"batchItemFailures": []}
    assert (record.trigger, record.as_of_ms) == ("login", parse_as_of(SOON))
    assert record.moved is not None
    assert record.moved.since == AS_OF
    rows = scoring.records.scores("acme", 0, parse_as_of(SOON))
    assert [row.trigger for row in rows] == ["schedule", "login"]


def test_a_login_that_fails_goes_back_to_its_own_queue(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring.put_account("acme")
    delivery = scoring.deliver(login(), queue=scoring.logins)

    def unavailable(self: ScoreTables, account: str) -> int:
        raise UnavailableError("500")

    with monkeypatch.context() as patch:
        patch.setattr(ScoreTables, "scored_until", unavailable)
        answer = scoring.invoke("score", delivery)

    assert len(answer["batchItemFailures"]) == 1
    assert scoring.invoke("score", delivery) == {"batchItemFailures": []}
    assert len(scoring.records.scores("acme", 0, parse_as_of(SOON))) == 1


def test_a_login_that_nobody_can_read_is_set_aside_where_logins_are_counted(scoring: Scoring) -> None:
    answer = scoring.invoke("score", scoring.deliver("no json", queue=scoring.logins))

    assert answer == {"batchItemFailures": []}
    [kept] = scoring.sqs.receive_message(QueueUrl=scoring.given_up_logins)["Messages"]
    assert kept["Body"] == "no json"
    assert "Messages" not in scoring.sqs.receive_message(QueueUrl=scoring.given_up)


def test_a_login_of_an_account_that_is_no_customer_has_no_score(scoring: Scoring) -> None:
    scoring.put_account("acme", ago=95)

    answer = scoring.invoke("score", scoring.deliver(login(), queue=scoring.logins))

    assert answer == {"batchItemFailures": []}
    assert scoring.records.scores("acme", 0, parse_as_of(SOON)) == []
