"""The functions that read the event stream, as AWS sees them."""

from typing import Any

from stemtide_cli.stack import Stack


def read_consumers(stack: Stack) -> list[dict[str, Any]]:
    """Each event source mapping of the stream: function, state, result of its last batch."""
    described = stack.client("kinesis").describe_stream_summary(StreamName=stack.event_stream)
    arn = described["StreamDescriptionSummary"]["StreamARN"]
    pages = stack.client("lambda").get_paginator("list_event_source_mappings").paginate(EventSourceArn=arn)
    return [
        {
            "function": mapping["FunctionArn"].split(":function:")[-1],
            "state": mapping.get("State"),
            "last_result": mapping.get("LastProcessingResult"),
        }
        for page in pages
        for mapping in page["EventSourceMappings"]
    ]
