"""The product's ports to the stream itself: a way back into it, and when it was created."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from stemtide.ports import OutRecord

from tests.simulation.kinds import BIT
from tests.simulation.steps import Steps

BELIEVED_MS: Final = 5_000
"""How long an environment believes when the stream was created."""


class MemoryStream:
    """`ports.Stream`; `take` appends one record to the simulated stream."""

    def __init__(self, take: Callable[[Any], None], steps: Steps) -> None:
        self.take = take
        self.steps = steps

    def put(self, records: Sequence[OutRecord]) -> list[int]:
        steps = self.steps
        return self._put(records) if steps.passes() else steps.through(self._put, records)

    def _put(self, records: Sequence[OutRecord]) -> list[int]:
        refused: list[int] = []
        if self.steps.refuses_part:
            self.steps.refuses_part = False
            self.steps.around.fired |= BIT["partly refused put"]
            refused = list(range(len(records)))[::2]
        for index, record in enumerate(records):
            if index not in refused:
                self.take(record)
        return refused


class MemoryIncarnations:
    """`ports.Incarnations`: a look-up is believed for a while, and earlier incarnations are remembered."""

    def __init__(self, look_up: Callable[[], tuple[int, int]], steps: Steps) -> None:
        self.look_up = look_up
        self.steps = steps
        self.seen: list[int] = []
        self.believed_until_ms = 0

    def created_ms(self, stream_arn: str, *, arrival_ms: int, refresh: bool = False) -> int:
        now_ms, created = self.look_up()
        if refresh or now_ms >= self.believed_until_ms:
            if self.steps.passes():
                self._see(created, now_ms)
            else:
                self.steps.through(self._see, created, now_ms)
        before = [one for one in self.seen if one <= arrival_ms]
        return before[-1] if before else self.seen[-1]

    def _see(self, created: int, now_ms: int) -> None:
        if created not in self.seen:
            self.seen.append(created)
        self.believed_until_ms = now_ms + BELIEVED_MS
