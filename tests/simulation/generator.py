"""From a seed to a plan."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeVar

from stemtide.state import Caps

from tests.simulation import plan as p
from tests.simulation.kinds import (
    AGGREGATE,
    BIT,
    CONSUMERS,
    RECOMPUTE,
    REFUSED,
    STEPS,
    WAKE,
    StepFault,
)
from tests.simulation.pool import ACCOUNTS, DAY_MS, HOUR_MS, PER_ACCOUNT, TODAY_MS, Item, pool
from tests.simulation.steps import THROTTLED, UNAVAILABLE, ZOMBIE
from tests.simulation.stream import HASHES

T = TypeVar("T")
RECORDS: Final = 200
ALWAYS: Final = ("duplicate, soon", "aggregate: same batch again", "archive: same batch again")
CHANCE: Final = 0.4
"""Of every other kind to be among those of a run."""
GAPS_MS: Final = (50, 900, 15_000, 45_000, 70_000, 200_000)
RECOUNTED: Final = 0.4
"""Of the runs that have recomputes on the way: before the last one, their counts have bounds only."""
REMEMBERED: Final = (0, 0, 0, 12, 2_000)
"""Ids that an environment remembers beyond the window: without any, every count is certain."""
REACH: Final = (11, 4)
"""Steps of an invocation at which faults are planned, by consumer; few invocations take more."""
FAR: Final = 40
OUTLASTS: Final = 12
"""Throttled for so many steps, a handler gives up."""


def generate(seed: int) -> p.Plan:
    """The plan of a seed: at least 200 records, at least 3 shards."""
    return _Generator(seed).plan()


class _Generator:
    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.roll: Callable[[], float] = self.rng.random
        self.seed = seed
        self.kinds = sum(BIT[name] for name in BIT if name in ALWAYS or self.roll() < CHANCE)
        self.step_kinds = [self._steps_of(consumer) for consumer in CONSUMERS]
        recounts = self.roll() < RECOUNTED
        self.recount_kinds = [
            WAKE if name == "stream goes on" else STEPS[name]
            for name in RECOMPUTE
            if recounts and self.roll() < 0.6
        ]
        self.window = 3 + int(self.roll() * 8)
        self.near_midnight = self.roll() < 0.4
        self.next = {account: int(self.roll() * PER_ACCOUNT) for account in ACCOUNTS}
        self.sent: dict[str, list[int]] = {account: [] for account in ACCOUNTS}
        self.put_kinds = 0

    def plan(self) -> p.Plan:
        roll = self.roll
        shards = 3 + int(roll() * 2)
        remembered = self._among(REMEMBERED)
        caps = Caps(
            id_window=self.window,
            inline_users=2 + int(roll() * 8),
            event_types=3 + int(roll() * 7),
            remembered_ids=remembered,
        )
        return p.Plan(
            seed=self.seed,
            shards=shards,
            start_ms=TODAY_MS + (DAY_MS - HOUR_MS // 6 if self.near_midnight else 12 * HOUR_MS),
            hashes=self._hashes(shards),
            caps=caps,
            retries=(int(roll() * 4), int(roll() * 4)),
            bisects=(self._has("aggregate: batch bisected"), self._has("archive: batch bisected")),
            child_first=self._has("child before parent"),
            zombies_last=roll() < 0.5,
            cutover=self._cutover(),
            ops=tuple(self._ops()),
        )

    def _hashes(self, shards: int) -> dict[str, int]:
        """By account: every shard that the stream begins with has some."""
        first, width = int(self.roll() * shards), HASHES // shards
        return {
            account: (first + number) % shards * width + int(self.roll() * width)
            for number, account in enumerate(ACCOUNTS)
        }

    def _cutover(self) -> tuple[str, int] | None:
        if not self._has("account with a cutover"):
            return None
        return self._among(ACCOUNTS), TODAY_MS + int(self.roll() * 12) * HOUR_MS

    def _has(self, name: str) -> bool:
        return bool(self.kinds & BIT[name])

    def _steps_of(self, consumer: str) -> list[int]:
        return [number for name, number in STEPS.items() if self._has(f"{consumer}: {name}")]

    def _among(self, choices: Sequence[T]) -> T:
        return choices[int(self.roll() * len(choices))]

    # --- the order of things ---------------------------------------------------------------------

    def _ops(self) -> list[p.Op]:
        ops: list[p.Op] = []
        left = RECORDS
        anew_at = int(self.roll() * RECORDS) if self._has("stream created anew") else -1
        while left > 0:
            put = self._put(min(left, 16 + int(self.roll() * 24)))
            left -= len(put.specs)
            ops.append(put)
            ops.extend(self._invoke() for _ in range(1 + int(self.roll() * 3)))
            self._between(ops)
            if anew_at >= left:
                anew_at = -1
                ops.append(p.CreateAnew(3 + int(self.roll() * 2), self.roll() < 0.5))
        ops.extend(self._invoke() for _ in range(3))
        return ops

    def _between(self, ops: list[p.Op]) -> None:
        roll = self.roll
        if roll() < 0.3 and self._has("split"):
            ops.append(p.Reshard(split=True, pick=int(roll() * 8)))
        if roll() < 0.3 and self._has("merge"):
            ops.append(p.Reshard(split=False, pick=int(roll() * 8)))
        if roll() < 0.35 and self.recount_kinds:
            ops.append(p.Recount(tuple(self._recount_fault() for _ in range(1 + int(roll() * 3)))))
        if roll() < 0.4:
            ops.append(p.Wake(1 + int(roll() * 6)) if roll() < 0.5 else p.Look())

    # --- records ---------------------------------------------------------------------------------

    def _put(self, count: int) -> p.Put:
        roll = self.roll
        self.put_kinds = 0
        specs = tuple(self._spec() for _ in range(count))
        how = p.PUT_ONCE
        if roll() < 0.2 and self._has("ambiguous put"):
            how = p.AMBIGUOUS
        elif roll() < 0.2 and self._has("partly refused put"):
            how = p.PARTLY_REFUSED
        gap = 20 * 60_000 if roll() < 0.06 else self._among(GAPS_MS)
        return p.Put(gap, how, specs, self.put_kinds)

    def _spec(self) -> p.Spec:
        roll = self.roll
        account = self._account()
        if roll() < 0.04 and self._has("poison record"):
            self.put_kinds |= BIT["poison record"]
            return p.Spec(account, (self._among(pool().poison),))
        if roll() < 0.13:
            items = tuple(self._item(account) for _ in range(2 + int(roll() * 3)))
            if roll() < 0.15 and self._has("poison record"):
                bad = self._among([one for one in pool().poison if one.in_batch])
                items = (*items, bad)
            return p.Spec(account, items, batch=True)
        key = account
        if roll() < 0.06 and self._has("foreign key"):
            self.put_kinds |= BIT["foreign key"]
            key = self._among(ACCOUNTS)
        return p.Spec(key, (self._item(account),))

    def _account(self) -> str:
        if self._has("hot account") and self.roll() < 0.6:
            self.put_kinds |= BIT["hot account"]
            return ACCOUNTS[0]
        return self._among(ACCOUNTS)

    def _item(self, account: str) -> Item:
        roll = self.roll
        at = roll()
        if at < 0.2:
            found = self._special(account, at)
            if found is not None:
                return found
        number = self.next[account]
        self.next[account] = (number + 1) % PER_ACCOUNT
        self.sent[account].append(number)
        return pool().fresh[account][number]

    def _special(self, account: str, at: float) -> Item | None:
        """What is not simply one more call: duplicates first, then odd times, then facts."""
        sent, found = self.sent[account], pool()
        if at < 0.05:
            return self._sent("duplicate, soon", account, 1 + int(self.roll() * self.window))
        if at < 0.09 and self._has("duplicate, later"):
            return self._sent("duplicate, later", account, 1 + int(self.roll() * max(1, len(sent))))
        if at < 0.11 and self._has("duplicate that says something else") and sent:
            self.put_kinds |= BIT["duplicate that says something else"]
            return found.twins[account][self._among(sent[-2 * self.window :])]
        for name, limit, items in (
            ("late call", 0.14, found.late),
            ("too late call", 0.15, found.too_late),
            ("call from the future", 0.16, found.future),
        ):
            if at < limit and self._has(name):
                self.put_kinds |= BIT[name]
                return self._among(items[account])
        if at < 0.18:
            return self._among(found.facts[account])
        if at < 0.195 and self.near_midnight:
            return self._among(found.tomorrow[account])
        return self._among(found.timeless[account]) if at < 0.2 else None

    def _sent(self, kind: str, account: str, back: int) -> Item | None:
        sent = self.sent[account]
        if back > len(sent):
            return None
        self.put_kinds |= BIT[kind]
        return pool().fresh[account][sent[-back]]

    # --- deliveries ------------------------------------------------------------------------------

    def _invoke(self) -> p.Invoke:
        roll = self.roll
        consumer = int(roll() < 0.45)
        size = 2 + int(roll() ** 2 * 40)
        stale = self._has(f"{CONSUMERS[consumer]}: stale environment") and roll() < 0.5
        refused = None
        if consumer == AGGREGATE and self.kinds & REFUSED and roll() < 0.25:
            refused = self._among(ACCOUNTS)
        return p.Invoke(
            consumer,
            int(roll() * 8),
            size,
            int(stale),
            self._flags(consumer),
            self._faults(consumer),
            refused,
        )

    def _flags(self, consumer: int) -> int:
        name, roll, flags = CONSUMERS[consumer], self.roll, 0
        if roll() < 0.2 and self._has(f"{name}: same batch again"):
            flags |= p.SAME_AGAIN
        if roll() < 0.4 and self._has(f"{name}: other bounds"):
            flags |= p.OTHER_BOUNDS
        if roll() < 0.15 and self._has(f"{name}: retries reached"):
            flags |= p.RETRIES_REACHED
        if roll() < 0.06 and self._has(f"{name}: too old"):
            flags |= p.TOO_OLD
        if consumer == AGGREGATE and roll() < 0.3 and self._has("partly refused put"):
            flags |= p.PARTLY_TAKEN
        return flags

    def _faults(self, consumer: int) -> tuple[StepFault, ...]:
        roll, kinds = self.roll, self.step_kinds[consumer]
        faults = []
        if kinds and roll() < 0.6:
            faults.append(self._fault(consumer, kinds))
            if roll() < 0.3:
                faults.append(self._fault(consumer, kinds))
        if ZOMBIE in self.step_kinds[0] or ZOMBIE in self.step_kinds[1]:
            faults += [(self._step(consumer), WAKE, 1 + int(roll() * 4)) for _ in range(int(roll() * 3))]
        return tuple(faults)

    def _fault(self, consumer: int, kinds: list[int]) -> StepFault:
        kind = self._among(kinds)
        more = 1
        if kind in {THROTTLED, UNAVAILABLE} and self.roll() < 0.5:
            more = OUTLASTS if self.roll() < 0.5 else 2
        return self._step(consumer), kind, more

    def _recount_fault(self) -> StepFault:
        return 1 + int(self.roll() * 16), self._among(self.recount_kinds), 1 + int(self.roll() * 3)

    def _step(self, consumer: int) -> int:
        reach = REACH[consumer] if self.roll() < 0.9 else FAR
        return 1 + int(self.roll() * reach)
