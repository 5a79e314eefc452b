"""A user logs in: from the write that counts it to the score, each function as Lambda runs it."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.client
import pytest
from stemtide import scoring_service
from stemtide.as_of import parse_as_of
from stemtide.drops import Drop
from stemtide.features.usage_at import UsageAt
from stemtide.ports import ThrottledError, UnavailableError
from stemtide.scoring_service import Moment
from stemtide.store.account_items import AccountItems
from stemtide.store.record_keys import StoredRecord
from stemtide.store.scoring import ScoreTables
from stemtide.store.usage_reader import UsageReader

from tests.integration.scoring.conftest import AS_OF, Scoring
from tests.integration.scoring.test_scorer import on_bus

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

    def unavailable(self: ScoreTables, moment: Moment, own: Collection[int]) -> StoredRecord | None:
        raise UnavailableError("500")

    with monkeypatch.context() as patch:
        patch.setattr(ScoreTables, "claim_login", unavailable)
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


@contextmanager
def requests() -> Iterator[list[str]]:
    """The requests to AWS."""
    asked: list[str] = []
    call = botocore.client.BaseClient._make_api_call

    def noted(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        of = parameters.get("TableName") or ",".join(parameters.get("RequestItems", ()))
        asked.append(f"{operation} {of}")
        return call(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_api_call", noted)
        yield asked


def test_logins_of_an_account_that_is_no_customer_are_looked_at_once_an_hour(scoring: Scoring) -> None:
    scoring.put_account("gone", ago=95)
    scoring.invoke("score", scoring.deliver(login(account="gone"), queue=scoring.logins))

    with requests() as asked:
        for minute in (40, 50):
            later = login(f"2026-03-15T09:{minute}:00.000Z", account="gone")
            scoring.invoke("score", scoring.deliver(later, queue=scoring.logins))

    assert [one for one in asked if "usage" in one or "Query accounts" in one] == []


def test_a_claim_holds_against_others_and_its_own_message_comes_again(scoring: Scoring) -> None:
    scoring.put_account("acme")
    tables = scoring.functions["score"].tables()
    first, second = Moment("acme", parse_as_of(LATER)), Moment("acme", parse_as_of(SOON))

    claims = [
        tables.claim_login(first, [first.as_of_ms]),
        tables.claim_login(second, [second.as_of_ms]),
        tables.claim_login(first, [first.as_of_ms]),
        tables.claim_login(second, [first.as_of_ms, second.as_of_ms]),
        tables.claim_login(first, [first.as_of_ms]),
    ]

    assert [claim is not None for claim in claims] == [True, False, True, True, False]


def test_while_yesterday_lacks_events_neither_a_login_nor_a_drop_changes_a_score(scoring: Scoring) -> None:
    """The night was kept back, too; once the day is filled the next login and the drop are scored."""
    scoring.put_account("acme")
    scoring.heard_until("2026-03-13T23:58:00Z", days=20)
    scoring.records.put_drop(Drop(account="acme", rule="events_down", as_of_ms=parse_as_of(LATER)))
    drop = scoring.deliver(on_bus(as_of=LATER))

    held = scoring.invoke("score", scoring.deliver(login(), queue=scoring.logins))
    delayed = scoring.invoke("score", drop)

    assert held == {"batchItemFailures": []}
    assert delayed == {"batchItemFailures": [{"itemIdentifier": drop["Records"][0]["messageId"]}]}
    assert scoring.records.scores("acme", 0, parse_as_of(SOON)) == []

    scoring.heard_until("2026-03-14T23:58:00Z")
    scoring.functions["score"].whole_days.cache_clear()
    scoring.invoke("score", scoring.deliver(login(SOON), queue=scoring.logins))
    assert scoring.invoke("score", drop) == {"batchItemFailures": []}
    assert {row.trigger for row in scoring.records.scores("acme", 0, parse_as_of(SOON))} == {
        "login",
        "usage_drop",
    }


def asked_by_login(scoring: Scoring, account: str, as_of: str = LATER) -> list[str]:
    """What the scorer asks AWS for when it is delivered a login, in order."""
    delivery = scoring.deliver(login(as_of, account), queue=scoring.logins)
    with requests() as asked:
        assert scoring.invoke("score", delivery) == {"batchItemFailures": []}
    return asked


CLAIM, FACTS, KEPT = "UpdateItem accounts", "Query accounts", "BatchGetItem accounts"
ROW, RECORD = "PutItem accounts", "UpdateItem accounts"


def put_two(scoring: Scoring) -> None:
    """Two accounts with usage up to today, of which days before are kept; the process knows its peers, its
    model, whether yesterday is whole and which sources are fresh from the login of the first."""
    for account in ("acme", "other"):
        scoring.put_account(account, ago=-1, days=30)
    scoring.heard_until("2026-03-15T09:00:00Z", days=40)
    scoring.invoke("score", scoring.batch("acme", "other"))
    asked_by_login(scoring, "acme")


def test_a_login_after_a_night_takes_five_requests(scoring: Scoring) -> None:
    put_two(scoring)

    asked = asked_by_login(scoring, "other")

    assert asked[0] == CLAIM
    assert sorted(asked[1:3]) == sorted([FACTS, KEPT])  # side by side
    assert asked[3:] == [ROW, RECORD]
    record = scoring.records.read("other")
    assert record is not None
    assert (record.trigger, record.as_of_ms) == ("login", parse_as_of(LATER))
    assert record.moved is not None
    assert record.moved.since == AS_OF


def test_the_first_login_of_an_account_that_was_never_scored_takes_nine(scoring: Scoring) -> None:
    put_two(scoring)
    scoring.put_account("new", ago=-1, days=30)

    asked = asked_by_login(scoring, "new")

    begun, days, first_day, kept = "PutItem accounts", "Query usage", "Query usage", "UpdateItem accounts"
    assert sorted(asked[1:3]) == sorted([FACTS, KEPT])
    assert [asked[0], *asked[3:]] == [CLAIM, begun, days, first_day, kept, ROW, RECORD]
    record = scoring.records.read("new")
    assert record is not None
    assert record.moved is None


def test_which_sources_are_fresh_is_asked_with_the_accounts_and_once_for_a_delivery(scoring: Scoring) -> None:
    put_two(scoring)
    later = [login(f"2026-03-15T{hour}:00:00.000Z", name) for hour, name in ((11, "acme"), (13, "other"))]
    delivery = scoring.deliver(*later, queue=scoring.logins)

    with requests() as asked:
        scoring.invoke("score", delivery)

    assert asked.count("Query ingest") == 5
    last = max(place for place, one in enumerate(asked) if one == "Query ingest")
    assert last < asked.index(ROW)
    assert asked.count(KEPT) == 2


def test_a_login_whose_record_is_changed_meanwhile_is_told_from_the_rows(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read when the login was claimed is out of date: a score of 15 March, 08:00 has come in."""
    put_two(scoring)
    read = UsageReader.read_with
    between = scoring.batch("other", as_of="2026-03-15T08:00:00.000Z", trigger="manual")

    def overtaken(self: UsageReader, *asked: Any, **more: Any) -> UsageAt:
        monkeypatch.setattr(UsageReader, "read_with", read)
        scoring.invoke("score", between)
        return self.read_with(*asked, **more)

    monkeypatch.setattr(UsageReader, "read_with", overtaken)
    asked = asked_by_login(scoring, "other")

    record = scoring.records.read("other")
    assert record is not None
    assert (record.trigger, record.as_of_ms) == ("login", parse_as_of(LATER))
    assert record.moved is not None
    assert record.moved.since == "2026-03-15T08:00:00.000Z"
    assert asked[-4:] == [RECORD, "GetItem accounts", "Query accounts", RECORD]


def test_a_login_that_was_not_told_all_it_asked_for_comes_again(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_two(scoring)
    delivery = scoring.deliver(login(account="other"), queue=scoring.logins)

    def throttled(self: AccountItems, account: str, names: Collection[str]) -> dict[str, Any]:
        raise ThrottledError

    with monkeypatch.context() as patch:
        patch.setattr(AccountItems, "rows", throttled)
        patch.setattr(scoring_service, "PAUSE_SECONDS", 0)
        answer = scoring.invoke("score", delivery)

    assert len(answer["batchItemFailures"]) == 1
    assert scoring.invoke("score", delivery) == {"batchItemFailures": []}
    assert [row.trigger for row in scoring.records.scores("other", 0, parse_as_of(SOON))] == [
        "schedule",
        "login",
    ]
