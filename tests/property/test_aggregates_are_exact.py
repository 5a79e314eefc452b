"""Whatever is cut, repeated, crashed or lost on the way: the aggregates equal a recount of the stream."""

from base64 import b64decode
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide import users
from stemtide.aggregate import Rules, aggregate
from stemtide.archive import archive, merged
from stemtide.calls import Bounds, timestamp_ms
from stemtide.facts import Fact, UnusableFactError, fact_of, fold_facts
from stemtide.ports import OutRecord, UnavailableError
from stemtide.records import count_calls
from stemtide.state import Caps, decode

from tests.stream_memory import Crash, Fault, Lab
from tests.streams import ARRIVAL, FIRST_SEQUENCE, call, event, record

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


def recount(logs: list[list[dict[str, Any]]]) -> tuple[dict[tuple[str, str], dict[str, Any]], Counter[str]]:
    """The truth, by another way than the fold: all calls of the logs, one after the other."""
    days: dict[tuple[str, str], dict[str, Any]] = {}
    totals: Counter[str] = Counter()
    for entry in (entry for log in logs for entry in log):
        content = data_of(entry)
        if content is None:
            totals["quarantined"] += 1
            continue
        for one in content.get("batch", [content]):
            account = one["context"]["groupId"]
            if account != entry["kinesis"]["partitionKey"]:
                totals["forwarded"] += 1
                continue
            day = days.setdefault(
                (account, one["timestamp"][:10]),
                {"ids": deque(maxlen=CAPS.id_window), "by_event": Counter(), "users": set(), "calls": 0},
            )
            if one["messageId"] in day["ids"]:
                totals["duplicate"] += 1
                continue
            totals["applied"] += 1
            day["ids"].append(one["messageId"])
            day["calls"] += 1
            name = one["event"]
            if name not in day["by_event"] and len(day["by_event"]) >= CAPS.event_types:
                name = "other"
            day["by_event"][name] += one["properties"].get("count", 1)
            day["users"].add(one["userId"])
    return days, totals


def data_of(entry: dict[str, Any]) -> Any:
    data = b64decode(entry["kinesis"]["data"])
    return None if data == b"poison" else msgspec.json.decode(data)


def stored(lab: Lab) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for (account, sort), row in lab.items.rows.items():
        if sort.endswith("#users"):
            continue
        state = decode(row.blob)
        packed = users.decode(lab.items.rows[account, sort + "#users"].blob) if state.spilled else state.users
        assert row.events == state.events == sum(state.by_event.values())
        found[account, sort] = {
            "calls": state.calls,
            "by_event": state.by_event,
            "users": users.count(packed),
        }
    return found


ACCOUNTS = st.sampled_from(["acme", "bee", "cat"])
CALLS = st.builds(
    lambda account, number, user, name, day, weight: call(
        f"m-{number}",
        context={"groupId": account},
        userId=user,
        event=name,
        timestamp=day,
        properties={"count": weight},
    ),
    ACCOUNTS,
    st.integers(0, 12),
    st.sampled_from("abcdefgh"),
    st.sampled_from(["v", "w", "x", "y", "z", "other"]),
    st.sampled_from(DAYS),
    st.integers(1, 3),
)
RECORDS = st.one_of(
    st.tuples(ACCOUNTS, CALLS),
    st.tuples(ACCOUNTS, st.lists(CALLS, min_size=1, max_size=5).map(lambda calls: {"batch": calls})),
    st.tuples(ACCOUNTS, CALLS.map(lambda one: one)),
    st.tuples(st.just("acme"), st.just(b"poison")),
    CALLS.map(lambda one: (one["context"]["groupId"], one)),
    CALLS.map(lambda one: (one["context"]["groupId"], {"batch": [one, one]})),
)
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


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=st.lists(RECORDS, min_size=10, max_size=40),
    second=st.lists(RECORDS, max_size=15),
    faults=FAULTS,
    rounds=ROUNDS,
)
def test_the_aggregates_equal_a_recount(
    first: list[Any], second: list[Any], faults: dict[int, Fault], rounds: list[Round]
) -> None:
    world = World()
    for key, content in first:
        world.put(content, key)

    world.lab.faults.plan = faults
    position = run(world, rounds)
    position = run_to_the_end(world, position)
    world.moved = {"acme", "bee"}
    for key, content in second:
        world.put(content, key)
    run_to_the_end(world, position)

    expected, totals = recount(world.logs)
    found = stored(world.lab)
    assert found == {
        key: {"calls": day["calls"], "by_event": dict(day["by_event"]), "users": len(day["users"])}
        for key, day in expected.items()
    }
    counts = world.lab.counts()
    assert {name: counts.get(name, 0) for name in ("applied", "duplicate", "quarantined", "forwarded")} == {
        name: totals[name] for name in ("applied", "duplicate", "quarantined", "forwarded")
    }
    assert len(world.lab.quarantine.rows) == totals["quarantined"]


