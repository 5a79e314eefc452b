"""What the stacks ask CloudFormation for is there afterwards, and stays over a kill."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local_cloud.emulator_process import Emulator, eventually

PRIVATE = dict.fromkeys(
    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
)
STREAM_KEY = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}


def template(*, ttl: str = "expires_at") -> dict[str, Any]:
    """A table, a stream, a bucket, a generated secret, a queue, an alarm and a dashboard, with outputs."""
    table = {
        "TableName": "from-template",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": ttl, "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
    }
    stream = {
        "Name": "from-template",
        "ShardCount": 2,
        "RetentionPeriodHours": 168,
        "StreamEncryption": STREAM_KEY,
    }
    generation = {"SecretStringTemplate": "{}", "GenerateStringKey": "current", "ExcludePunctuation": True}
    bucket = {
        "BucketName": "from-template",
        "VersioningConfiguration": {"Status": "Enabled"},
        "PublicAccessBlockConfiguration": PRIVATE,
    }
    secret = {"Name": "from-template", "GenerateSecretString": generation}
    alarm = {
        "AlarmName": "from-template",
        "Namespace": "Stemtide",
        "MetricName": "Imbalance",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "EvaluationPeriods": 1,
        "Period": 60,
        "Statistic": "Maximum",
    }
    resources = {
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": stream},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": bucket},
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": secret},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "from-template"}},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
    }
    outputs = {
        "Secret": {"Value": {"Ref": "Secret"}},
        "Url": {"Value": {"Ref": "Queue"}},
        "Arn": {"Value": {"Fn::GetAtt": ["Stream", "Arn"]}},
    }
    return {"Resources": resources, "Outputs": outputs}


def deploy(emulator: Emulator, operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """Create or update the stack and return its description once it is complete."""
    cloudformation = emulator.client("cloudformation")
    getattr(cloudformation, operation)(StackName="contract", TemplateBody=json.dumps(body))

    def finished() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName="contract")["Stacks"][0]
        return stack if not stack["StackStatus"].endswith("_IN_PROGRESS") else None

    stack = eventually(finished)
    assert stack["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, stack
    return stack


@pytest.fixture(scope="module")
def stack(emulator: Emulator) -> dict[str, Any]:
    return deploy(emulator, "create_stack", template())


def test_a_tables_expiry_recovery_encryption_and_stream_are_set(
    emulator: Emulator, stack: dict[str, Any]
) -> None:
    """AWS::DynamoDB::Table: TimeToLiveSpecification "specifies the Time to Live (TTL) settings for the
    table", PointInTimeRecoverySpecification "the settings used to enable point in time recovery"."""
    dynamodb = emulator.client("dynamodb")

    expiry = dynamodb.describe_time_to_live(TableName="from-template")["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName="from-template")["ContinuousBackupsDescription"]
    table = dynamodb.describe_table(TableName="from-template")["Table"]

    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert table["SSEDescription"]["Status"] == "ENABLED"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_a_streams_encryption_and_retention_are_set(emulator: Emulator, stack: dict[str, Any]) -> None:
    """AWS::Kinesis::Stream: StreamEncryption "enables server-side encryption using an AWS KMS key"."""
    kinesis = emulator.client("kinesis")

    summary = kinesis.describe_stream_summary(StreamName="from-template")["StreamDescriptionSummary"]

    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    assert (summary["RetentionPeriodHours"], summary["OpenShardCount"]) == (168, 2)


def test_a_secret_is_generated_and_ref_gives_its_arn(emulator: Emulator, stack: dict[str, Any]) -> None:
    """AWS::SecretsManager::Secret: "Ref returns the ARN of the secret", the only form that a policy's
    resource may have; ExcludePunctuation "specifies whether to exclude punctuation characters from the
    password"."""
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    secret = emulator.client("secretsmanager").get_secret_value(SecretId=outputs["Secret"])

    assert outputs["Secret"] == secret["ARN"]
    assert len(json.loads(secret["SecretString"])["current"]) == 32
    assert json.loads(secret["SecretString"])["current"].isalnum()


def test_outputs_are_given(emulator: Emulator, stack: dict[str, Any]) -> None:
    """Outputs hold what Ref and Fn::GetAtt return."""
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    assert outputs["Arn"].endswith(":stream/from-template")
    assert outputs["Url"].endswith("/from-template")


def test_a_bucket_keeps_its_versioning_and_stays_private(emulator: Emulator, stack: dict[str, Any]) -> None:
    """AWS::S3::Bucket: VersioningConfiguration and PublicAccessBlockConfiguration."""
    s3 = emulator.client("s3")

    versioning = s3.get_bucket_versioning(Bucket="from-template")["Status"]
    blocked = s3.get_public_access_block(Bucket="from-template")["PublicAccessBlockConfiguration"]

    assert versioning == "Enabled"
    assert blocked == PRIVATE


def test_an_update_changes_the_expiry_attribute_and_keeps_the_items(
    emulator: Emulator, stack: dict[str, Any]
) -> None:
    """TimeToLiveSpecification, "update requires: no interruption"."""
    dynamodb = emulator.client("dynamodb")
    dynamodb.put_item(TableName="from-template", Item={"pk": {"S": "a"}})

    deploy(emulator, "update_stack", template(ttl="gone_at"))

    expiry = dynamodb.describe_time_to_live(TableName="from-template")["TimeToLiveDescription"]
    secret = emulator.client("secretsmanager").get_secret_value(SecretId="from-template")["SecretString"]
    assert expiry["AttributeName"] == "gone_at"
    assert len(json.loads(secret)["current"]) == 32
    assert dynamodb.scan(TableName="from-template")["Items"] == [{"pk": {"S": "a"}}]


def test_a_deployed_stack_survives_a_kill_with_its_resources(mortal: Emulator) -> None:
    """A stack in CREATE_COMPLETE is there tomorrow; so are its resources and outputs."""
    before = deploy(mortal, "create_stack", template())
    mortal.client("dynamodb").put_item(TableName="from-template", Item={"pk": {"S": "a"}})
    secret = mortal.client("secretsmanager").get_secret_value(SecretId="from-template")["SecretString"]
    flushed = mortal.flush()

    mortal.restart_after_kill()

    after = mortal.client("cloudformation").describe_stacks(StackName="contract")["Stacks"][0]
    assert flushed == {"status": "written"}
    assert (after["StackStatus"], after["Outputs"]) == ("CREATE_COMPLETE", before["Outputs"])
    assert mortal.client("dynamodb").scan(TableName="from-template")["Items"] == [{"pk": {"S": "a"}}]
    kept = mortal.client("secretsmanager").get_secret_value(SecretId="from-template")["SecretString"]
    assert kept == secret
