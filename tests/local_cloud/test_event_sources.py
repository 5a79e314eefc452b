"""Event source mappings on streams behave as the Lambda developer guide says."""

from __future__ import annotations

import json
import re

import pytest

from tests.local_cloud.consumers import Cloud, numbers
from tests.local_cloud.emulator_process import ACCOUNT, Emulator, eventually

DISCARD_KEY = (
    r"aws/lambda/{esm}/shardId-000000000000/\d{{4}}/\d\d/\d\d/"
    r"\d{{4}}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{{36}}"
)


@pytest.fixture(scope="module")
def cloud(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    return Cloud(emulator, tmp_path_factory.mktemp("event-sources"))


def test_a_partial_failure_is_retried_from_the_lowest_failed_record(cloud: Cloud) -> None:
    """ "Lambda uses the record with the lowest sequence number as the checkpoint. Lambda then retries all
    records starting from that checkpoint." """
    source = cloud.stream("partial")
    trace = cloud.consumer("partial", MODE="partial")
    cloud.put("partial", *numbers(0, 1, 2), {"n": 3, "fail": 2}, {"n": 4, "fail": 1}, *numbers(5))

    cloud.map("partial", source, FunctionResponseTypes=["ReportBatchItemFailures"])

    eventually(lambda: len(trace.batches()) == 3)
    assert trace.batches() == [[0, 1, 2, 3, 4, 5], [3, 4, 5], [3, 4, 5]]


def test_a_poison_record_is_isolated_and_kept_with_its_payload(cloud: Cloud) -> None:
    """BisectBatchOnFunctionError: "splits a failed batch into two smaller batches, isolating bad records.
    Splitting a batch doesn't consume the retry quota"; MaximumRetryAttempts; "for Amazon S3 destinations,
    Lambda also sends the entire invocation record along with the metadata", and S3 event notifications fire
    for the object."""
    source = cloud.stream("poison")
    trace = cloud.consumer("poison")
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    s3.create_bucket(Bucket="dead")
    queue = sqs.create_queue(QueueName="dead-arrivals")["QueueUrl"]
    s3.put_bucket_notification_configuration(
        Bucket="dead",
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead-arrivals",
                    "Events": ["s3:ObjectCreated:*"],
                }
            ]
        },
    )
    cloud.put("poison", *numbers(0, 1, 2, 3, 4), {"n": 5, "fail": 99}, *numbers(6, 7))

    esm = cloud.map(
        "poison",
        source,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::dead"}},
    )

    found = eventually(lambda: s3.list_objects_v2(Bucket="dead").get("Contents"))
    eventually(lambda: trace.batches()[-1] == [6, 7])
    assert trace.batches() == [
        [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [5], [6, 7],
    ]  # fmt: skip
    assert re.fullmatch(DISCARD_KEY.format(esm=esm), found[0]["Key"])
    body = json.loads(s3.get_object(Bucket="dead", Key=found[0]["Key"])["Body"].read())
    payload = json.loads(body["payload"])["Records"]
    assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert body["responseContext"]["functionError"] == "Unhandled"
    assert body["KinesisBatchInfo"]["batchSize"] == 1
    assert body["KinesisBatchInfo"]["startSequenceNumber"] == payload[0]["kinesis"]["sequenceNumber"]
    messages = eventually(
        lambda: [
            message
            for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            if found[0]["Key"] in message["Body"]
        ]
    )
    assert len(messages) == 1


def test_a_queue_as_destination_gets_the_metadata_without_the_records(cloud: Cloud) -> None:
    """ "Each record sent to the destination is a JSON document containing metadata about the failed
    invocation." """
    source = cloud.stream("to-queue")
    cloud.consumer("to-queue")
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
    cloud.put("to-queue", {"n": 1, "fail": 99})

    cloud.map(
        "to-queue",
        source,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:{ACCOUNT}:failures"}},
    )

    message = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
    body = json.loads(message["Body"])
    assert body["requestContext"]["approximateInvokeCount"] == 1
    assert body["KinesisBatchInfo"]["streamArn"] == source
    assert "payload" not in body


def test_child_shards_are_read_from_their_begin_after_the_parent(cloud: Cloud) -> None:
    """After a split Lambda works the parent shard off before its children, each from its first record; the
    parent is closed and its records stay readable."""
    source = cloud.stream("split")
    trace = cloud.consumer("split")
    kinesis = cloud.client("kinesis")
    cloud.map("split", source, StartingPosition="LATEST", BatchSize=2)
    cloud.put("split", {"n": 0, "fail": 3}, *numbers(1, 2, 3, 4))

    kinesis.split_shard(
        StreamName="split", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    cloud.put("split", *[{"n": number, "key": f"key-{number}"} for number in range(10, 30)])

    eventually(lambda: set(trace.seen()) == {*range(5), *range(10, 30)})
    parents = [index for index, batch in enumerate(trace.batches()) if batch[0] < 10]
    children = [index for index, batch in enumerate(trace.batches()) if batch[0] >= 10]
    assert max(parents) < min(children)
    shards = kinesis.list_shards(StreamName="split")["Shards"]
    assert [shard["SequenceNumberRange"].get("EndingSequenceNumber") is None for shard in shards] == [
        False,
        True,
        True,
    ]


def test_a_merged_shard_is_read_after_both_its_parents(cloud: Cloud) -> None:
    """MergeShards: the child has a ParentShardId and an AdjacentParentShardId; both are read to their end
    first."""
    source = cloud.stream("merge", shards=2)
    trace = cloud.consumer("merge")
    kinesis = cloud.client("kinesis")
    cloud.put("merge", *[{"n": number, "key": f"key-{number}"} for number in range(20)])
    kinesis.merge_shards(
        StreamName="merge",
        ShardToMerge="shardId-000000000000",
        AdjacentShardToMerge="shardId-000000000001",
    )
    cloud.put("merge", *numbers(100, 101))

    cloud.map("merge", source)

    eventually(lambda: len(trace.seen()) == 22)
    assert trace.batches()[-1] == [100, 101]


def test_only_records_that_match_a_filter_reach_the_function(cloud: Cloud) -> None:
    """Event filtering: Kinesis data is decoded before the filter is applied to it; records that do not match
    are dropped, and processing goes on after them."""
    source = cloud.stream("filtered")
    trace = cloud.consumer("filtered")
    pattern = json.dumps({"data": {"kind": ["wanted"], "value": [{"numeric": [">", 5]}]}})
    cloud.put(
        "filtered",
        *numbers(*range(150), kind="other", value=9),
        {"n": 200, "kind": "wanted", "value": 9},
        {"n": 201, "kind": "wanted", "value": 1},
        *numbers(*range(300, 450), kind="other", value=9),
        {"n": 500, "kind": "wanted", "value": 6},
    )

    cloud.map("filtered", source, FilterCriteria={"Filters": [{"Pattern": pattern}]}, BatchSize=10)

    eventually(lambda: 500 in trace.seen())
    assert trace.seen() == [200, 500]


def test_a_batching_window_gathers_records_that_come_one_by_one(cloud: Cloud) -> None:
    """MaximumBatchingWindowInSeconds: Lambda gathers records until the window is over, the batch is full, or
    its payload reaches 6 MB."""
    source = cloud.stream("window")
    trace = cloud.consumer("window")
    cloud.map("window", source, MaximumBatchingWindowInSeconds=300, BatchSize=5)
    for number in range(5):
        cloud.put("window", {"n": number})

    eventually(trace.seen)

    assert trace.batches() == [[0, 1, 2, 3, 4]]


def test_a_window_that_is_over_hands_on_what_there_is(cloud: Cloud) -> None:
    source = cloud.stream("over")
    trace = cloud.consumer("over")
    cloud.map("over", source, MaximumBatchingWindowInSeconds=1, BatchSize=5)
    cloud.put("over", {"n": 0})

    eventually(trace.seen)

    assert trace.batches() == [[0]]


def test_a_full_batch_does_not_wait_for_its_window(cloud: Cloud) -> None:
    """The batch's size, its payload or its window: whichever is reached first."""
    source = cloud.stream("full")
    trace = cloud.consumer("full")
    cloud.map("full", source, MaximumBatchingWindowInSeconds=300, BatchSize=3)

    cloud.put("full", *numbers(0, 1, 2, 3, 4))

    eventually(trace.seen)
    assert trace.batches() == [[0, 1, 2]]


def test_a_table_stream_is_read_in_order_with_partial_failures(cloud: Cloud) -> None:
    """DynamoDB streams: records come in the sequence of the modifications to an item; partial batch responses
    work as with Kinesis."""
    dynamodb = cloud.client("dynamodb")
    table = dynamodb.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    trace = cloud.consumer("things", MODE="partial")
    for number in range(4):
        fails = {"fail": {"N": "1"}} if number == 2 else {}
        dynamodb.put_item(TableName="things", Item={"pk": {"S": "a"}, "n": {"N": str(number)}, **fails})

    cloud.map("things", table["LatestStreamArn"], FunctionResponseTypes=["ReportBatchItemFailures"])

    eventually(lambda: len(trace.batches()) == 2)
    assert trace.batches() == [[0, 1, 2, 3], [2, 3]]
