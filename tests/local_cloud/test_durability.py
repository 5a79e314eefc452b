"""What was acknowledged is there after `kill -9`, as AWS's durable services promise."""

from __future__ import annotations

import json
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError

from tests.local_cloud.emulator_process import Emulator, eventually, records_of

KILLED = (ConnectionClosedError, EndpointConnectionError, HTTPClientError)
WRITERS = 4


def make_table(dynamodb: Any, name: str) -> None:
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )


def scan_all(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    return [item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]


def test_no_acknowledged_write_is_lost_when_the_emulator_is_killed_under_load(mortal: Emulator) -> None:
    """Kinesis: "synchronously replicates data across three Availability Zones"; DynamoDB: "when an application
    writes data to a table and receives an HTTP 200 response, all copies of the data are updated"."""
    kinesis, dynamodb = mortal.client("kinesis"), mortal.client("dynamodb")
    kinesis.create_stream(StreamName="load", ShardCount=2)
    make_table(dynamodb, "load")
    acknowledged: list[tuple[int, int]] = []
    sequences: dict[tuple[int, int], str] = {}
    enough = threading.Event()

    def write(writer: int) -> None:
        number = 0
        while True:
            try:
                batch = [{"Data": f"{writer}/{number}/{n}".encode(), "PartitionKey": str(n)} for n in range(20)]
                answer = kinesis.put_records(StreamName="load", Records=batch)
                key = {"pk": {"S": str(writer)}, "sk": {"N": str(number)}}
                dynamodb.put_item(
                    TableName="load",
                    Item={**key, "bytes": {"B": b"\x00\xff"}},
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except KILLED:
                return
            acknowledged.append((writer, number))
            sequences.update({(writer, number): record["SequenceNumber"] for record in answer["Records"]})
            if len(acknowledged) >= 200:
                enough.set()
            number += 1

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, writer) for writer in range(WRITERS)]
        assert enough.wait(20)
        mortal.kill()
        for writer in writers:
            writer.result()
    mortal.start()

    kept = {record["Data"].decode() for record in records_of(kinesis, "load")}
    wanted = {f"{writer}/{number}/{n}" for writer, number in acknowledged for n in range(20)}
    stored = {(int(item["pk"]["S"]), int(item["sk"]["N"])) for item in scan_all(dynamodb, "load")}
    assert wanted - kept == set()
    assert set(acknowledged) - stored == set()
    assert stored - set(acknowledged) <= {(writer, stored_last(stored, writer)) for writer in range(WRITERS)}


def stored_last(stored: set[tuple[int, int]], writer: int) -> int:
    return max(number for owner, number in stored if owner == writer)


def test_sequence_numbers_go_on_after_a_kill(mortal: Emulator) -> None:
    """ "Sequence numbers for the same partition key generally increase over time" and are unique per shard."""
    kinesis = mortal.client("kinesis")
    kinesis.create_stream(StreamName="sequence", ShardCount=1)
    before = [put(kinesis, "sequence", n) for n in range(3)]

    mortal.restart_after_kill()
    after = [put(kinesis, "sequence", n) for n in range(3)]

    numbers = [int(number) for number in before + after]
    assert numbers == sorted(set(numbers))
    assert [record["SequenceNumber"] for record in records_of(kinesis, "sequence")] == before + after


def put(kinesis: Any, stream: str, n: int) -> str:
    answer = kinesis.put_record(StreamName=stream, Data=str(n).encode(), PartitionKey="key")
    return str(answer["SequenceNumber"])


def test_every_way_of_writing_an_item_survives(mortal: Emulator) -> None:
    """PutItem, UpdateItem, DeleteItem, BatchWriteItem and TransactWriteItems are acknowledged alike."""
    dynamodb = mortal.client("dynamodb")
    make_table(dynamodb, "ways")
    key = {name: {"pk": {"S": name}, "sk": {"N": "1"}} for name in ("put", "update", "gone", "batch", "transact")}
    dynamodb.put_item(TableName="ways", Item={**key["put"], "v": {"N": "1"}})
    dynamodb.put_item(TableName="ways", Item=key["gone"])
    dynamodb.update_item(
        TableName="ways", Key=key["update"], UpdateExpression="ADD v :one", ExpressionAttributeValues=ONE
    )
    dynamodb.delete_item(TableName="ways", Key=key["gone"])
    dynamodb.batch_write_item(RequestItems={"ways": [{"PutRequest": {"Item": key["batch"]}}]})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "ways", "Item": key["transact"]}}])
    before = scan_all(dynamodb, "ways")

    mortal.restart_after_kill()

    assert scan_all(dynamodb, "ways") == before
    assert {item["pk"]["S"] for item in before} == {"put", "update", "batch", "transact"}
    assert dynamodb.describe_table(TableName="ways")["Table"]["ItemCount"] == 4


ONE = {":one": {"N": "1"}}


def test_a_transaction_repeated_with_its_token_after_a_kill_is_applied_once(mortal: Emulator) -> None:
    """ "A client request token is valid for 10 minutes after the first request that uses it is completed": a repeated
    call "succeeds without changing the table"."""
    dynamodb = mortal.client("dynamodb")
    make_table(dynamodb, "tokens")
    key = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    update = {"TableName": "tokens", "Key": key, "UpdateExpression": "ADD v :one", "ExpressionAttributeValues": ONE}
    request = {"ClientRequestToken": "once", "TransactItems": [{"Update": update}]}
    dynamodb.transact_write_items(**request)

    mortal.restart_after_kill()
    dynamodb.transact_write_items(**request)

    assert dynamodb.get_item(TableName="tokens", Key=key)["Item"]["v"] == {"N": "1"}


