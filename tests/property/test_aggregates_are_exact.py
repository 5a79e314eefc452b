"""Whatever is cut, repeated, crashed or lost on the way: the aggregates equal a recount of the stream."""

from collections import Counter, deque
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide.archive import merged
from stemtide.records import count_calls
from stemtide.state import Caps

from tests.stream_memory import Fault
from tests.stream_world import (
    ACCOUNTS,
    CAPS,
    DAYS,
    FAULTS,
    LANES,
    ROUNDS,
    Round,
    World,
    data_of,
    run,
    run_to_the_end,
    stored,
)
from tests.streams import FIRST_SEQUENCE, call


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
