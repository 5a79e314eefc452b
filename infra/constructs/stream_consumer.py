"""How a function reads the event stream: in order per shard, retried within bounds, given up with payload."""

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct
from stemtide import limits

from infra.constructs.event_stream import EventStream
from infra.constructs.function import Function

READ = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
"""What Lambda's poller does with the function's role."""


class StreamConsumer(Construct):
    """The event source mapping from the stream to one function.

    One batch per shard at a time (parallelization 1): the ledger of a shard moves forward only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: Function,
        events: EventStream,
        given_up: s3.IBucket,
        window_s: int,
        partial_answers: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        function.allow(READ, events.stream.stream_arn)
        function.allow(["s3:ListBucket"], given_up.bucket_arn)
        function.allow_objects(["s3:PutObject"], given_up, prefix="")
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=function.function_name,
            event_source_arn=events.stream.stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=limits.MAX_BATCH_RECORDS,
            maximum_batching_window_in_seconds=window_s,
            parallelization_factor=1,
            function_response_types=["ReportBatchItemFailures"] if partial_answers else None,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=limits.MAX_RETRIES,
            maximum_record_age_in_seconds=int(limits.MAX_RECORD_AGE.total_seconds()),
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=given_up.bucket_arn)
            ),
        )
        mapping.node.add_dependency(function.permissions)  # Lambda tries the role when the mapping is made