def same_by_id(number: int) -> dict[str, Any]:
    """The call of an id: its copies are equal, so it does not matter which one counts."""
    return call(
        f"m-{number}",
        context={"groupId": "acme"},
        userId=f"user-{number % 7}",
        event="vwxyz"[number % 5],
        timestamp=DAYS[number % 2],
        properties={"count": 1 + number % 3},
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    parent=st.lists(st.integers(0, 30), min_size=5, max_size=25),
    child=st.lists(st.integers(20, 60), min_size=5, max_size=25),
    faults=FAULTS,
    rounds=ROUNDS,
)
def test_the_lanes_of_a_split_shard_may_be_read_in_any_order(
    parent: list[int], child: list[int], faults: dict[int, Fault], rounds: list[Round]
) -> None:
    world = World(caps=Caps(id_window=200, inline_users=3))
    for number in parent:
        world.put(same_by_id(number), "acme")
    world.moved = {"acme"}
    for number in child:
        world.put(same_by_id(number), "acme")

    world.lab.faults.plan = faults
    run_to_the_end(world, run(world, rounds))
    run_to_the_end(world, [0] * LANES)

    expected: dict[tuple[str, str], dict[str, Any]] = {}
    for one in map(same_by_id, {*parent, *child}):
        day = expected.setdefault(
            ("acme", one["timestamp"][:10]), {"calls": 0, "by_event": Counter(), "users": set()}
        )
        day["calls"] += 1
        day["by_event"][one["event"]] += one["properties"]["count"]
        day["users"].add(one["userId"])
    assert stored(world.lab) == {
        key: {"calls": day["calls"], "by_event": dict(day["by_event"]), "users": len(day["users"])}
        for key, day in expected.items()
    }
    applied, total = len({*parent, *child}), len(parent) + len(child)
    counts = world.lab.counts()
    assert (counts["applied"], counts["duplicate"]) == (applied, total - applied)


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


@settings(max_examples=60, deadline=None)
@given(
    records=st.lists(RECORDS, min_size=1, max_size=20),
    faults=FAULTS,
    sizes=st.lists(st.integers(1, 6), min_size=1),
)
def test_the_archive_holds_and_counts_every_record_once(
    records: list[Any], faults: dict[int, Fault], sizes: list[int]
) -> None:
    world = World()
    for key, content in records:
        world.put(content, key)

    world.lab.faults.plan = {step: fault for step, fault in faults.items() if fault is not Fault.SUCCESSOR}
    at, turn = 0, 0
    while at < len(world.logs[0]):
        at = world.keep(0, at, sizes[turn % len(sizes)])
        turn += 1

    log = [entry["kinesis"] for entry in world.logs[0]]
    bodies = [body for _, body in sorted(world.lab.objects.bodies.items())]
    assert [(one.seq, one.key) for one in merged(bodies)] == [
        (one["sequenceNumber"], one["partitionKey"]) for one in log
    ]
    (row,) = world.lab.archive_ledger.rows.values()
    assert row.counts == {"in": sum(count_calls(one.bytes) for one in merged(bodies))}
    assert row.mark == FIRST_SEQUENCE + 7 * (len(log) - 1)


