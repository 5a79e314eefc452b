"""A stream of two shards with both consumers on memory, worked off with faults, in any cut and order."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from stemtide import users
from stemtide.aggregate import Rules, aggregate
from stemtide.archive import archive
from stemtide.calls import Bounds
from stemtide.ports import OutRecord, UnavailableError
from stemtide.state import Caps, decode
from stemtide.users import Users

from tests.stream_memory import Crash, Fault, Lab
from tests.streams import ARRIVAL, event, record

RULES = Rules(bounds=Bounds(max_lateness=timedelta(days=180)), retention=timedelta(days=400))
CAPS = Caps(id_window=6, inline_users=3, event_types=4, remembered_ids=0)
DAYS = ("2026-03-14T01:00:00Z", "2026-03-13T23:00:00Z")
LANES = 2
ARRIVAL_MS = int(ARRIVAL.timestamp() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One delivery: how many records, from how far back, to which of two warm environments."""

    shard: int
    size: int
    back: int = 0
    environment: int = 0
    lost_response: bool = False


@dataclass
class World:
    """A stream of two shards, the consumers of both, and how far they have come."""

    logs: list[list[dict[str, Any]]] = field(default_factory=lambda: [[] for _ in range(LANES)])
    moved: set[str] = field(default_factory=set)
    caps: Caps = CAPS

    def __post_init__(self) -> None:
        self.lab = Lab(take=self.take, caps=self.caps)
        self.environments = [self.lab.ports(), self.lab.ports()]

    def put(self, content: Any, key: str) -> None:
        shard = int(key in self.moved)
        log = self.logs[shard]
        log.append(record(content, at=len(log) * 7 + shard, key=key, shard=shard))

    def take(self, entry: OutRecord) -> None:
        self.put(entry.data, entry.key)

    def deliver(self, at: int, turn: Round) -> int:
        """One invocation of the aggregates; the index from which Lambda goes on."""
        log, faults = self.logs[turn.shard], self.lab.faults
        batch = log[at : at + turn.size]
        other = log[at : at + turn.size // 2 + 1]
        ports = self.environments[turn.environment]
        faults.out_of_time = False
        faults.successor = lambda: survive(
            lambda: aggregate(event(*other), ports=self.environments[1 - turn.environment], rules=RULES)
        )
        try:
            response = aggregate(event(*batch), ports=ports, rules=RULES)
        except Crash:
            self.environments[turn.environment] = self.lab.ports()
            return at
        if turn.lost_response:
            return at
        sequences = [entry["kinesis"]["sequenceNumber"] for entry in log]
        failures = [sequences.index(failure["itemIdentifier"]) for failure in response["batchItemFailures"]]
        assert all(failure >= at for failure in failures[:1])
        assert len(failures) <= 1
        return failures[0] if failures else at + len(batch)

    def keep(self, shard: int, at: int, size: int) -> int:
        """One invocation of the archive."""
        batch = self.logs[shard][at : at + size]
        try:
            archive(event(*batch), ports=self.lab.archive_ports())
        except (Crash, UnavailableError):
            return at
        return at + len(batch)


def survive(run: Callable[[], Any]) -> None:
    try:
        run()
    except Crash:
        return


def data_of(entry: dict[str, Any]) -> Any:
    data = b64decode(entry["kinesis"]["data"])
    return None if data == b"poison" else msgspec.json.decode(data)


def stored(lab: Lab) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for (account, sort), row in lab.items.rows.items():
        if sort.endswith("#users"):
            continue
        state = decode(row.blob)
        present = Users(state.users)
        if state.spilled:
            present = users.decode(lab.items.rows[account, sort + "#users"].blob)
        assert row.events == state.events == sum(state.by_event.values())
        found[account, sort] = {
            "calls": state.calls,
            "by_event": state.by_event,
            "users": users.count(present),
        }
    return found


ACCOUNTS = st.sampled_from(["acme", "bee", "cat"])
FAULTS = st.lists(st.sampled_from([None, None, None, *Fault]), min_size=20, max_size=150).map(
    lambda plan: {step: fault for step, fault in enumerate(plan, 1) if fault is not None}
)
ROUNDS = st.lists(
    st.builds(
        Round,
        shard=st.integers(0, LANES - 1),
        size=st.integers(1, 9),
        back=st.integers(0, 3),
        environment=st.integers(0, 1),
        lost_response=st.booleans(),
    ),
    min_size=5,
    max_size=60,
)


def run(world: World, rounds: list[Round]) -> list[int]:
    """Deliver in the order, sizes and with the redeliveries of the rounds."""
    position = [0] * LANES
    for turn in rounds:
        at = max(0, position[turn.shard] - turn.back)
        if world.logs[turn.shard][at:]:
            position[turn.shard] = world.deliver(at, turn)
    return position


def run_to_the_end(world: World, position: list[int]) -> list[int]:
    """Deliver until nothing is left; faults end with their plan, so this does."""
    while any(position[shard] < len(world.logs[shard]) for shard in range(LANES)):
        for shard in range(LANES):
            if position[shard] < len(world.logs[shard]):
                position[shard] = world.deliver(position[shard], Round(shard=shard, size=10))
    return position
