"""The functions that read the event stream and the tables' streams, as AWS sees them."""

from collections.abc import Iterator
from typing import Any

from stemtide import table_consumers

from stemtide_cli.stack import Stack
from stemtide_cli.table_streams import stream_of


def read_consumers(stack: Stack) -> list[dict[str, Any]]:
    """Each event source mapping of the streams: function, state, result of its last batch."""
    return [
        {
            "function": mapping["FunctionArn"].split(":function:")[-1],
            "state": mapping.get("State"),
            "last_result": mapping.get("LastProcessingResult"),
        }
        for arn in _streams(stack)
        for mapping in _mappings(stack, arn)
    ]


def _streams(stack: Stack) -> Iterator[str]:
    described = stack.client("kinesis").describe_stream_summary(StreamName=stack.event_stream)
    yield described["StreamDescriptionSummary"]["StreamARN"]
    for role in sorted({consumer.table for consumer in table_consumers.ALL} & set(stack.tables)):
        yield stream_of(stack, role)


def _mappings(stack: Stack, arn: str) -> Iterator[dict[str, Any]]:
    pages = stack.client("lambda").get_paginator("list_event_source_mappings").paginate(EventSourceArn=arn)
    for page in pages:
        yield from page["EventSourceMappings"]