def said_by_id(number: int) -> dict[str, Any]:
    """The fact of an id: its copies are equal. Every third is no usage, every fifth names no plan."""
    account = ("acme", "bee")[number % 2]
    fields: dict[str, Any] = {"userId": None, "timestamp": DAYS[number % 2]}
    if number % 3 == 0:
        fields["_stemtide"] = {"late_ok": True, "facts_only": True}
    if number % 4 == 0:
        traits = {"seats": number, "name": f"Name {number}", "mrr": "much"}
        return call(
            f"f-{number}", type="group", event=None, groupId=account, context=None, traits=traits, **fields
        )
    what = ("Started", "Changed", "Ended")[number % 3]
    properties = {"plan": None if number % 5 == 0 else f"plan-{number % 2}", "mrr": number}
    return call(
        f"f-{number}",
        event=f"Subscription {what}",
        context={"groupId": account},
        properties=properties,
        **fields,
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    numbers=st.lists(st.tuples(st.integers(0, 30), ACCOUNTS), min_size=5, max_size=30),
    faults=FAULTS,
    rounds=ROUNDS,
)
def test_what_is_said_of_customers_is_kept_and_counted_whatever_happens(
    numbers: list[tuple[int, str]], faults: dict[int, Fault], rounds: list[Round]
) -> None:
    world = World(caps=Caps(id_window=200, inline_users=3))
    for number, key in numbers:
        world.put(said_by_id(number), key)

    world.lab.faults.plan = faults
    run_to_the_end(world, run(world, rounds))

    expected: dict[str, dict[str, Fact]] = {"acme": {}, "bee": {}}
    for number in {number for number, _ in numbers}:
        fact = said(number)
        if fact is not None:
            expected["acme" if number % 2 == 0 else "bee"][fact.id] = fact
    for account, facts in expected.items():
        found = world.lab.facts.of(account)
        assert {fact.id: fact for fact in found} == facts
        assert fold_facts(found, ARRIVAL_MS) == fold_facts(facts.values(), ARRIVAL_MS)
    entered = [(entry["kinesis"]["partitionKey"], data_of(entry)) for log in world.logs for entry in log]
    own = [one for key, one in entered if key == (one.get("groupId") or one["context"]["groupId"])]
    unusable = [one for one in own if said(int(one["messageId"][2:])) is None]
    silent = [one for one in own if "_stemtide" in one and one["_stemtide"].get("facts_only")]
    counts = world.lab.counts()
    assert counts["quarantined"] == len(unusable) == len(world.lab.quarantine.rows)
    assert counts.get("forwarded", 0) == len(entered) - len(own)
    assert counts["applied"] + counts["duplicate"] == len(own) - len(unusable)
    usage = sum(day["calls"] for day in stored(world.lab).values())
    assert counts["applied"] == usage + len([one for one in silent if one not in unusable])


def said(number: int) -> Fact | None:
    one = said_by_id(number)
    at_ms = timestamp_ms(one["timestamp"])
    try:
        return fact_of(one, known_ms=at_ms if "_stemtide" in one else ARRIVAL_MS, at_ms=at_ms)
    except UnusableFactError:
        return None


def trait_call(number: int, name: str) -> dict[str, Any]:
    """A group call at the minute of its number."""
    at = f"2026-03-14T10:{number:02d}:00Z"
    traits = {"name": name, "seats": 3}
    return call(
        f"t-{number}", type="group", event=None, groupId="acme", context=None, timestamp=at, traits=traits
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.sampled_from("ab"), min_size=3, max_size=30), faults=FAULTS, rounds=ROUNDS)
def test_traits_that_a_producer_repeats_leave_the_profile_as_if_each_were_kept(
    names: list[str], faults: dict[int, Fault], rounds: list[Round]
) -> None:
    world = World(caps=Caps(id_window=200, inline_users=3))
    for number, name in enumerate(names):
        world.put(trait_call(number, name), "acme")

    world.lab.faults.plan = faults
    run_to_the_end(world, run(world, rounds))

    kept = world.lab.facts.of("acme")
    assert fold_facts(kept, ARRIVAL_MS).name == names[-1]
    assert world.lab.counts()["applied"] == len(names)
