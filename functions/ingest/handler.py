"""`POST /v1/events`: producers' calls into the event stream."""

import time
from datetime import timedelta
from functools import lru_cache
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.access import POST_EVENTS
from stemtide.calls import Bounds
from stemtide.config import bundled_config
from stemtide.delivery.event_stream import EventStream
from stemtide.http.app import answer
from stemtide.http.events import EventsEdge
from stemtide.http.write_keys import WriteKeys
from stemtide.settings import IngestSettings
from stemtide.store import clients

logger = Logger(service="ingest")


@lru_cache(maxsize=1)
def edge() -> EventsEdge:
    """What takes the events, made once per process."""
    settings = IngestSettings.from_env()
    lateness = timedelta(days=bundled_config().ingest.max_lateness_days)
    return EventsEdge(
        keys=WriteKeys(
            client=clients.client("secretsmanager", config=clients.EDGE),
            secret_id=settings.write_keys_secret,
            clock=time.monotonic,
        ),
        stream=EventStream(
            client=clients.client("kinesis", config=clients.EDGE_ONE_TRY),
            name=settings.event_stream,
            sleep=time.sleep,
        ),
        bounds=Bounds(max_lateness=lateness),
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return answer(event, operations={POST_EVENTS.operation: edge().post_events}, logger=logger)
