"""The read routes over real tables."""

import base64
import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stemtide.access import GET_COUNTERS, GET_OPENAPI, GET_QUARANTINE, GET_USAGE
from stemtide.http import reads
from stemtide.http.app import UnexpectedError
from stemtide.lanes import pad
from stemtide.profile import Profile
from stemtide.store.quarantine import row_id
from stemtide.store.records import Records

from tests.http_api import ARRIVAL_DAY, ARRIVAL_MS, claims_of, get, recorded
from tests.integration.http.conftest import LANE, Cloud, Reply

DAY_MS = 86_400_000


def read(cloud: Cloud, route: Any, account: str = "acme", **query: str) -> Reply:
    return cloud.call(get(route, claims=claims_of("[admin]"), query=query, account=account))


def test_usage_shows_the_days_with_their_meaning(cloud: Cloud) -> None:
    cloud.put_usage("acme", "2024-01-03", {"Report Created": 4, "API Call": 7, "page": 2}, users=2)
    cloud.put_usage("acme", "2024-01-30", {"api_export_*": 1})
    cloud.put_usage("acme", "2023-12-31", {"page": 1})
    cloud.put_usage("acme2", "2024-01-04", {"page": 1})

    reply = cloud.call(recorded("http_get_usage"))

    assert reply.status == 200
    assert reply.body == {
        "account": "acme",
        "from": "2024-01-01",
        "to": "2024-01-30",
        "days": [
            {
                "date": "2024-01-03",
                "events": 13,
                "active_users": 2,
                "core_actions": 4,
                "api_calls": 7,
                "by_event": {"Report Created": 4, "API Call": 7, "page": 2},
            },
            {
                "date": "2024-01-30",
                "events": 1,
                "active_users": 1,
                "core_actions": 0,
                "api_calls": 1,
                "by_event": {"api_export_*": 1},
            },
        ],
    }


def test_both_ends_of_the_range_are_included(cloud: Cloud) -> None:
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        cloud.put_usage("acme", day, {"page": 1})

    reply = read(cloud, GET_USAGE, **{"from": "2024-01-02", "to": "2024-01-03"})

    assert [day["date"] for day in reply.body["days"]] == ["2024-01-02", "2024-01-03"]


def test_an_account_without_days_in_the_range_is_known_all_the_same(cloud: Cloud) -> None:
    cloud.put_usage("acme", "2023-01-01", {"page": 1})
    Records(cloud.table["accounts"]).write_profile("only-profile", Profile(name="P"), facts=1, as_of_ms=0)

    assert read(cloud, GET_USAGE).body["days"] == []
    assert read(cloud, GET_USAGE, account="only-profile").status == 200


def test_an_unknown_account_is_not_found(cloud: Cloud) -> None:
    reply = read(cloud, GET_USAGE, account="nobody")

    assert (reply.status, reply.body["type"]) == (404, "urn:stemtide:problem:no-such-account")


def test_an_account_id_with_special_characters_is_found(cloud: Cloud) -> None:
    cloud.put_usage("a@b.example:1", ARRIVAL_DAY, {"page": 1})

    assert read(cloud, GET_USAGE, account="a%40b.example%3A1").body["account"] == "a@b.example:1"


@pytest.mark.parametrize(
    "account", ["..%2F..%2Fusage", "..%252F", "a%0d%0aSet-Cookie:x=y", "a%00", "x" * 200]
)
def test_an_id_that_is_none_is_refused_and_not_echoed(cloud: Cloud, account: str) -> None:
    reply = read(cloud, GET_USAGE, account=account)

    assert (reply.status, reply.body["parameter"]) == (400, "id")
    assert "Set-Cookie" not in json.dumps([reply.headers, reply.body])


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2024-02-01", "to": "2024-01-01"}, "from"),
        ({"from": "2020-01-01", "to": "2024-01-01"}, "from"),
        ({"form": "2024-01-01"}, "form"),
    ],
)
def test_bad_parameters_are_named(cloud: Cloud, query: dict[str, str], parameter: str) -> None:
    reply = read(cloud, GET_USAGE, **query)

    assert (reply.status, reply.body["parameter"]) == (400, parameter)


def test_an_answer_that_a_function_could_not_return_is_refused(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "MAX_BODY_BYTES", 1000)
    cloud.put_usage("acme", ARRIVAL_DAY, {"x" * 100 + str(n): 1 for n in range(10)})

    reply = read(cloud, GET_USAGE)

    assert (reply.status, reply.body["type"]) == (400, "urn:stemtide:problem:too-much")


def test_counters_are_those_of_the_contract(cloud: Cloud) -> None:
    reply = read(cloud, GET_COUNTERS)

    assert reply.status == 200
    assert reply.body == {
        "in": 0,
        "applied": 0,
        "duplicate": 0,
        "quarantined": 0,
        "forwarded": 0,
        "dead": 0,
    }


