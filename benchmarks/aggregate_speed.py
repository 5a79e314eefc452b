"""How long the aggregates take from Lambda's event to the write requests, over reading the JSON alone.

Baseline: `json.loads(base64.b64decode(data))` of each record, with which any handler in Python begins. Ours:
the whole handler on warm caches, with the real store on a client that takes each request and answers at once.
"""

import base64
import json
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from statistics import median
from typing import Any, Final, TypeVar

from stemtide.aggregate import AggregatePorts, Rules, aggregate
from stemtide.calls import Bounds
from stemtide.commit import Committer
from stemtide.ports import LedgerRow, Pace
from stemtide.repeats import Repeats
from stemtide.state import Caps
from stemtide.store.assembly import WARM_ITEMS, WARM_SKETCH_BYTES, WARM_STATE_BYTES
from stemtide.store.usage import DynamoUsageItems
from stemtide.warm import WarmCache

from benchmarks.reference_load import BATCH_EVENTS, Producer

T = TypeVar("T")
R = TypeVar("R")

WARM_UP: Final = 30
"""Batches until each account's users are known, as at any time but the first minutes of a day."""
ROUNDS: Final = 40
RULES: Final = Rules(bounds=Bounds(max_lateness=timedelta(days=180)), retention=timedelta(days=400))


class Taken:
    """A DynamoDB client that takes every put and knows no item."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def put_item(self, **request: Any) -> None:
        self.requests.append(request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        return {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        return {"Responses": {"usage": []}}


class Kept:
    """The ledger in memory."""

    def __init__(self) -> None:
        self.row: LedgerRow | None = None

    def read(self, lane: str) -> LedgerRow:
        return self.row or LedgerRow(lane=lane)

    def write(self, row: LedgerRow, *, over_mark: int) -> None:
        self.row = row


class Nothing:
    """What the reference load has none of: quarantined calls, facts, foreign keys."""

    def put(self, *_: Any) -> Any:
        raise AssertionError("the reference load is clean")

    put_facts = put

    def created_ms(self, stream_arn: str, *, arrival_ms: int, refresh: bool = False) -> int:
        return 1000


def one_by_one(step: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    """Without threads: they wait for the network, of which there is none here."""
    return [step(item) for item in items]


def ports(client: Taken) -> AggregatePorts:
    pace = Pace(remaining_ms=lambda: 60_000, pause=time.sleep, jitter=lambda: 0.5, margin_ms=10_000)
    nothing = Nothing()
    return AggregatePorts(
        committer=Committer(
            items=DynamoUsageItems(client=client, table_name="usage"),
            states=WarmCache(max_entries=WARM_ITEMS, max_bytes=WARM_STATE_BYTES),
            sketches=WarmCache(max_entries=WARM_ITEMS, max_bytes=WARM_SKETCH_BYTES),
            caps=Caps(),
            pace=pace,
        ),
        ledger=Kept(),
        quarantine=nothing,
        facts=nothing,
        repeats=Repeats(),
        stream=nothing,
        incarnations=nothing,
        pace=pace,
        side_by_side=one_by_one,
    )


def measure(make: Callable[[Producer], dict[str, Any]], *, rounds: int = ROUNDS) -> tuple[list[float], float]:
    """The ratio of each round, and our median seconds per event: processor time, the machine is shared."""
    producer, client = Producer(), Taken()
    warm = ports(client)
    ratios, ours = [], []

    def aggregated(event: dict[str, Any]) -> float:
        client.requests.clear()
        began = time.process_time()
        answer = aggregate(event, ports=warm, rules=RULES)
        took = time.process_time() - began
        if answer != {"batchItemFailures": []} or not client.requests:
            raise RuntimeError(f"the aggregates answered {answer}")
        return took

    def only_read(event: dict[str, Any]) -> float:
        began = time.process_time()
        for record in event["Records"]:
            json.loads(base64.b64decode(record["kinesis"]["data"]))
        return time.process_time() - began

    for number in range(WARM_UP + rounds):
        event = make(producer)
        if number % 2:  # by turns, so that neither always finds the other's warm memory
            base, took = only_read(event), aggregated(event)
        else:
            took, base = aggregated(event), only_read(event)
        if number >= WARM_UP:
            ratios.append(took / base)
            ours.append(took / BATCH_EVENTS)
    return ratios, median(ours)


def run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures, and what was run."""
    figures: dict[str, Any] = {}
    ran: dict[str, Any] = {"batch_events": BATCH_EVENTS, "rounds": ROUNDS}
    for name, make in (("unpacked", Producer.unpacked), ("packed50", Producer.packed)):
        ratios, seconds = measure(make)
        figures[f"aggregate.ratio_{name}"] = round(median(ratios), 3)
        figures[f"aggregate.events_per_s_{name}"] = round(1 / seconds)
        ran[f"ratio_{name}_min_max"] = [round(min(ratios), 3), round(max(ratios), 3)]
    return figures, ran


if __name__ == "__main__":
    print(run())
