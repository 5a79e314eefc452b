"""Whatever is cut, repeated, crashed or lost: what is said of customers is kept, and counted once."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide.calls import timestamp_ms
from stemtide.facts import Fact, UnusableFactError, fact_of, fold_facts
from stemtide.state import Caps

from tests.stream_memory import Fault
from tests.stream_world import (
    ACCOUNTS,
    ARRIVAL_MS,
    DAYS,
    FAULTS,
    ROUNDS,
    Round,
    World,
    data_of,
    run,
    run_to_the_end,
    stored,
)
from tests.streams import call


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
