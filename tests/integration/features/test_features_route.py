"""`GET /v1/accounts/{id}/features` over real tables."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import msgspec
import pytest
from aws_lambda_powertools import Logger
from moto import mock_aws
from stemtide import tables
from stemtide.access import GET_FEATURES
from stemtide.as_of import parse_as_of
from stemtide.config import bundled_config
from stemtide.config_schema import Access, Source
from stemtide.facts import Fact, fold_facts
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import NAMES, registry
from stemtide.fold import fold
from stemtide.http.app import answer
from stemtide.http.features import FeatureApi
from stemtide.ports import UsageRow
from stemtide.state import EMPTY, Caps, Event, encode, id_hash
from stemtide.store import clients
from stemtide.store.records import Records
from stemtide.store.scoring import ScoreTables
from stemtide.store.sources import SourceNotes
from stemtide.store.usage import DynamoUsageItems
from stemtide.users import user_hash

from tests.domain_tables import create
from tests.http_api import ARRIVAL_DAY, ARRIVAL_MS, claims_of, get
from tests.integration.http.conftest import LANE, Reply, check_answer

CARLA = "carla@acme.example"


class Served:
    """The route on its tables."""

    def __init__(self) -> None:
        self.client = boto3.client("dynamodb")
        for table in tables.ALL:
            create(self.client, table)
        resource = clients.dynamodb()
        self.records = Records(resource.Table("accounts"))
        self.tables = ScoreTables(
            usage=resource.Table("usage"),
            accounts=resource.Table("accounts"),
            ingest=resource.Table("ingest"),
            config=bundled_config(),
        )
        self.api = FeatureApi(tables=self.tables, basis=lambda _: Basis.of(bundled_config()))

    def read(self, account: str = "acme", *, group: str = "[admin]", **query: str) -> Reply:
        event = get(GET_FEATURES, claims=claims_of(group), query=query, account=account)
        found = answer(event, operations=self.api.operations(), logger=Logger(service="test"))
        reply = Reply(found["statusCode"], found["headers"], msgspec.json.decode(found["body"]))
        check_answer(GET_FEATURES.path, "GET", reply)
        return reply

    def put_usage(self, day: str, name: str, weight: int, account: str = "acme") -> None:
        event = Event(
            sequence=1,
            id_hash=id_hash(name),
            user=user_hash("ann"),
            name=name,
            at_ms=parse_as_of(day),
            weight=weight,
        )
        state = fold(EMPTY, [event], lane=LANE, caps=Caps()).state
        row = UsageRow(
            account=account,
            sort=day,
            version=1,
            blob=encode(state),
            events=state.events,
            expires_at=4_000_000_000,
        )
        DynamoUsageItems(client=self.client, table_name="usage").put(row)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield Served()


def by_name(reply: Reply) -> dict[str, Any]:
    return {feature["name"]: feature for feature in reply.body["features"]}


def test_features_are_shown_with_values_and_words(served: Served) -> None:
    served.put_usage("2024-01-10", "API Call", 100)
    served.put_usage("2024-01-20", "API Call", 50)
    served.put_usage("2024-01-25", "API Call", 19)

    reply = served.read(as_of="2024-01-27")

    assert reply.status == 200
    assert reply.body["account"] == "acme"
    assert reply.body["as_of"] == "2024-01-27T23:59:59.999Z"
    assert reply.body["registry"] == registry().hash
    assert [feature["name"] for feature in reply.body["features"]] == list(NAMES)
    assert by_name(reply)["api_change_7d"] == {
        "name": "api_change_7d",
        "label": "API calls, week over week",
        "value": -0.62,
        "unit": "relative change",
        "windows": [7, 14],
        "source": "usage",
        "text": "API calls down 62 % against the week before",
    }
    assert by_name(reply)["mrr"]["value"] is None
    assert by_name(reply)["mrr"]["text"] == "monthly recurring revenue is unknown"
    known = [feature for feature in reply.body["features"] if feature["value"] is not None]
    assert reply.body["completeness"] == len(known) / len(NAMES)


def test_the_day_of_the_request_is_not_over(served: Served) -> None:
    served.put_usage("2024-01-28", "page", 3)
    served.put_usage(ARRIVAL_DAY, "page", 900)

    reply = served.read()

    assert reply.body["as_of"].startswith(ARRIVAL_DAY)
    assert by_name(reply)["avg_events_7d"]["value"] == 3 / 2
    assert by_name(reply)["days_since_last_event"]["value"] == 1


def test_what_became_known_later_is_not_seen(served: Served) -> None:
    late = Fact(
        id="a" * 12,
        known_ms=parse_as_of("2024-01-20"),
        at_ms=0,
        kind="traits",
        data={"seats": 5, "mrr": 9900},
    )
    served.records.put_facts("acme", [late])
    served.put_usage("2024-01-10", "page", 1)

    before, after = (by_name(served.read(as_of=day))["mrr"]["value"] for day in ("2024-01-19", "2024-01-20"))

    assert (before, after) == (None, 99.0)


def test_an_account_that_is_only_known_from_facts_has_features_too(served: Served) -> None:
    fact = Fact(id="b" * 12, known_ms=0, at_ms=0, kind="traits", data={"mrr": 100})
    served.records.put_facts("acme", [fact])

    reply = served.read()

    assert by_name(reply)["mrr"]["value"] == 1.0
    assert by_name(reply)["history_days"]["value"] == 0


def test_each_source_is_shown_with_what_is_known_of_it_and_how_lately(served: Served) -> None:
    notes = SourceNotes(served.tables.ingest)
    for day in ("2024-01-20T10:00:00Z", "2024-01-21T10:00:00Z"):
        notes.note({Source.CRM: parse_as_of(day), Source.BILLING: parse_as_of(day)})
    fact = Fact(id="b" * 12, known_ms=0, at_ms=0, kind="traits", data={"mrr": 100, "plan": "pro"})
    served.records.put_facts("acme", [fact])

    reply = served.read(as_of="2024-01-20T10:45:00Z")
    earlier = served.read(as_of="2024-01-01")

    found = {source["source"]: source for source in reply.body["sources"]}
    assert list(found) == ["stream", "tickets", "crm", "billing", "nps"]
    seen = {"connected": True, "last_seen": "2024-01-20T10:00:00.000Z"}
    assert found["crm"] == seen | {"source": "crm", "limit_s": 1800, "fresh": False, "completeness": 1.0}
    assert found["billing"] == seen | {
        "source": "billing",
        "limit_s": 3600,
        "fresh": True,
        "completeness": 1 / 11,
    }
    assert found["nps"] == {
        "source": "nps",
        "connected": False,
        "last_seen": None,
        "limit_s": 86_400,
        "fresh": None,
        "completeness": 0.0,
    }
    assert {one["fresh"] for one in earlier.body["sources"]} == {None}


def test_an_unknown_account_is_not_found(served: Served) -> None:
    reply = served.read("nobody")

    assert (reply.status, reply.body["type"]) == (404, "urn:stemtide:problem:no-such-account")


def test_an_account_that_came_later_is_known_without_features(served: Served) -> None:
    served.put_usage("2024-01-20", "page", 1)

    reply = served.read(as_of="2023-01-01")

    assert reply.status == 200
    assert [name for name, feature in by_name(reply).items() if feature["value"] is not None] == [
        "history_days"
    ]


def test_a_csm_with_own_accounts_sees_no_other(served: Served) -> None:
    own = msgspec.structs.replace(bundled_config(), access=Access(csm_scope="own"))
    served.api = replace(served.api, tables=replace(served.tables, config=own))
    for account, csm in (("mine", CARLA), ("other", "otto@acme.example")):
        served.put_usage("2024-01-20", "page", 1, account=account)
        fact = Fact(id="c" * 12, known_ms=0, at_ms=0, kind="traits", data={"csm": csm})
        served.records.put_facts(account, [fact])
        served.records.write_profile(account, fold_facts([fact], ARRIVAL_MS), facts=1, as_of_ms=ARRIVAL_MS)

    found = {account: served.read(account, group="[csm]") for account in ("mine", "other", "nobody")}

    assert [reply.status for reply in found.values()] == [200, 404, 404]
    details = [found[account].body["detail"] for account in ("other", "nobody")]
    assert details[0] == details[1]


@pytest.mark.parametrize("as_of", ["yesterday", "2024-02-30", "2024-01-31", "2999-01-01T00:00:00Z", ""])
def test_a_bad_instant_is_named(served: Served, as_of: str) -> None:
    served.put_usage("2024-01-20", "page", 1)

    reply = served.read(as_of=as_of)

    assert (reply.status, reply.body["parameter"]) == (400, "as_of")


@pytest.mark.parametrize("as_of", ["0001-01-01", "1970-01-01T00:00:00Z"])
def test_the_first_days_of_the_calendar_are_no_error(served: Served, as_of: str) -> None:
    served.put_usage("2024-01-20", "page", 1)

    assert served.read(as_of=as_of).status == 200
