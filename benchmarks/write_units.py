"""What the aggregates' writes cost: units per 1,000 events at 50 million events a day, by real item sizes.

A sample of the accounts lives through a day: its events come at random instants, those of one window are one
group, and the product's own fold and users make the items, whose size DynamoDB bills in units of 1 KB.
Accounts are drawn by strata of their rank; what busy ones do after 60,000 events is taken from their second
half.
One window is one batch per shard: at 60 s that takes seven shards (see `reference_load`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from stemtide import users
from stemtide.fold import Memory, fold
from stemtide.ports import UsageRow
from stemtide.state import EMPTY, Caps, Event, encode
from stemtide.store.usage import put_of
from stemtide.users import NOBODY, user_hash

from benchmarks.reference_load import EVENT_TYPES, FIRST_SEQUENCE, USERS

EVENTS_A_DAY: Final = 50_000_000
EVENTS_A_USER: Final = EVENTS_A_DAY // 5_000 // USERS
WINDOWS_S: Final = (1, 10, 60)
DAY_S: Final = 86_400
LIVE_DAY: Final = "9999-12-31"
"""A day that is not over: what comes later is marked as late, and nearly nothing does."""
STRATA: Final = 40
PER_STRATUM: Final = 2
UNIFORM_SAMPLE: Final = 20
MOST_EVENTS: Final = 60_000
UNIT_BYTES: Final = 1024
DOLLARS_A_MILLION_UNITS: Final = 0.625
"""DynamoDB on demand, standard table, us-east-1, list price of 2026-11."""
CAPS: Final = Caps()


@dataclass(slots=True)
class Counted:
    """Write units and the sizes of usage items, weighted by how many accounts each stands for."""

    units: float = 0.0
    events: float = 0.0
    sizes: list[tuple[float, int]] = field(default_factory=list)


def run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures, and what was run."""
    units: dict[str, float] = {}
    reference = Counted()
    for accounts in (5_000, 100_000):
        for spread in ("uniform", "zipf"):
            for window_s in WINDOWS_S:
                counted = _scenario(accounts, spread, window_s)
                name = f"{accounts // 1000}k_{spread}_{window_s}s"
                units[name] = round(1000 * counted.units / counted.events, 1)
                if name == "5k_uniform_60s":
                    reference = counted
    figures = {
        "aggregate.write_units_per_1000": units,
        "aggregate.dollars_per_million_events": {
            name: round(value * DOLLARS_A_MILLION_UNITS / 1000, 4) for name, value in units.items()
        },
        "aggregate.item_bytes_p50": _percentile(reference.sizes, 0.5),
        "aggregate.item_bytes_p99": _percentile(reference.sizes, 0.99),
    }
    return figures, {"events_a_day": EVENTS_A_DAY, "accounts_sampled": STRATA * PER_STRATUM}


def _scenario(accounts: int, spread: str, window_s: int) -> Counted:
    source, counted = Random(f"{accounts} {spread} {window_s}"), Counted()  # noqa: S311 - a made-up load
    for rate, weight in _sample(accounts, spread):
        _live(rate, weight, window_s, source, counted)
    return counted


def _sample(accounts: int, spread: str) -> Iterator[tuple[float, float]]:
    """Events a day of some accounts, and how many accounts each stands for."""
    ranks = np.arange(1, accounts + 1)
    rates: npt.NDArray[np.float64] = np.ones(accounts) if spread == "uniform" else 1.0 / ranks
    rates *= EVENTS_A_DAY / rates.sum()
    if spread == "uniform":
        yield from [(float(rates[0]), accounts / UNIFORM_SAMPLE)] * UNIFORM_SAMPLE
        return
    edges = np.unique(np.geomspace(1, accounts + 1, STRATA + 1).astype(int))
    for first, end in pairwise(edges):
        picked = np.unique(np.linspace(first, end - 1, PER_STRATUM).astype(int))
        total = rates[first - 1 : end - 1].sum()
        for rank in picked:
            yield float(rates[rank - 1]), float(total / len(picked) / rates[rank - 1])


def _live(rate: float, weight: float, window_s: int, source: Random, counted: Counted) -> None:
    """One account's day."""
    number = _poisson(rate, source)
    span_s = DAY_S * min(1.0, MOST_EVENTS / max(number, 1))
    live = round(number * span_s / DAY_S)
    people = [user_hash(f"{source.random()}") for _ in range(max(3, round(rate / EVENTS_A_USER)))]
    state, present, units, writes = EMPTY, NOBODY, [], 0
    memory = Memory(state)
    events: list[Event] = []
    instants = sorted(source.random() * span_s for _ in range(live))
    for at, instant in enumerate(instants):
        event = Event(
            FIRST_SEQUENCE + at,
            source.randbytes(6),
            source.choice(people),
            f"Event Type {source.randrange(EVENT_TYPES):02}",
            int(instant * 1000),
            1,
        )
        events.append(event)
        if at + 1 < live and instants[at + 1] // window_s == instant // window_s:
            continue
        folded = fold(state, events, lane="1773446400000/3", caps=CAPS, memory=memory)
        memory.add(folded, caps=CAPS)
        state, events, writes = folded.state, [], writes + 1
        cost = 0
        if folded.users:
            present = users.union(present, folded.users)
            cost = _units(_bytes(users.encode(present), writes))
        size = _bytes(encode(state), writes)
        units.append(cost + _units(size))
        counted.sizes.append((weight, size))
    half = units[len(units) // 2 :]
    beyond = (DAY_S / span_s - 1) * 2 * sum(half) if half else 0.0
    counted.units += weight * (sum(units) + beyond)
    counted.events += weight * number


def _bytes(blob: bytes, version: int) -> int:
    """An item's size as DynamoDB counts it: names, text, bytes, and of numbers half their digits and one."""
    row = UsageRow(
        account="account-00042",
        sort=LIVE_DAY,
        version=version,
        blob=blob,
        events=9_999,
        expires_at=2 * 10**9,
    )
    size = 0
    for name, value in put_of(row)["Item"].items():
        ((kind, content),) = value.items()
        size += len(name) + ((len(content) + 1) // 2 + 1 if kind == "N" else len(content))
    return size


def _units(size: int) -> int:
    return math.ceil(size / UNIT_BYTES)


def _poisson(mean: float, source: Random) -> int:
    """Near enough: normal for many, exact for few."""
    if mean > 100:
        return max(0, round(source.gauss(mean, math.sqrt(mean))))
    limit, product, number = math.exp(-mean), source.random(), 0
    while product > limit:
        product *= source.random()
        number += 1
    return number


def _percentile(weighted: list[tuple[float, int]], share: float) -> int:
    ordered = sorted(weighted, key=lambda one: one[1])
    rest = share * sum(weight for weight, _ in ordered)
    for weight, size in ordered:
        rest -= weight
        if rest <= 0:
            return size
    return 0


if __name__ == "__main__":
    print(run())
