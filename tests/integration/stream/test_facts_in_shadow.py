"""In shadow facts are noted and not told, and drops of use still lead to scores."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stemtide.config_shadow import Capability, Shadow
from stemtide.ports import UnavailableError
from stemtide.store.consumer_marks import has_mark
from stemtide.store.withheld import WithheldRows

from tests.stream_cloud import Cloud

EVENT = Path(__file__).parents[2] / "events" / "accounts_table_drop_and_score.json"
FAR = 4_000_000_000_000
Sent = list[dict[str, Any]]


@pytest.fixture
def delivery() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EVENT.read_text())
    return found


@pytest.fixture
def sent(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is put on the bus."""
    client = cloud.functions["publish"].places()["bus"].client
    real, found = client.put_events, []

    def put_events(**arguments: Any) -> Any:
        found.extend(arguments["Entries"])
        return real(**arguments)

    monkeypatch.setattr(client, "put_events", put_events)
    return found


@pytest.fixture
def configured(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put capabilities into shadow as `[shadow]` does."""

    def put(*capabilities: Capability) -> None:
        function = cloud.functions["publish"]
        config = function.bundled_config()
        changed = msgspec.structs.replace(config, shadow=Shadow(capabilities=capabilities))
        monkeypatch.setattr(function, "bundled_config", lambda: changed)

    return put


def account_of(delivery: dict[str, Any]) -> str:
    return str(delivery["Records"][0]["dynamodb"]["Keys"]["account"]["S"])


def withheld(cloud: Cloud, account: str) -> list[tuple[str, str, str]]:
    return [(one.event, one.reason, one.because) for one in WithheldRows(cloud.accounts).of(account, 0, FAR)]


def stamped(delivery: dict[str, Any], *names: str) -> dict[str, Any]:
    """The delivery as it is when the score says what was in shadow."""
    found = copy.deepcopy(delivery)
    for record in found["Records"]:
        image = record["dynamodb"].get("NewImage", {})
        if "assessment" in image:
            said = json.loads(image["assessment"]["S"]) | {"shadow": list(names)}
            image["assessment"]["S"] = json.dumps(said)
    return found


def test_alerts_in_shadow_keep_a_change_of_tier_from_the_bus_and_note_it(
    cloud: Cloud, delivery: dict[str, Any], sent: Sent, configured: Callable[..., None]
) -> None:
    configured(Capability.CHURN_ALERTS)

    answer = cloud.invoke("publish", delivery)

    assert answer == {"batchItemFailures": []}
    assert [entry["DetailType"] for entry in sent] == ["UsageDropDetected.shadow"]
    assert sorted(withheld(cloud, account_of(delivery))) == [
        ("RiskTierChanged", "shadow", "capability"),
        ("UsageDropDetected", "shadow", "capability"),
    ]
    last = delivery["Records"][-1]["dynamodb"]["SequenceNumber"]
    assert has_mark(cloud.ingest, "publish", last)


def test_a_redelivery_notes_nothing_twice(
    cloud: Cloud, delivery: dict[str, Any], sent: Sent, configured: Callable[..., None]
) -> None:
    configured(Capability.CHURN_ALERTS)
    cloud.invoke("publish", delivery)
    before = cloud.accounts.scan()["Items"]

    cloud.invoke("publish", delivery)

    assert cloud.accounts.scan()["Items"] == before


def test_the_score_of_a_model_in_shadow_is_told_to_nobody_and_the_drop_to_all(
    cloud: Cloud, delivery: dict[str, Any], sent: Sent
) -> None:
    cloud.invoke("publish", stamped(delivery, "model"))

    assert [entry["DetailType"] for entry in sent] == ["UsageDropDetected"]
    assert withheld(cloud, account_of(delivery)) == [("RiskTierChanged", "shadow", "model")]


def test_a_capability_that_left_shadow_since_the_score_is_told(
    cloud: Cloud, delivery: dict[str, Any], sent: Sent
) -> None:
    cloud.invoke("publish", stamped(delivery, "churn_alerts"))

    assert [entry["DetailType"] for entry in sent] == ["UsageDropDetected", "RiskTierChanged"]
    assert withheld(cloud, account_of(delivery)) == []


@pytest.mark.parametrize(
    "capability", [one for one in Capability if one is not Capability.CHURN_ALERTS], ids=str
)
def test_capabilities_that_do_not_follow_a_fact_hold_nothing_back(
    cloud: Cloud,
    delivery: dict[str, Any],
    sent: Sent,
    configured: Callable[..., None],
    capability: Capability,
) -> None:
    configured(capability)

    cloud.invoke("publish", delivery)

    assert [entry["DetailType"] for entry in sent] == ["UsageDropDetected", "RiskTierChanged"]


def test_what_cannot_be_noted_comes_again_and_is_not_told_meanwhile(
    cloud: Cloud,
    delivery: dict[str, Any],
    sent: Sent,
    configured: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured(Capability.CHURN_ALERTS)
    sequences = [record["dynamodb"]["SequenceNumber"] for record in delivery["Records"]]

    def unavailable(*_: Any) -> bool:
        raise UnavailableError("busy")

    with monkeypatch.context() as patch:
        patch.setattr(WithheldRows, "put", unavailable)
        answer = cloud.invoke("publish", delivery)

    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in sequences]}
    assert sent == []
    assert not has_mark(cloud.ingest, "publish", sequences[-1])
