"""From calls in the stream over facts to the profile of the record."""

from datetime import timedelta
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from stemtide.facts import fold_facts
from stemtide.ports import UnavailableError
from stemtide.store.consumer_marks import has_mark
from stemtide.store.counters import read_counters
from stemtide.store.records import Records

from tests.stream_cloud import QUEUE, Cloud
from tests.streams import ARRIVAL, call, event, record


def group(message_id: str, account: str = "acme", **traits: Any) -> dict[str, Any]:
    fields = {"event": None, "context": None, "userId": None}
    return call(message_id, type="group", groupId=account, traits=traits, **fields)


def started(message_id: str, **properties: Any) -> dict[str, Any]:
    return call(message_id, event="Subscription Started", userId=None, properties=properties)


def changes_of(cloud: Cloud, start: int = 1) -> dict[str, Any]:
    """The delivery of the accounts table's stream that tells of all its facts."""
    typed = TypeSerializer().serialize
    items = [item for item in cloud.accounts.scan()["Items"] if item["item"].startswith("fact#")]
    records = [
        {
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {name: typed(item[name]) for name in ("account", "item")},
                "NewImage": {name: typed(value) for name, value in item.items()},
                "SequenceNumber": str(number),
            },
        }
        for number, item in enumerate(items, start)
    ]
    return {"Records": records}


def test_calls_become_the_profile_of_the_record(cloud: Cloud) -> None:
    batch = {
        "batch": [group("m-1", csm="Carla@acme.example", seats="many"), started("m-2", plan="pro", mrr=5)]
    }
    cloud.deliver(event(record(batch, at=1), record(group("m-3", account="bee", plan="x"), at=2, key="bee")))
    changes = changes_of(cloud)

    answer = cloud.invoke("profile", changes)

    assert answer == {"batchItemFailures": []}
    records = Records(cloud.accounts)
    acme, bee = records.read("acme"), records.read("bee")
    assert acme is not None
    assert bee is not None
    assert (acme.profile.plan, acme.profile.mrr, acme.profile.csm) == ("pro", 5, "Carla@acme.example")
    assert [problem.name for problem in acme.problems] == ["seats"]
    assert bee.profile.plan == "x"
    assert [r.account for r in records.list_records(csm="carla@acme.example").records] == ["acme"]
    assert has_mark(cloud.ingest, "profile", changes["Records"][-1]["dynamodb"]["SequenceNumber"])
    assert read_counters(cloud.ingest).public()["applied"] == 3


def test_a_repeated_and_an_older_delivery_change_nothing(cloud: Cloud) -> None:
    cloud.deliver(event(record(group("m-1", plan="old"), at=1)))
    first = changes_of(cloud)
    cloud.deliver(event(record(group("m-2", plan="new"), at=2, arrival=ARRIVAL + timedelta(minutes=1))))
    cloud.invoke("profile", changes_of(cloud))
    before = cloud.accounts.scan()["Items"]

    cloud.invoke("profile", first)

    assert sorted(cloud.accounts.scan()["Items"], key=str) == sorted(before, key=str)


def test_a_fact_that_is_no_usage_is_applied_and_counts_no_event(cloud: Cloud) -> None:
    envelope = {"origin": "replay", "late_ok": True, "facts_only": True}
    said = started("m-1", plan="pro", mrr=5) | {"timestamp": "2020-01-01T00:00:00Z"}
    here = record({"batch": [said, call("m-2")], "_stemtide": envelope}, at=1)
    elsewhere = record({"batch": [started("m-9", plan="pro")], "_stemtide": envelope}, at=2, key="bee")

    cloud.deliver(event(here, elsewhere))
    (forwarded,) = [entry for entry in cloud.sent() if entry["PartitionKey"] == "acme"]
    cloud.deliver(event(record(forwarded["Data"], at=3)))

    days = cloud.usage.scan()["Items"]
    assert [(item["day"], item["events"]) for item in days] == [("2026-03-14", 1)]
    facts = Records(cloud.accounts).facts("acme")
    assert [fact.known_ms == fact.at_ms for fact in facts] == [True, True]
    assert fold_facts(facts, facts[0].known_ms).mrr == 5
    counters = read_counters(cloud.ingest)
    assert counters.public() == {
        "in": 4,
        "applied": 3,
        "duplicate": 0,
        "quarantined": 0,
        "forwarded": 1,
        "dead": 0,
    }


def test_a_subscription_that_says_nothing_usable_is_quarantined_with_the_remedy(cloud: Cloud) -> None:
    cloud.deliver(event(record(started("m-1", mrr=5), at=1)))

    (row,) = [item for item in cloud.ingest.scan()["Items"] if str(item["pk"]).startswith("quarantine#")]
    assert (row["reason"], row["account"], row["message_id"]) == ("bad_subscription", "acme", "m-1")
    assert row["detail"] == "properties.plan is None: send the name of the product that started"
    assert Records(cloud.accounts).facts("acme") == []
    assert cloud.usage.scan()["Items"] == []
    assert read_counters(cloud.ingest).unbalanced == 0


def test_an_account_that_cannot_be_read_comes_again_and_holds_up_no_other(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = ("acme", "bee", "cat")
    cloud.deliver(
        event(*(record(group(f"m-{a}", account=a, plan="p"), at=n, key=a) for n, a in enumerate(accounts)))
    )
    changes = changes_of(cloud)
    broken = next(c for c in changes["Records"] if c["dynamodb"]["Keys"]["account"]["S"] == "bee")
    read = Records.facts

    def fails(self: Records, account: str) -> Any:
        if account == "bee":
            raise UnavailableError
        return read(self, account)

    monkeypatch.setattr(Records, "facts", fails)
    answer = cloud.invoke("profile", changes)

    assert answer == {"batchItemFailures": [{"itemIdentifier": broken["dynamodb"]["SequenceNumber"]}]}
    assert [Records(cloud.accounts).exists(a) for a in accounts] == [True, False, True]


def test_a_fact_that_nobody_can_read_is_set_aside_and_holds_up_nothing(cloud: Cloud) -> None:
    cloud.accounts.put_item(
        Item={"account": "acme", "item": "fact#2026-03-14T12:00:00.000Z#00", "fact": '{"kind": 1}'}
    )

    answer = cloud.invoke("profile", changes_of(cloud))

    assert answer == {"batchItemFailures": []}
    (message,) = cloud.sqs.receive_message(QueueUrl=QUEUE)["Messages"]
    assert '"account":"acme"' in message["Body"]
