"""What was acknowledged is there after `kill -9`, as AWS's durable services promise."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.local_cloud.emulator_process import Emulator, eventually, records_of
from tests.local_cloud.tables import make_table, scan_all


@pytest.fixture(scope="module")
def killed(mortal: Emulator) -> Killed:
    """One kill after one acknowledged write of every kind; the tests below look at what is left."""
    before = Killed(mortal)
    before.write_streams()
    before.write_tables()
    before.write_objects()
    before.write_control_plane()
    mortal.restart_after_kill()
    return before


class Killed:
    """What was written before the kill, and the emulator after it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.sequences: list[str] = []
        self.items: list[dict[str, Any]] = []
        self.oldest_version = ""
        self.queue = self.queue_arn = self.pool = self.message = ""

    def write_streams(self) -> None:
        kinesis = self.emulator.client("kinesis")
        for stream in ("sequence", "again"):
            kinesis.create_stream(StreamName=stream, ShardCount=1)
            self.sequences = [put(kinesis, stream, n) for n in range(3)]
        self.sequences = [record["SequenceNumber"] for record in records_of(kinesis, "sequence")]
        kinesis.delete_stream(StreamName="again")
        kinesis.create_stream(StreamName="again", ShardCount=1)

    def write_tables(self) -> None:
        dynamodb = self.emulator.client("dynamodb")
        for table in ("ways", "tokens", "changes", "again", "refused"):
            make_table(dynamodb, table)
        write_in_every_way(dynamodb, "ways")
        self.items = scan_all(dynamodb, "ways")
        dynamodb.transact_write_items(**TRANSACTION)
        for n in range(3):
            dynamodb.put_item(TableName="changes", Item={"pk": {"S": "a"}, "sk": {"N": str(n)}})
        dynamodb.put_item(TableName="again", Item=KEY)
        dynamodb.delete_table(TableName="again")
        make_table(dynamodb, "again")
        dynamodb.put_item(TableName="refused", Item=KEY)
        with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.put_item(
                TableName="refused",
                Item={**KEY, "v": {"N": "2"}},
                ConditionExpression="attribute_not_exists(pk)",
            )

    def write_objects(self) -> None:
        s3, sqs = self.emulator.client("s3"), self.emulator.client("sqs")
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        self.queue = sqs.create_queue(QueueName="kept")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]
        self.queue_arn = attributes["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": allow_sending(self.queue_arn)})
        target = {"QueueArn": self.queue_arn, "Events": ["s3:ObjectCreated:*"]}
        s3.put_bucket_notification_configuration(
            Bucket="kept", NotificationConfiguration={"QueueConfigurations": [target]}
        )
        first = s3.put_object(Bucket="kept", Key=OBJECT, Body=b"1", ContentType="application/json")
        s3.put_object(Bucket="kept", Key=OBJECT, Body=b"22", ContentType="text/csv", Metadata={"lane": "1/3"})
        self.oldest_version = first["VersionId"]

    def write_control_plane(self) -> None:
        sqs, secrets, cognito = (
            self.emulator.client(name) for name in ("sqs", "secretsmanager", "cognito-idp")
        )
        self.pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
        cognito.admin_create_user(UserPoolId=self.pool, Username="ann@example.com")
        secrets.create_secret(Name="keys", SecretString="s3cret")
        queue = sqs.create_queue(QueueName="survivor")["QueueUrl"]
        self.message = sqs.send_message(QueueUrl=queue, MessageBody="kept")["MessageId"]


KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
OBJECT = "a/ä b.json"
ADD_ONE = {"UpdateExpression": "ADD v :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
TRANSACTION = {
    "ClientRequestToken": "once",
    "TransactItems": [{"Update": {"TableName": "tokens", "Key": KEY, **ADD_ONE}}],
}


def put(kinesis: Any, stream: str, n: int) -> str:
    answer = kinesis.put_record(StreamName=stream, Data=str(n).encode(), PartitionKey="key")
    return str(answer["SequenceNumber"])


def write_in_every_way(dynamodb: Any, table: str) -> None:
    key = {name: {**KEY, "pk": {"S": name}} for name in ("put", "update", "gone", "batch", "transact")}
    dynamodb.put_item(TableName=table, Item={**key["put"], "v": {"N": "1"}})
    dynamodb.put_item(TableName=table, Item=key["gone"])
    dynamodb.update_item(TableName=table, Key=key["update"], **ADD_ONE)
    dynamodb.delete_item(TableName=table, Key=key["gone"])
    dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": key["batch"]}}]})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": key["transact"]}}])


def allow_sending(queue_arn: str) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue_arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_sequence_numbers_go_on_after_a_kill(killed: Killed) -> None:
    """ "Sequence numbers for the same partition key generally increase over time"."""
    kinesis = killed.emulator.client("kinesis")

    after = [put(kinesis, "sequence", n) for n in range(3)]

    numbers = [int(number) for number in killed.sequences + after]
    assert numbers == sorted(set(numbers))
    assert [r["SequenceNumber"] for r in records_of(kinesis, "sequence")] == killed.sequences + after


