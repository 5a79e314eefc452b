"""When the stream was created: a stream that was deleted and created anew starts lanes of its own."""

import time
from typing import Any, Final

from stemtide.ports import ThrottledError
from stemtide.store.errors import translated

TTL_S: Final = 5.0
"""How long a creation time is believed. Deleting and creating a stream takes AWS longer than that, and
one look-up per consumer in 5 s is far below the 20 a second that an account may make."""


class StreamIncarnations:
    """`ports.Incarnations` by DescribeStreamSummary (client), cached for `TTL_S`."""

    def __init__(self, *, client: Any) -> None:
        self._client = client
        self._seen: dict[str, list[int]] = {}
        self._looked_up: dict[str, float] = {}

    def created_ms(self, stream_arn: str, *, arrival_ms: int, refresh: bool = False) -> int:
        """Epoch ms of the creation of the stream that a record of this arrival came from.

        A record that arrived before the present stream existed is of the one before it, when this
        process has seen it.
        """
        if refresh or time.monotonic() - self._looked_up.get(stream_arn, -TTL_S) >= TTL_S:
            self._look_up(stream_arn)
        seen = self._seen[stream_arn]
        return max((created for created in seen if created <= arrival_ms), default=seen[-1])

    def _look_up(self, stream_arn: str) -> None:
        try:
            with translated():
                summary = self._client.describe_stream_summary(StreamARN=stream_arn)
        except ThrottledError:
            if stream_arn not in self._seen:
                raise
            return
        created = summary["StreamDescriptionSummary"]["StreamCreationTimestamp"]
        created_ms = round(created.timestamp() * 1000)
        seen = self._seen.setdefault(stream_arn, [])
        if created_ms not in seen:
            seen.append(created_ms)
        self._looked_up[stream_arn] = time.monotonic()