def test_a_table_stream_keeps_its_records_and_their_order(mortal: Emulator) -> None:
    """ "DynamoDB Streams captures a time-ordered sequence of item-level modifications and stores this information
    for up to 24 hours"."""
    dynamodb, streams = mortal.client("dynamodb"), mortal.client("dynamodbstreams")
    make_table(dynamodb, "changes")
    for n in range(3):
        dynamodb.put_item(TableName="changes", Item={"pk": {"S": "a"}, "sk": {"N": str(n)}})

    mortal.restart_after_kill()
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


def test_an_object_survives_with_type_metadata_versions_and_notifications(mortal: Emulator) -> None:
    """ "If a PUT request is successful, your data is safely stored": content type, user metadata, versions and the
    bucket's configuration with it."""
    s3 = mortal.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    queue = mortal.client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    arn = mortal.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    target = {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
    allow(mortal, queue, target["QueueArn"])
    s3.put_bucket_notification_configuration(
        Bucket="kept", NotificationConfiguration={"QueueConfigurations": [target]}
    )
    first = s3.put_object(Bucket="kept", Key="a/ä b.json", Body=b"1", ContentType="application/json")
    s3.put_object(Bucket="kept", Key="a/ä b.json", Body=b"22", ContentType="text/csv", Metadata={"lane": "1/3"})

    mortal.restart_after_kill()

    newest = s3.get_object(Bucket="kept", Key="a/ä b.json")
    oldest = s3.get_object(Bucket="kept", Key="a/ä b.json", VersionId=first["VersionId"])
    kept = s3.get_bucket_notification_configuration(Bucket="kept")["QueueConfigurations"][0]
    assert (newest["Body"].read(), newest["ContentType"], newest["Metadata"]) == (b"22", "text/csv", {"lane": "1/3"})
    assert (oldest["Body"].read(), oldest["ContentType"]) == (b"1", "application/json")
    assert kept["QueueArn"] == target["QueueArn"]


def allow(mortal: Emulator, queue: str, arn: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    mortal.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})


def test_queues_secrets_and_users_survive_at_once(mortal: Emulator) -> None:
    """SQS "stores messages redundantly" before it acknowledges; a changed control plane is kept like data."""
    sqs, secrets, cognito = (mortal.client(name) for name in ("sqs", "secretsmanager", "cognito-idp"))
    queue = sqs.create_queue(QueueName="survivor")["QueueUrl"]
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    cognito.admin_create_user(UserPoolId=pool, Username="ann@example.com")
    secrets.create_secret(Name="keys", SecretString="s3cret")
    sent = sqs.send_message(QueueUrl=queue, MessageBody="kept")["MessageId"]

    mortal.restart_after_kill()

    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["MessageId"] == sent
    assert secrets.get_secret_value(SecretId="keys")["SecretString"] == "s3cret"
    assert cognito.admin_get_user(UserPoolId=pool, Username="ann@example.com")["Username"]


def test_what_was_deleted_stays_deleted(mortal: Emulator) -> None:
    """A stream or table made again under a deleted one's name is empty."""
    kinesis, dynamodb = mortal.client("kinesis"), mortal.client("dynamodb")
    kinesis.create_stream(StreamName="again", ShardCount=1)
    make_table(dynamodb, "again")
    put(kinesis, "again", 1)
    dynamodb.put_item(TableName="again", Item={"pk": {"S": "a"}, "sk": {"N": "1"}})
    kinesis.delete_stream(StreamName="again")
    dynamodb.delete_table(TableName="again")
    kinesis.create_stream(StreamName="again", ShardCount=1)
    make_table(dynamodb, "again")

    mortal.restart_after_kill()

    assert list(records_of(kinesis, "again")) == []
    assert scan_all(dynamodb, "again") == []


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
    flush = urllib.request.Request(f"{mortal.url}/_stemtide/flush", method="POST")  # noqa: S310
    with urllib.request.urlopen(flush) as answer:
        flushed = json.load(answer)

    assert mortal.process is not None
    assert health == {"status": "running", "pid": mortal.process.pid}
    assert flushed == {"status": "written"}
    assert eventually(lambda: True)


def test_a_refused_request_changes_nothing_on_disk(mortal: Emulator) -> None:
    """A conditional write that fails leaves the item as it was, before and after a kill."""
    dynamodb = mortal.client("dynamodb")
    make_table(dynamodb, "refused")
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    dynamodb.put_item(TableName="refused", Item={**item, "v": {"N": "1"}})
    try:
        dynamodb.put_item(
            TableName="refused", Item={**item, "v": {"N": "2"}}, ConditionExpression="attribute_not_exists(pk)"
        )
    except ClientError as error:
        refusal = error.response["Error"]["Code"]

    mortal.restart_after_kill()

    assert refusal == "ConditionalCheckFailedException"
    assert scan_all(dynamodb, "refused") == [{**item, "v": {"N": "1"}}]
