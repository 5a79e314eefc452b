"""Everything that holds customers' data is encrypted, private, recoverable and outlives its stack."""

from typing import Any

import pytest
from stemtide import tables
from stemtide.config import load_config

from infra.bundling import CONFIGURATION
from tests.infra.assemblies import Synth


def table_named(synth: Synth, role: str) -> dict[str, Any]:
    return next(
        r for name, r in synth.all("AWS::DynamoDB::Table").items() if name.startswith(f"Tables{role.title()}")
    )


def test_every_declared_table_exists_and_no_other(synth: Synth) -> None:
    found = synth.all("AWS::DynamoDB::Table")

    assert len(found) == len(tables.ALL)


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.role)
def test_a_table_has_the_declared_keys_expiry_and_stream(synth: Synth, table: tables.Table) -> None:
    properties = table_named(synth, table.role)["Properties"]

    assert [(k["AttributeName"], k["KeyType"]) for k in properties["KeySchema"]] == [
        (table.partition_key, "HASH"),
        (table.sort_key, "RANGE"),
    ]
    assert {a["AttributeType"] for a in properties["AttributeDefinitions"]} == {"S"}
    expiry = properties.get("TimeToLiveSpecification")
    assert expiry == (table.expiry_attribute and {"AttributeName": table.expiry_attribute, "Enabled": True})
    assert properties.get("StreamSpecification") == (table.stream and {"StreamViewType": table.stream})


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.role)
def test_a_table_is_encrypted_recoverable_on_demand_and_kept(synth: Synth, table: tables.Table) -> None:
    resource = table_named(synth, table.role)

    properties = resource["Properties"]
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["DeletionProtectionEnabled"] is True
    assert resource["DeletionPolicy"] == "Retain"


def test_the_stream_is_encrypted_on_demand_and_keeps_a_week(synth: Synth) -> None:
    [stream] = synth.properties("AWS::Kinesis::Stream")

    assert stream["Name"] == "stemtide-events"
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["RetentionPeriodHours"] == 7 * 24


def test_every_bucket_is_encrypted_private_and_kept(synth: Synth) -> None:
    buckets = synth.all("AWS::S3::Bucket")

    assert len(buckets) == 4
    for bucket in buckets.values():
        properties = bucket["Properties"]
        [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"


def test_buckets_with_events_are_versioned_and_their_reads_are_logged(synth: Synth) -> None:
    holding = [p for name, p in named(synth) if "AccessLogs" not in name]

    assert len(holding) == 3
    for properties in holding:
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert properties["LoggingConfiguration"]["LogFilePrefix"]


def test_every_bucket_expires_what_nobody_needs(synth: Synth) -> None:
    for _, properties in named(synth):
        rules = properties["LifecycleConfiguration"]["Rules"]

        assert all(rule["Status"] == "Enabled" for rule in rules)
        assert any("ExpirationInDays" in rule or "NoncurrentVersionExpiration" in rule for rule in rules)


def test_a_quarantined_payload_outlives_the_row_that_names_it_by_days_only(synth: Synth) -> None:
    [archive] = [properties for name, properties in named(synth) if name.startswith("ArchiveBucket")]

    [rule] = [r for r in archive["LifecycleConfiguration"]["Rules"] if r.get("Prefix") == "quarantine/"]
    kept_days = load_config(CONFIGURATION).ingest.quarantine_retention_days
    assert rule["ExpirationInDays"] == kept_days + 3


def test_row_22_what_recomputes_read_never_expires(synth: Synth) -> None:
    [archive] = [properties for name, properties in named(synth) if name.startswith("ArchiveBucket")]

    expiring = [rule for rule in archive["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    assert {rule["Prefix"] for rule in expiring} == {"quarantine/", "sweeps/", "recomputes/"}
    assert not any("raw/".startswith(rule["Prefix"]) for rule in expiring)


def test_every_bucket_refuses_requests_without_tls(synth: Synth) -> None:
    policies = synth.properties("AWS::S3::BucketPolicy")

    assert len(policies) == 4
    for policy in policies:
        denials = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in [s["Condition"] for s in denials]


def test_what_is_protected_from_deletion_is_not_deleted_by_a_rollback(synth: Synth) -> None:
    resources = [r for t in synth.stacks.values() for r in t["Resources"].values()]

    protected = [
        r for r in resources if any("DeletionProtection" in name for name in r.get("Properties", {}))
    ]
    assert len(protected) == len(tables.ALL) + 1
    assert {r["DeletionPolicy"] for r in protected} == {"Retain"}


def test_nothing_needs_a_custom_resource(synth: Synth) -> None:
    kinds = {r["Type"] for t in synth.stacks.values() for r in t["Resources"].values()}

    assert not {kind for kind in kinds if kind.startswith("Custom::") or "CustomResource" in kind}


def named(synth: Synth) -> list[tuple[str, dict[str, Any]]]:
    return [(name, bucket["Properties"]) for name, bucket in synth.all("AWS::S3::Bucket").items()]
