"""Registers every payload that a consumer of the stream gave up on."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.settings import DeadLettersSettings
from stemtide.store import clients
from stemtide.store.dead_letter_intake import take_in

logger = Logger(service="dead_letters")


@lru_cache(maxsize=1)
def places() -> dict[str, Any]:
    """Bucket and table, looked up once per process."""
    settings = DeadLettersSettings.from_env()
    return {
        "s3": clients.client("s3"),
        "bucket": settings.dead_letter_bucket,
        "table": clients.table(settings.ingest_table),
    }


def handler(event: dict[str, Any], context: object) -> None:
    """Register the objects of an S3 notification."""
    for row in take_in(event, **places()):
        logger.error(
            "a consumer gave up on a batch",
            consumer=row.consumer,
            lane=row.lane,
            records=row.records,
            calls=row.events,
            condition=row.condition,
            object=row.key,
        )
