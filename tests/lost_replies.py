"""Replies that get lost: the request was worked off, and the SDK, which cannot know, sends it again."""

import json
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber


def lose_reply(client: Any, operation: str | None = None, *, in_progress: int = 0) -> list[str]:
    """Lose the reply to the client's next request (of an operation: `PutItem`), at moto or anywhere else.

    Whether it is repeated is up to the client's own rules.

    Args:
        in_progress: so many repetitions are told that the first request is still being worked off.

    Returns:
        The operations of that request and of these repetitions, none yet.
    """
    seen: list[str] = []

    def lose(request: Any, event_name: str, **more: Any) -> Any:
        if len(seen) > in_progress:
            return None
        seen.append(event_name.rpartition(".")[2])
        if len(seen) > 1:
            return _in_progress(request)
        answer = botocore_stubber(event_name, request, **more) or URLLib3Session().send(request)
        assert answer.status_code == 200
        raise ReadTimeoutError(endpoint_url=request.url)

    service = client.meta.service_model.service_id.hyphenize()
    of = "" if operation is None else f".{operation}"
    client.meta.events.register_first(f"before-send.{service}{of}", lose)
    return seen


def _in_progress(request: Any) -> AWSResponse:
    said = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionInProgressException"}
    return AWSResponse(request.url, 400, {}, MockRawResponse(json.dumps(said)))
