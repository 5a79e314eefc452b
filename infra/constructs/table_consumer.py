"""How a function reads a table's changes: in order per item, retried within bounds, given up with payload."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct
from stemtide import limits

from infra.constructs.function import Function, acknowledge_streams

READ = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
LIST = ("dynamodb:ListStreams",)
"""What Lambda's poller does with the function's role; it lists the streams of the table."""


class TableConsumer(Construct):
    """The event source mapping from a table's stream to one function.

    One batch per shard at a time, so the changes of an item come in order.

    Args:
        table: a table whose stream is on.
        filters: patterns of Lambda's event filtering, of which one must match: what the function would skip
            anyway costs no invocation. `inserted(prefix)` makes the usual one.
        window_s: how long a batch may gather.
        batch_size: changes a batch.
        partial_answers: whether the function names the changes that must come again.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: Function,
        table: dynamodb.Table,
        filters: Sequence[Mapping[str, Any]],
        given_up: s3.IBucket,
        window_s: int,
        batch_size: int = limits.MAX_BATCH_CHANGES,
        partial_answers: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        stream_arn = table.table_stream_arn
        if stream_arn is None:
            raise ValueError(f"{table.node.path} has no stream: declare it in stemtide.tables")
        function.allow(READ, stream_arn)
        function.allow(LIST, f"{table.table_arn}/stream/*")
        acknowledge_streams(function, table)
        function.allow(["s3:ListBucket"], given_up.bucket_arn)
        function.allow_objects(["s3:PutObject"], given_up, prefix="")
        patterns = [
            lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(one, sort_keys=True))
            for one in filters
        ]
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=function.function_name,
            event_source_arn=stream_arn,
            starting_position="TRIM_HORIZON",
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(filters=patterns),
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_s,
            parallelization_factor=1,
            function_response_types=["ReportBatchItemFailures"] if partial_answers else None,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=limits.MAX_RETRIES,
            maximum_record_age_in_seconds=int(limits.MAX_CHANGE_AGE.total_seconds()),
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=given_up.bucket_arn)
            ),
        )
        mapping.node.add_dependency(function.permissions)  # Lambda tries the role when the mapping is made


def inserted(*, key: str, prefix: str) -> dict[str, Any]:
    """The filter for new items whose sort key begins with `prefix`."""
    return {"eventName": ["INSERT"], "dynamodb": {"Keys": {key: {"S": [{"prefix": prefix}]}}}}
