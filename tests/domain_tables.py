"""Tables in moto exactly as `stemtide.tables` declares them, named by their role."""

from typing import Any

from stemtide.tables import Table


def create(client: Any, table: Table) -> None:
    """Create the table with its indexes (client of DynamoDB)."""
    named = [(table.partition_key, table.sort_key), *((i.partition_key, i.sort_key) for i in table.indexes)]
    indexes = [
        {"IndexName": one.name, "KeySchema": _keys(one), "Projection": {"ProjectionType": "ALL"}}
        for one in table.indexes
    ]
    stream = {"StreamEnabled": True, "StreamViewType": table.stream} if table.stream else None
    client.create_table(
        TableName=table.role,
        KeySchema=_keys(table),
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in dict.fromkeys(sum(named, ()))
        ],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        **({"StreamSpecification": stream} if stream else {}),
    )


def _keys(keyed: Any) -> list[dict[str, str]]:
    return [
        {"AttributeName": keyed.partition_key, "KeyType": "HASH"},
        {"AttributeName": keyed.sort_key, "KeyType": "RANGE"},
    ]
