"""Event source mappings over time: throttled, measured, paused, moved, refused, made by a template."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.consumers import Cloud, numbers
from tests.local_cloud.emulator_process import ACCOUNT, Emulator, eventually


@pytest.fixture(scope="module")
def cloud(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    return Cloud(emulator, tmp_path_factory.mktemp("mappings"))


def test_throttling_uses_up_no_retries(cloud: Cloud) -> None:
    """ "If Lambda is unable to invoke the function due to throttling, it retries until the records expire or
    exceed the maximum age": MaximumRetryAttempts counts function errors only."""
    source = cloud.stream("throttled")
    trace = cloud.consumer("throttled")
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
    cloud.map("throttled", source, MaximumRetryAttempts=0)
    cloud.put("throttled", *numbers(1))
    eventually(lambda: metric_sum(cloud, "Throttles", "throttled") >= 2)

    client.delete_function_concurrency(FunctionName="throttled")

    eventually(lambda: trace.seen() == [1])


def test_mapped_invocations_appear_in_the_metrics(cloud: Cloud) -> None:
    """AWS/Lambda Invocations, Errors and IteratorAge are emitted for event source mappings, too."""
    source = cloud.stream("measured")
    trace = cloud.consumer("measured")
    cloud.map("measured", source)
    cloud.put("measured", {"n": 1, "fail": 1})

    eventually(lambda: len(trace.batches()) == 2)

    eventually(lambda: metric_sum(cloud, "Invocations", "measured") == 2)
    assert metric_sum(cloud, "Errors", "measured") == 1
    assert metric_sum(cloud, "IteratorAge", "measured") > 0


def test_a_disabled_mapping_resumes_where_it_was(cloud: Cloud) -> None:
    """Enabled=false pauses polling and invocation; the mapping keeps its position."""
    source = cloud.stream("paused")
    trace = cloud.consumer("paused")
    client = cloud.client("lambda")
    esm = cloud.map("paused", source)
    cloud.put("paused", *numbers(1))
    eventually(lambda: trace.seen() == [1])
    client.update_event_source_mapping(UUID=esm, Enabled=False)
    other = cloud.consumer("paused-witness")
    cloud.put("paused", *numbers(2))
    cloud.map("paused-witness", source)
    eventually(lambda: other.seen() == [1, 2])

    client.update_event_source_mapping(UUID=esm, Enabled=True)

    eventually(lambda: len(trace.seen()) == 2)
    assert trace.seen() == [1, 2]


def test_a_stream_created_again_is_read_from_its_begin(cloud: Cloud) -> None:
    """A deleted stream's records are gone; a stream of the same name is another one, read from the mapping's
    starting position."""
    source = cloud.stream("again")
    trace = cloud.consumer("again")
    cloud.map("again", source)
    cloud.put("again", *numbers(1))
    eventually(lambda: trace.seen() == [1])
    cloud.client("kinesis").delete_stream(StreamName="again")

    cloud.stream("again")
    cloud.put("again", *numbers(2))

    eventually(lambda: trace.seen() == [1, 2])


def test_at_timestamp_skips_what_arrived_before(cloud: Cloud) -> None:
    """StartingPosition AT_TIMESTAMP: records are processed from a specific time on."""
    source = cloud.stream("at-time")
    trace = cloud.consumer("at-time")
    cloud.put("at-time", *numbers(1))
    kinesis = cloud.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName="at-time", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    first = kinesis.get_records(ShardIterator=iterator)["Records"][0][
        "ApproximateArrivalTimestamp"
    ].timestamp()
    cloud.put("at-time", *numbers(2))

    cloud.map("at-time", source, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=first + 0.001)

    eventually(lambda: trace.seen() == [2])


def test_a_filter_takes_a_field_for_absent_when_its_parent_is(cloud: Cloud) -> None:
    """ "The Exists operator only works on leaf nodes": asked of a typed attribute, `exists: false` matches
    images that lack the attribute."""
    source = cloud.stream("unmarked")
    trace = cloud.consumer("unmarked")
    unmarked = {"data": {"mark": {"BOOL": [{"exists": False}]}}}
    cloud.map("unmarked", source, FilterCriteria={"Filters": [{"Pattern": json.dumps(unmarked)}]})

    cloud.put("unmarked", {"n": 1}, {"n": 2, "mark": {"BOOL": True}}, {"n": 3, "mark": {}})

    eventually(lambda: trace.seen() == [1, 3])


def test_a_tumbling_window_is_refused_instead_of_ignored(cloud: Cloud) -> None:
    """Not supported here; AWS would aggregate state over the window."""
    source = cloud.stream("tumbling")
    cloud.consumer("tumbling")

    with pytest.raises(ClientError, match="TumblingWindowInSeconds"):
        cloud.map("tumbling", source, TumblingWindowInSeconds=30)


def metric_sum(cloud: Cloud, name: str, function: str) -> float:
    statistics = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86400 * 365 * 10,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in statistics["Datapoints"]))


TEMPLATE = {
    "Resources": {
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": "by-template",
                "EventSourceArn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/by-template",
                "StartingPosition": "TRIM_HORIZON",
                "BisectBatchOnFunctionError": "true",
                "MaximumRetryAttempts": "0",
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        }
    }
}


def test_a_mapping_made_by_cloudformation_behaves_alike(cloud: Cloud) -> None:
    """AWS::Lambda::EventSourceMapping; BatchSize "Amazon Kinesis - Default 100"."""
    cloud.stream("by-template")
    trace = cloud.consumer("by-template", MODE="partial")
    cloud.put("by-template", *numbers(0, 1), {"n": 2, "fail": 99}, *numbers(3))
    cloudformation = cloud.client("cloudformation")

    cloudformation.create_stack(StackName="by-template", TemplateBody=json.dumps(TEMPLATE))

    eventually(lambda: 3 in [batch[0] for batch in trace.batches()])
    assert trace.batches() == [[0, 1, 2, 3], [2, 3], [2], [3]]
    mapping = cloud.client("lambda").list_event_source_mappings(FunctionName="by-template")
    assert mapping["EventSourceMappings"][0]["BatchSize"] == 100
