"""DynamoDB tables of the contract tests."""

from __future__ import annotations

from typing import Any


def make_table(dynamodb: Any, name: str) -> None:
    """An on-demand table with a string and a number as key, and a stream."""
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
    """Every item."""
    return [
        item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]
    ]
