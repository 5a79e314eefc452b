"""The scorer: on a drop, in a batch; what it skips, repeats and never overwrites."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from stemtide.as_of import parse_as_of
from stemtide.drops import Drop
from stemtide.ports import UnavailableError
from stemtide.store.score_queue import ScoreQueue
from stemtide.store.scoring import ScoreTables
from stemtide.store.usage_blocks import BLOCK

from tests.integration.scoring.conftest import AS_OF, Scoring

DROP = {
    "id": "d",
    "account": "acme",
    "rule": "events_down",
    "day": "2026-03-14",
    "as_of": AS_OF,
    "measure": "events",
    "before": 70,
    "now": 7,
    "change": -0.9,
}


def on_bus(**changes: Any) -> str:
    """A drop as the bus writes it into the queue."""
    event = {"detail-type": "UsageDropDetected", "source": "stemtide", "detail": {**DROP, **changes}}
    return json.dumps(event)


def one_by_one(step: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    return [step(item) for item in items]


def unavailable_for(account: str, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    read = ScoreTables._read

    def broken(self: ScoreTables, asked: str, as_of_ms: int) -> Any:
        if asked == account:
            raise error
        return read(self, asked, as_of_ms)

    monkeypatch.setattr(ScoreTables, "_read", broken)


def test_a_batch_scores_those_who_are_customers_and_counts_the_others(scoring: Scoring) -> None:
    scoring.put_account("acme")
    scoring.put_account("gone", ago=95)

    answer = scoring.invoke("score", scoring.batch("acme", "gone", "never-seen"))

    assert answer == {"scored": 1, "unchanged": 0, "not_customers": 2, "failed": 0, "first": None}
    record = scoring.records.read("acme")
    assert record is not None
    assert record.assessment is not None
    assert (record.assessment.basis, record.trigger) == ("rules", "schedule")
    assert record.as_of_ms == parse_as_of(AS_OF)
    [row] = scoring.records.scores("acme", 0, parse_as_of(AS_OF))
    assert len(row.vector) % 8 == 0
    assert row.vector


def said(scoring: Scoring) -> list[dict[str, Any]]:
    """All rows but what is kept of usage."""
    return [item for item in scoring.accounts.scan()["Items"] if item["item"] != BLOCK]


def test_an_account_that_is_no_customer_any_more_has_no_score_any_more(scoring: Scoring) -> None:
    scoring.put_account("gone", ago=60)
    scoring.invoke("score", scoring.batch("gone"))
    then = scoring.records.read("gone")

    answer = scoring.invoke("score", scoring.batch("gone", as_of="2026-04-30"))
    before = said(scoring)
    scoring.invoke("score", scoring.batch("gone", as_of="2026-05-31"))

    record = scoring.records.read("gone")
    assert then is not None
    assert then.assessment is not None
    assert answer == {"scored": 0, "unchanged": 0, "not_customers": 1, "failed": 0, "first": None}
    assert record is not None
    assert (record.assessment, record.as_of_ms) == (None, parse_as_of("2026-04-30"))
    assert len(scoring.records.scores("gone", 0, parse_as_of("2026-05-31"))) == 1
    assert said(scoring) == before


def test_the_same_batch_again_changes_nothing(scoring: Scoring) -> None:
    scoring.put_account("acme")
    scoring.invoke("score", scoring.batch("acme"))
    before = scoring.accounts.scan()["Items"]

    answer = scoring.invoke("score", scoring.batch("acme"))

    assert answer == {"scored": 0, "unchanged": 1, "not_customers": 0, "failed": 0, "first": None}
    assert scoring.accounts.scan()["Items"] == before


def test_an_older_instant_is_kept_and_overwrites_nothing(scoring: Scoring) -> None:
    scoring.put_account("acme")
    scoring.invoke("score", scoring.batch("acme"))

    answer = scoring.invoke("score", scoring.batch("acme", as_of="2026-03-10"))

    assert answer["unchanged"] == 1
    record = scoring.records.read("acme")
    assert record is not None
    assert record.as_of_ms == parse_as_of(AS_OF)
    assert len(scoring.records.scores("acme", 0, parse_as_of(AS_OF))) == 2


def test_one_account_that_cannot_be_read_costs_no_other_its_score(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring.put_account("acme")
    scoring.put_account("other")
    read = ScoreTables._read

    def broken(self: ScoreTables, account: str, as_of_ms: int) -> Any:
        if account == "other":
            raise UnavailableError("ThrottlingException")
        return read(self, account, as_of_ms)

    with monkeypatch.context() as patch:
        patch.setattr(ScoreTables, "_read", broken)
        with pytest.raises(Exception, match="1 accounts, the first: other; others are scored") as raised:
            scoring.invoke("score", scoring.batch("acme", "other"))
    again = scoring.invoke("score", scoring.batch("acme", "other"))

    assert type(raised.value).__name__ == "ScoringFailedError"
    assert again == {"scored": 1, "unchanged": 1, "not_customers": 0, "failed": 0, "first": None}


def test_an_account_that_nobody_can_read_is_told_and_not_tried_again(scoring: Scoring) -> None:
    scoring.put_account("acme")
    scoring.put_account("other")
    scoring.usage.put_item(Item={"account": "other", "day": "2026-03-14", "v": 2, "s": b"\xff"})

    answer = scoring.invoke("score", scoring.batch("acme", "other"))

    assert answer == {"scored": 1, "unchanged": 0, "not_customers": 0, "failed": 1, "first": "other"}


def test_an_account_that_answers_at_the_second_try_is_scored(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring.put_account("acme")
    read, tries = ScoreTables._read, []

    def once_broken(self: ScoreTables, account: str, as_of_ms: int) -> Any:
        tries.append(account)
        if len(tries) == 1:
            raise UnavailableError("500")
        return read(self, account, as_of_ms)

    monkeypatch.setattr(ScoreTables, "_read", once_broken)

    assert scoring.invoke("score", scoring.batch("acme"))["scored"] == 1
    assert tries == ["acme", "acme"]


def test_a_drop_is_followed_by_a_score_of_its_instant(scoring: Scoring) -> None:
    scoring.put_account("acme")

    answers = [scoring.invoke("score", scoring.deliver(on_bus())) for _ in range(2)]

    record = scoring.records.read("acme")
    assert record is not None
    assert answers == [{"batchItemFailures": []}] * 2
    assert (record.trigger, record.as_of_ms) == ("usage_drop", parse_as_of(AS_OF))
    assert len(scoring.records.scores("acme", 0, parse_as_of(AS_OF))) == 1


def test_of_several_drops_of_an_account_in_a_delivery_the_newest_stays_and_each_has_its_row(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    # moto decides a condition and writes in two steps that other threads may come between
    monkeypatch.setattr(scoring.functions["score"], "threads", lambda: one_by_one)
    scoring.put_account("acme")
    scoring.put_account("other")
    instants = ["2026-03-12T08:00:00.000Z", AS_OF, "2026-03-10T08:00:00.000Z"]

    delivery = scoring.deliver(*(on_bus(as_of=one) for one in instants), on_bus(rule="calls_down"))
    other = scoring.deliver(on_bus(account="other"))
    answer = scoring.invoke("score", {"Records": [*delivery["Records"], *other["Records"]]})

    assert answer == {"batchItemFailures": []}
    record = scoring.records.read("acme")
    assert record is not None
    assert record.as_of_ms == parse_as_of(AS_OF)
    assert len(scoring.records.scores("acme", 0, parse_as_of(AS_OF))) == 3
    assert len(scoring.records.scores("other", 0, parse_as_of(AS_OF))) == 1


@pytest.mark.parametrize("error", [UnavailableError("ReadTimeoutError"), ValueError("a state of version 9")])
def test_a_drop_that_cannot_be_scored_comes_again_soon_and_alone(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    scoring.put_account("acme")
    scoring.put_account("other")
    delivery = scoring.deliver(on_bus(), on_bus(account="other"))
    [other] = [m["messageId"] for m in delivery["Records"] if "other" in m["body"]]
    pauses = []
    change = ScoreQueue.later
    monkeypatch.setattr(
        ScoreQueue,
        "later",
        lambda self, asked: (pauses.extend(asked), change(self, asked))[1],
    )

    with monkeypatch.context() as patch:
        unavailable_for("other", patch, error)
        answer = scoring.invoke("score", delivery)

    assert answer == {"batchItemFailures": [{"itemIdentifier": other}]}
    assert [(message.id, seconds) for message, seconds in pauses] == [(other, 5)]
    assert len(scoring.records.scores("acme", 0, parse_as_of(AS_OF))) == 1
    assert scoring.invoke("score", delivery) == {"batchItemFailures": []}
    assert len(scoring.records.scores("other", 0, parse_as_of(AS_OF))) == 1


@pytest.mark.parametrize("body", ["no json", "{}", on_bus(as_of="soon"), on_bus(account=7), '{"detail": 1}'])
def test_a_message_that_nobody_can_read_is_set_aside_as_it_came(scoring: Scoring, body: str) -> None:
    scoring.put_account("acme")

    answer = scoring.invoke("score", scoring.deliver(body, on_bus()))

    [kept] = scoring.sqs.receive_message(QueueUrl=scoring.given_up, MessageAttributeNames=["All"])["Messages"]
    assert answer == {"batchItemFailures": []}
    assert kept["Body"] == body
    assert "Error" in kept["MessageAttributes"]["reason"]["StringValue"]
    assert len(scoring.records.scores("acme", 0, parse_as_of(AS_OF))) == 1


def test_without_the_model_every_drop_comes_again_soon(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring.put_account("acme")
    delivery = scoring.deliver(on_bus())
    monkeypatch.setattr(scoring.functions["score"], "models", lambda: None)

    with pytest.raises(AttributeError):
        scoring.invoke("score", delivery)

    waiting = scoring.sqs.get_queue_attributes(QueueUrl=scoring.drops, AttributeNames=["All"])["Attributes"]
    assert waiting["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_a_drop_of_an_account_that_is_no_customer_is_skipped_and_says_so(scoring: Scoring) -> None:
    scoring.put_account("acme", ago=95)
    drop = Drop(account="acme", rule="events_down", as_of_ms=parse_as_of(AS_OF))
    scoring.records.put_drop(drop)

    answer = scoring.invoke("score", scoring.deliver(on_bus()))

    row = scoring.accounts.get_item(Key={"account": "acme", "item": "drop#2026-03-14#events_down"})["Item"]
    assert answer == {"batchItemFailures": []}
    assert row["skipped"] == "not_customer"
    assert scoring.records.scores("acme", 0, parse_as_of(AS_OF)) == []
    assert scoring.records.drops("acme") == [drop]


def test_a_version_that_is_not_there_fails_the_batch(scoring: Scoring) -> None:
    scoring.put_account("acme")

    with pytest.raises(Exception, match=r"manifest\.json"):
        scoring.invoke("score", scoring.batch("acme", model={"name": "churn", "version": "v9"}))