def test_the_quarantine_is_listed_page_by_page(cloud: Cloud) -> None:
    for n in range(7):
        cloud.put_quarantined(n, reason="bad_type", payload=b"{}", arrival_ms=ARRIVAL_MS - n % 2 * DAY_MS)

    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        body = read(cloud, GET_QUARANTINE, **query).body
        found += [row["id"] for row in body["quarantined"]]
        cursor, pages = body["cursor"], pages + 1

    assert len(found) == len(set(found)) == 7
    assert pages == 3


def test_the_quarantine_is_filtered_by_day_and_reason(cloud: Cloud) -> None:
    cloud.put_quarantined(1, reason="bad_type", payload=b"{}")
    cloud.put_quarantined(2, reason="bad_count", payload=b"{}")
    cloud.put_quarantined(3, reason="bad_type", payload=b"{}", arrival_ms=ARRIVAL_MS - DAY_MS)

    rows = read(cloud, GET_QUARANTINE, day=ARRIVAL_DAY, reason="bad_type").body["quarantined"]

    assert [row["detail"] for row in rows] == ["bad_type of 1"]
    assert rows[0]["at"].startswith(ARRIVAL_DAY)


def test_payloads_are_cut_in_the_list_and_whole_by_id(cloud: Cloud) -> None:
    cloud.put_quarantined(1, reason="bad_type", payload=b"short")
    cloud.put_quarantined(2, reason="bad_type", payload=b"m" * 10_000)
    cloud.put_quarantined(3, reason="too_large", payload=b"l" * 300_000)

    rows = {row["detail"][-1]: row for row in read(cloud, GET_QUARANTINE).body["quarantined"]}
    listed = {
        n: (row["payload"] and len(row["payload"]), row["payload_truncated"]) for n, row in rows.items()
    }

    assert listed == {"1": (5, False), "2": (4096, True), "3": (None, True)}
    for n, size in (("1", 5), ("2", 10_000), ("3", 300_000)):
        (whole,) = read(cloud, GET_QUARANTINE, id=rows[n]["id"]).body["quarantined"]
        assert (len(whole["payload"]), whole["payload_truncated"]) == (size, False)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "../../etc"}, "cursor"),
        ({"cursor": "e30"}, "cursor"),
        ({"id": "%%%"}, "id"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "1e1"}, "limit"),
        ({"reason": "because"}, "reason"),
        ({"day": "today"}, "day"),
    ],
)
def test_bad_filters_are_named(cloud: Cloud, query: dict[str, str], parameter: str) -> None:
    reply = read(cloud, GET_QUARANTINE, **query)

    assert (reply.status, reply.body["parameter"]) == (400, parameter)


def test_a_quarantine_id_of_nothing_is_not_found(cloud: Cloud) -> None:
    nothing = row_id("2024-01-30", f"{LANE}#{pad(1)}#00000")

    assert read(cloud, GET_QUARANTINE, id=nothing).status == 404


@pytest.mark.parametrize("place", ["", "/", "2024-01-30/", "2024-01-30/x", "x/" + "1" * 1100])
@pytest.mark.parametrize("parameter", ["id", "cursor"])
def test_what_is_no_place_in_the_quarantine_is_refused_before_the_table_is_asked(
    cloud: Cloud, parameter: str, place: str
) -> None:
    forged = base64.urlsafe_b64encode(place.encode()).decode().rstrip("=") or "="

    reply = read(cloud, GET_QUARANTINE, **{parameter: forged})

    assert (reply.status, reply.body["parameter"]) == (400, parameter)


def test_the_description_of_the_api_needs_no_token(cloud: Cloud) -> None:
    reply = cloud.call(get(GET_OPENAPI))

    assert (reply.status, reply.body["openapi"]) == (200, "3.1.0")


class Failing:
    """A table of which every call fails."""

    name = "usage"

    def __init__(self, code: str, status: int) -> None:
        self.error = ClientError(
            {
                "Error": {"Code": code, "Message": "eva@acme.example"},
                "ResponseMetadata": {"HTTPStatusCode": status},
            },
            "Query",
        )

    @property
    def meta(self) -> Any:
        return SimpleNamespace(client=self)

    def query(self, **_: Any) -> Any:
        raise self.error


def with_failing_usage(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, code: str, status: int) -> None:
    broken = dataclasses.replace(cloud.functions["api"].api(), usage_table=Failing(code, status))
    monkeypatch.setattr(cloud.functions["api"], "api", lambda: broken)


def test_a_throttled_table_is_answered_with_503(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    with_failing_usage(cloud, monkeypatch, "ProvisionedThroughputExceededException", 400)

    reply = read(cloud, GET_USAGE)

    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")


def test_an_unexpected_error_fails_the_function_and_leaks_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_failing_usage(cloud, monkeypatch, "AccessDeniedException", 400)

    with pytest.raises(UnexpectedError) as caught:
        read(cloud, GET_USAGE)

    assert caught.value.__suppress_context__
    logs = str([vars(record) for record in caplog.records])
    assert "'aws_code': 'AccessDeniedException'" in logs
    assert "eva" not in logs + str(caught.value)
