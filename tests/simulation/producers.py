"""Producers, and whoever else puts records into the stream."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from stemtide.resend import put_all

from tests.simulation import plan as p
from tests.simulation.environment import pace_of
from tests.simulation.kinds import AGGREGATE, BIT
from tests.simulation.pool import DAY_MS, Item, content_of, pool
from tests.simulation.steps import LOST, Nobody, Steps
from tests.simulation.stream import Rec
from tests.simulation.stream_ports import MemoryStream

if TYPE_CHECKING:
    from tests.simulation.world import World

APART_MS: Final = 3
"""Between two records that are put together."""
JITTER_MS: Final = 5
"""By which every other one has an earlier arrival than it came: arrivals are approximate, says Kinesis."""
BEFORE_MIDNIGHT_MS: Final = 20
"""When records are put that would come after midnight: the first few of them still come before."""


class Sent:
    """A record on its way from a producer: like `ports.OutRecord`, and with what it means."""

    __slots__ = ("b64", "data", "items", "key")

    def __init__(self, spec: p.Spec) -> None:
        self.key = spec.key
        self.items = spec.items
        self.b64: str | None = None
        if spec.batch:
            self.data = b'{"batch":[' + b",".join([item.raw for item in spec.items]) + b"]}"
        else:
            self.data = spec.items[0].raw
            self.b64 = spec.items[0].b64


class Producers:
    """Puts what a plan says, and takes what the product puts."""

    def __init__(self, world: World) -> None:
        self.world = world

    def put(self, op: p.Put) -> None:
        """Producers put records through the product's own `put_all` where something goes wrong."""
        world = self.world
        midnight = world.now_ms - world.now_ms % DAY_MS + DAY_MS
        past = world.now_ms + op.gap_ms >= midnight
        world.now_ms = midnight - BEFORE_MIDNIGHT_MS if past else world.now_ms + op.gap_ms
        world.fired |= op.kinds
        sent = [Sent(spec) for spec in op.specs]
        if op.how == p.PUT_ONCE:
            for record in sent:
                self.take(record)
            return
        alone = Nobody()
        steps = Steps(alone, AGGREGATE)
        steps.begin(((1, LOST, 1),) if op.how == p.AMBIGUOUS else (), None)
        steps.refuses_part = op.how == p.PARTLY_REFUSED
        landed: list[Any] = []
        left = put_all(sent, stream=MemoryStream(landed.append, steps), pace=pace_of(steps))  # type: ignore[arg-type]
        for record in landed:
            self.take(record)
        if left or {*map(id, sent)} - {*map(id, landed)}:
            world.wrong.append("a record that a producer put is not in the stream")
        world.fired |= BIT["ambiguous put"] if op.how == p.AMBIGUOUS else alone.fired

    def take(self, record: Any) -> None:
        """A record arrives."""
        world = self.world
        world.now_ms += APART_MS
        arrival = world.now_ms - (JITTER_MS if world.now_ms & 1 else 0)
        if isinstance(record, Sent):
            world.stream.put(record.key, record.items, arrival_ms=arrival, b64=record.b64, data=record.data)
        else:
            self._take_forwarded(record.key, record.data, arrival)

    def _take_forwarded(self, key: str, data: bytes, arrival: int) -> Rec:
        world = self.world
        call = json.loads(data)
        envelope = call.pop("_stemtide")
        item = pool().by_content.get(content_of(call))
        if item is None or item.account != key:
            world.wrong.append(f"put under {key} what nobody sent: {data!r}")
            item = Item(raw=data)
        rec = world.stream.put(key, (item,), arrival_ms=arrival, data=data)
        rec.said_ms = int(datetime.fromisoformat(envelope["arrival"]).timestamp() * 1000 + 0.5)
        rec.late_ok = bool(envelope.get("late_ok"))
        return rec

    def put_again(self, key: str, rec: Rec, data: bytes, said_ms: int) -> None:
        """A record that was given up comes again, with the arrival that it had."""
        world = self.world
        world.now_ms += APART_MS
        world.stream.put(key, rec.items, arrival_ms=world.now_ms, data=data).said_ms = said_ms
