"""The preflight of the payment provider: its key, who collects, and events that wait."""

from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws
from stemtide.billing.provider import PaymentProvider, ProviderRefusedError
from stemtide.config import bundled_config
from stemtide.config_billing import CollectionOwner
from stemtide.config_shadow import Capability, Shadow
from stemtide.delivery.provider_access import NoKeyError
from stemtide.ports import UnavailableError
from stemtide_cli import checks_billing
from stemtide_cli.checks import Check
from stemtide_cli.checks_billing import connected, looked_at, owner_of
from stemtide_cli.errors import CliError
from stemtide_cli.stack import Stack

from payments import standing
from payments.in_memory import Fault, InMemoryPayments
from tests.payment_benches import Bench, memory_bench

STACK = Stack(region="us-east-1", event_stream="e", event_bus="b", buckets={}, tables={})


@pytest.fixture
def bench() -> Bench:
    return memory_bench()


def seen(bench: Bench, owner: CollectionOwner) -> dict[str, Check]:
    return {check.name: check for check in looked_at(lambda: bench.port, owner)}


def provider_retries(bench: Bench) -> None:
    standing.set_dunning(bench.provider.world, owner="provider", retries_days=[3, 5], then="cancel")


def test_a_provider_that_also_collects_is_found_and_told_how_to_stop(bench: Bench) -> None:
    provider_retries(bench)
    _, _, invoice = bench.past_due()

    found = seen(bench, CollectionOwner.OWN)["collection"]

    assert found.state == "warn"
    assert "of 1 unpaid invoices the provider itself tries 1 again" in found.says
    assert invoice in found.says
    assert "Revenue recovery" in str(found.do)
    assert 'collection_owner = "assist"' in str(found.do)


def test_a_provider_that_leaves_it_to_us_is_fine(bench: Bench) -> None:
    bench.past_due()

    found = seen(bench, CollectionOwner.OWN)

    assert {name: check.state for name, check in found.items()} == {
        "payment provider": "ok",
        "collection": "ok",
    }


@pytest.mark.parametrize("owner", [CollectionOwner.ASSIST, CollectionOwner.OBSERVE])
def test_unpaid_invoices_that_nobody_collects_are_found(bench: Bench, owner: CollectionOwner) -> None:
    bench.past_due()

    found = seen(bench, owner)["collection"]

    assert found.state == "warn"
    assert 'collection_owner = "own"' in str(found.do)


def test_an_assistant_beside_a_provider_that_collects_is_fine(bench: Bench) -> None:
    provider_retries(bench)
    bench.past_due()

    assert seen(bench, CollectionOwner.ASSIST)["collection"].state == "ok"


@pytest.mark.parametrize(
    "change", [{"attempt_count": 0}, {"collection_method": "send_invoice"}, {"next_payment_attempt": None}]
)
def test_an_invoice_that_has_not_failed_or_is_not_tried_again_tells_nothing(change: dict[str, Any]) -> None:
    invoice = {
        "id": "in_1",
        "collection_method": "charge_automatically",
        "attempt_count": 1,
        "next_payment_attempt": 1_767_603_600,
    }

    assert checks_billing.collection([invoice], CollectionOwner.OWN).state == "warn"
    assert checks_billing.collection([invoice | change], CollectionOwner.OWN).state == "ok"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoKeyError("the secret s holds no api_key"), "holds no api_key"),
        (ProviderRefusedError(code=None, status=401, message="Invalid API Key"), "(401): Invalid API Key"),
        (UnavailableError("timed out"), "does not answer: timed out"),
    ],
)
def test_a_key_that_is_missing_or_refused_and_silence_are_failures(error: Exception, says: str) -> None:
    def connect() -> PaymentProvider:
        raise error

    [found] = looked_at(connect, CollectionOwner.OWN)

    assert found.state == "fail"
    assert says in found.says
    assert found.do


def test_a_read_that_gets_no_answer_is_a_failure_too(bench: Bench) -> None:
    silent = InMemoryPayments(bench.provider, faults=lambda _: Fault.UNREACHED)

    assert [check.state for check in looked_at(lambda: silent, CollectionOwner.OWN)] == ["fail"]


def test_in_shadow_dunning_only_looks_on() -> None:
    config = bundled_config()
    shadowed = msgspec.structs.replace(config, shadow=Shadow(capabilities=(Capability.DUNNING,)))

    assert owner_of(config) is config.billing.collection_owner
    assert owner_of(shadowed) is CollectionOwner.OBSERVE


@pytest.fixture
def secret() -> Iterator[str]:
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="us-east-1")
        yield str(client.create_secret(Name="key", SecretString="{}")["ARN"])


def test_on_aws_the_key_is_read_from_its_secret(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    stack = Stack(
        region="us-east-1", event_stream="e", event_bus="b", buckets={}, tables={}, provider_key_secret=secret
    )

    with pytest.raises(NoKeyError):
        connected(stack)
    client = boto3.client("secretsmanager", region_name="us-east-1")
    client.put_secret_value(SecretId=secret, SecretString='{"api_key": "rk_test_1"}')
    assert connected(stack) is not None


def test_a_stack_file_of_before_says_to_deploy_again() -> None:
    with pytest.raises(CliError, match="names no secret"):
        connected(STACK)
    with pytest.raises(CliError, match="names no billing table"):
        list(checks_billing.events(STACK))