def test_every_way_of_writing_an_item_survives(killed: Killed) -> None:
    """PutItem, UpdateItem, DeleteItem, BatchWriteItem and TransactWriteItems are acknowledged alike."""
    dynamodb = killed.emulator.client("dynamodb")

    items = scan_all(dynamodb, "ways")

    assert items == killed.items
    assert {item["pk"]["S"] for item in items} == {"put", "update", "batch", "transact"}
    assert dynamodb.describe_table(TableName="ways")["Table"]["ItemCount"] == 4


def test_a_transaction_repeated_with_its_token_after_a_kill_is_applied_once(killed: Killed) -> None:
    """ "A client request token is valid for 10 minutes after the first request that uses it is completed": a
    repeated call "succeeds without changing the table"."""
    dynamodb = killed.emulator.client("dynamodb")

    dynamodb.transact_write_items(**TRANSACTION)

    assert dynamodb.get_item(TableName="tokens", Key=KEY)["Item"]["v"] == {"N": "1"}


def test_a_table_stream_keeps_its_records_and_their_order(killed: Killed) -> None:
    """ "DynamoDB Streams captures a time-ordered sequence of item-level modifications and stores this
    information for up to 24 hours"."""
    dynamodb, streams = killed.emulator.client("dynamodb"), killed.emulator.client("dynamodbstreams")

    dynamodb.put_item(TableName="changes", Item={"pk": {"S": "a"}, "sk": {"N": "3"}})

    changes = changes_of(streams, "changes")
    assert [change["Keys"]["sk"]["N"] for change in changes] == ["0", "1", "2", "3"]
    assert [int(c["SequenceNumber"]) for c in changes] == sorted({int(c["SequenceNumber"]) for c in changes})


def changes_of(streams: Any, table: str) -> list[dict[str, Any]]:
    arn = streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return [record["dynamodb"] for record in records]


def test_an_object_survives_with_type_metadata_versions_and_notifications(killed: Killed) -> None:
    """ "If a PUT request is successful, your data is safely stored": content type, user metadata, versions
    and the bucket's configuration with it."""
    s3 = killed.emulator.client("s3")

    newest = s3.get_object(Bucket="kept", Key=OBJECT)
    oldest = s3.get_object(Bucket="kept", Key=OBJECT, VersionId=killed.oldest_version)
    notifications = s3.get_bucket_notification_configuration(Bucket="kept")["QueueConfigurations"]

    assert (newest["Body"].read(), newest["ContentType"], newest["Metadata"]) == (
        b"22",
        "text/csv",
        {"lane": "1/3"},
    )
    assert (oldest["Body"].read(), oldest["ContentType"]) == (b"1", "application/json")
    assert [target["QueueArn"] for target in notifications] == [killed.queue_arn]


def test_the_notification_of_an_acknowledged_object_is_delivered(killed: Killed) -> None:
    """ "Amazon S3 event notifications are designed to be delivered at least once": a kill right after the
    object was acknowledged does not change that."""
    sqs = killed.emulator.client("sqs")

    seen = eventually(lambda: created_objects(sqs, killed.queue) or None)

    assert seen[-1]["s3"]["object"]["key"] == "a/%C3%A4+b.json"


def created_objects(sqs: Any, queue: str) -> list[dict[str, Any]]:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [record for message in messages for record in json.loads(message["Body"]).get("Records", [])]


def test_queues_secrets_and_users_survive_at_once(killed: Killed) -> None:
    """SQS "stores messages redundantly" before it acknowledges; a changed control plane is kept like data."""
    sqs, secrets, cognito = (
        killed.emulator.client(name) for name in ("sqs", "secretsmanager", "cognito-idp")
    )

    queue = sqs.get_queue_url(QueueName="survivor")["QueueUrl"]

    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["MessageId"] == killed.message
    assert secrets.get_secret_value(SecretId="keys")["SecretString"] == "s3cret"
    assert cognito.admin_get_user(UserPoolId=killed.pool, Username="ann@example.com")["Username"]


def test_what_was_deleted_stays_deleted(killed: Killed) -> None:
    """A stream or table made again under a deleted one's name is empty."""
    kinesis, dynamodb = killed.emulator.client("kinesis"), killed.emulator.client("dynamodb")

    records, items = list(records_of(kinesis, "again")), scan_all(dynamodb, "again")

    assert (records, items) == ([], [])


def test_a_refused_write_changes_nothing(killed: Killed) -> None:
    """ "If the condition evaluates to false, the operation fails", and the item stays as it was."""
    dynamodb = killed.emulator.client("dynamodb")

    items = scan_all(dynamodb, "refused")

    assert items == [KEY]


def test_a_clean_stop_keeps_everything_and_exits_with_zero(mortal: Emulator) -> None:
    """SIGTERM is how the local cloud is stopped between two days of work."""
    secrets = mortal.client("secretsmanager")
    secrets.create_secret(Name="before-stop", SecretString="kept")
    code = mortal.stop()

    mortal.start()

    assert code == 0
    assert secrets.get_secret_value(SecretId="before-stop")["SecretString"] == "kept"


def test_health_names_the_process(mortal: Emulator) -> None:
    """The control surface: who serves, and a synchronous flush."""
    with urllib.request.urlopen(f"{mortal.url}/_stemtide/health") as answer:
        health = json.load(answer)
    flushed = mortal.flush()

    assert mortal.process is not None
    assert health == {"status": "running", "pid": mortal.process.pid}
    assert flushed == {"status": "written"}
