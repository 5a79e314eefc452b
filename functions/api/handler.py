"""The read side of the HTTP API."""

from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.clock import ModelClock
from stemtide.config import bundled_config
from stemtide.http.app import answer
from stemtide.http.reads import ReadApi
from stemtide.settings import ApiSettings
from stemtide.store import clients

logger = Logger(service="api")


@lru_cache(maxsize=1)
def api() -> ReadApi:
    """What reads the tables, made once per process."""
    settings = ApiSettings.from_env()
    tables = clients.dynamodb(config=clients.EDGE)
    return ReadApi(
        config=bundled_config(),
        usage_table=tables.Table(settings.usage_table),
        accounts_table=tables.Table(settings.accounts_table),
        contacts_table=tables.Table(settings.contacts_table),
        episodes_table=tables.Table(settings.episodes_table),
        ingest_table=tables.Table(settings.ingest_table),
        s3=clients.client("s3", config=clients.EDGE),
        archive_bucket=settings.archive_bucket,
        clock=ModelClock.parse(settings.clock),
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return answer(event, operations=api().operations(), logger=logger)
