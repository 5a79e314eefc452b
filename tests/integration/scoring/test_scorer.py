"""The scorer: on a drop, in a batch; what it skips, repeats and never overwrites."""

from typing import Any

import pytest
from stemtide.as_of import parse_as_of
from stemtide.drops import Drop
from stemtide.ports import UnavailableError
from stemtide.store.scoring import ScoreTables

from tests.integration.scoring.conftest import AS_OF, Scoring

DROP = {"id": "d", "account": "acme", "rule": "events_down", "day": "2026-03-14", "as_of": AS_OF}


def on_bus(detail: dict[str, Any]) -> dict[str, Any]:
    return {"detail-type": "UsageDropDetected", "source": "stemtide", "detail": detail}


def test_a_batch_scores_those_who_are_customers_and_counts_the_others(scoring: Scoring) -> None:
    scoring.put_account("acme")
    scoring.put_account("gone", ago=95)

    answer = scoring.invoke("score", scoring.batch("acme", "gone", "never-seen"))

    assert answer == {"scored": 1, "unchanged": 0, "not_customers": 2, "failed": []}
    record = scoring.records.read("acme")
    assert record is not None
    assert record.assessment is not None
    assert (record.assessment.basis, record.trigger) == ("rules", "schedule")
    assert record.as_of_ms == parse_as_of(AS_OF)
    [row] = scoring.records.scores("acme", 0, parse_as_of(AS_OF))
    assert len(row.vector) % 8 == 0
    assert row.vector


def test_the_same_batch_again_changes_nothing(scoring: Scoring) -> None:
    scoring.put_account("acme")
    scoring.invoke("score", scoring.batch("acme"))
    before = scoring.accounts.scan()["Items"]

    answer = scoring.invoke("score", scoring.batch("acme"))

    assert answer == {"scored": 0, "unchanged": 1, "not_customers": 0, "failed": []}
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
    assert again == {"scored": 1, "unchanged": 1, "not_customers": 0, "failed": []}


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


def test_a_drop_on_the_bus_is_followed_by_a_score_of_its_instant(scoring: Scoring) -> None:
    scoring.put_account("acme")

    scoring.invoke("score", on_bus(DROP))
    scoring.invoke("score", on_bus(DROP))

    record = scoring.records.read("acme")
    assert record is not None
    assert (record.trigger, record.as_of_ms) == ("usage_drop", parse_as_of(AS_OF))
    assert len(scoring.records.scores("acme", 0, parse_as_of(AS_OF))) == 1


def test_a_drop_of_an_account_that_is_no_customer_is_skipped_and_says_so(scoring: Scoring) -> None:
    scoring.put_account("acme", ago=95)
    drop = Drop(account="acme", rule="events_down", as_of_ms=parse_as_of(AS_OF))
    scoring.records.put_drop(drop)

    answer = scoring.invoke("score", on_bus(DROP))

    row = scoring.accounts.get_item(Key={"account": "acme", "item": "drop#2026-03-14#events_down"})["Item"]
    assert answer["not_customers"] == 1
    assert row["skipped"] == "not_customer"
    assert scoring.records.scores("acme", 0, parse_as_of(AS_OF)) == []
    assert scoring.records.drops("acme") == [drop]


def test_a_version_that_is_not_there_fails_the_batch(scoring: Scoring) -> None:
    scoring.put_account("acme")

    with pytest.raises(Exception, match=r"manifest\.json"):
        scoring.invoke("score", scoring.batch("acme", model={"name": "churn", "version": "v9"}))
