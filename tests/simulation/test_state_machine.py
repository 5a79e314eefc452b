"""The simulated stream driven by hypothesis, step by step: what it finds it makes small by itself."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from stemtide.state import Caps

from tests.simulation import plan as p
from tests.simulation.aftermath import after_the_run
from tests.simulation.checks import problems
from tests.simulation.kinds import AGGREGATE, ARCHIVE, STEPS, WAKE
from tests.simulation.pool import ACCOUNTS, COMMENTS, HOUR_MS, TODAY_MS, Item, pool
from tests.simulation.stream import HASHES
from tests.simulation.world import World

ITEMS = ("fresh", "twins", "late", "too_late", "future", "timeless", "facts")
NUMBERS = st.integers(0, 15)
"""Few calls, so that they come again often."""
FLAGS = st.sampled_from(
    [0, 0, 0, p.SAME_AGAIN, p.OTHER_BOUNDS, p.RETRIES_REACHED, p.TOO_OLD, p.SAME_AGAIN | 4]
)
FAULTS = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from([WAKE, *STEPS.values()]), st.sampled_from([1, 1, 3, 12])),
    max_size=2,
).map(tuple)


def item(kind: str, account: str, number: int) -> Item:
    """One of the pool's calls of an account."""
    items: list[Item] = getattr(pool(), kind)[account]
    return items[number % len(items)]


SPECS = st.lists(
    st.one_of(
        st.builds(
            lambda key, kind, account, number: p.Spec(key or account, (item(kind, account, number),)),
            st.sampled_from([None, None, None, *ACCOUNTS]),
            st.sampled_from(ITEMS),
            st.sampled_from(ACCOUNTS[:3]),
            NUMBERS,
        ),
        st.builds(
            lambda account, numbers: p.Spec(account, tuple(item("fresh", account, n) for n in numbers), True),
            st.sampled_from(ACCOUNTS[:3]),
            st.lists(NUMBERS, min_size=1, max_size=4),
        ),
        st.sampled_from(pool().poison).map(lambda poison: p.Spec(ACCOUNTS[0], (poison,))),
    ),
    min_size=1,
    max_size=8,
).map(tuple)


class StreamMachine(RuleBasedStateMachine):
    """Producers, a stream, two consumers, a recompute; everything is worked off and compared at the end."""

    @initialize(
        hashes=st.lists(st.integers(0, HASHES - 1), min_size=len(ACCOUNTS), max_size=len(ACCOUNTS)),
        window=st.integers(1, 6),
        child_first=st.booleans(),
        bisects=st.booleans(),
        remembered=st.sampled_from([0, 0, 5, 2_000]),
    )
    def begin(
        self, hashes: list[int], window: int, child_first: bool, bisects: bool, remembered: int
    ) -> None:
        self.world = World(
            p.Plan(
                seed=0,
                shards=3,
                start_ms=TODAY_MS + 12 * HOUR_MS,
                hashes=dict(zip(ACCOUNTS, hashes, strict=True)),
                caps=Caps(
                    id_window=window,
                    inline_users=3,
                    event_types=4,
                    remembered_ids=remembered,
                    is_comment=COMMENTS.__contains__,
                ),
                retries=(2, 2),
                bisects=(bisects, bisects),
                child_first=child_first,
                zombies_last=True,
                ops=(),
            )
        )

    @rule(specs=SPECS, gap=st.sampled_from([10, 70_000]), how=st.sampled_from([0, 0, p.AMBIGUOUS, 2]))
    def put(self, specs: tuple[p.Spec, ...], gap: int, how: int) -> None:
        self.world.do(p.Put(gap, how, specs))

    @precondition(lambda self: self.world.stream.every)
    @rule(
        consumer=st.sampled_from([AGGREGATE, AGGREGATE, ARCHIVE]),
        pick=st.integers(0, 3),
        size=st.integers(1, 12),
        environment=st.integers(0, 1),
        flags=FLAGS,
        faults=FAULTS,
        refused=st.sampled_from([None, None, None, ACCOUNTS[0]]),
    )
    def deliver(self, **how: Any) -> None:
        self.world.do(p.Invoke(**how))

    @rule(split=st.booleans(), pick=st.integers(0, 3))
    def reshard(self, split: bool, pick: int) -> None:
        self.world.do(p.Reshard(split, pick))

    @rule(shards=st.integers(1, 3), fast=st.booleans())
    def create_anew(self, shards: int, fast: bool) -> None:
        self.world.do(p.CreateAnew(shards, fast))

    @precondition(lambda self: self.world.zombies)
    @rule(steps=st.integers(1, 6))
    def wake(self, steps: int) -> None:
        self.world.do(p.Wake(steps))

    @rule(faults=FAULTS)
    def recompute(self, faults: tuple[tuple[int, int, int], ...]) -> None:
        self.world.do(p.Recount(faults))

    @rule()
    def look(self) -> None:
        self.world.do(p.Look())

    @invariant()
    def no_lane_counts_more_than_came(self) -> None:
        if not hasattr(self, "world"):
            return
        came = {s.lane: sum(len(rec.items) for rec in s.recs) for s in self.world.stream.every}
        for ledger in self.world.stored.ledgers:
            for lane, row in ledger.items():
                assert sum(row.counts.values()) <= came[lane]

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()
            assert problems(self.world) == []
            assert list(after_the_run(self.world)) == []


TestStreamMachine = StreamMachine.TestCase
TestStreamMachine.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
