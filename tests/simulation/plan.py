"""A run as data: what is put, in which order it is delivered, what goes wrong and when. A seed makes one.

The steps stand for themselves: each says which of the shards that have work it means by a number that is
taken modulo how many there are, so that any of them may be left out and the rest is still a run.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from stemtide.state import Caps

from tests.simulation.kinds import StepFault
from tests.simulation.pool import Item

SAME_AGAIN: Final = 1
"""The invocation's answer is lost."""
OTHER_BOUNDS: Final = 2
"""The poller begins anew behind its checkpoint and cuts another batch."""
RETRIES_REACHED: Final = 4
"""If the invocation fails, that was the last try."""
TOO_OLD: Final = 8
"""The first records of the batch have reached the maximum age."""

PARTLY_TAKEN: Final = 16
"""The stream refuses some of what the invocation puts into it."""

PUT_ONCE: Final = 0
AMBIGUOUS: Final = 1
PARTLY_REFUSED: Final = 2


class Spec(NamedTuple):
    """A record to put: its partition key and its calls (`batch`: as a list of calls)."""

    key: str
    items: tuple[Item, ...]
    batch: bool = False


class Put(NamedTuple):
    """Producers put records after a while; `how`: what goes wrong then; `kinds`: what the records are."""

    gap_ms: int
    how: int
    specs: tuple[Spec, ...]
    kinds: int = 0


class Invoke(NamedTuple):
    """A consumer is invoked with what is next in a shard, at most `size` records."""

    consumer: int
    pick: int
    size: int
    environment: int = 0
    flags: int = 0
    faults: tuple[StepFault, ...] = ()
    refused: str | None = None


class Reshard(NamedTuple):
    """An open shard is split, or two are merged."""

    split: bool
    pick: int


class CreateAnew(NamedTuple):
    """The stream is worked off, deleted and created; `fast`: records come before anybody looks it up."""

    shards: int
    fast: bool


class Wake(NamedTuple):
    """A zombie goes on for some steps."""

    steps: int


class Recount(NamedTuple):
    """A recompute of all that has arrived so far, while the stream runs."""

    faults: tuple[StepFault, ...] = ()


class Look(NamedTuple):
    """What was given up is registered, and the balance is checked."""


Op = Put | Invoke | Reshard | CreateAnew | Wake | Recount | Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole run.

    `hashes` are the accounts' places among the hash keys, `retries` and `bisects` by consumer,
    `child_first`: shards are read whether or not their parents have been; `zombies_last`: they go on when
    everything has been worked off; `cutover`: an account that was backfilled up to an instant (epoch ms).
    """

    seed: int
    shards: int
    start_ms: int
    hashes: dict[str, int]
    caps: Caps
    retries: tuple[int, int]
    bisects: tuple[bool, bool]
    child_first: bool
    zombies_last: bool
    cutover: tuple[str, int] | None = None
    ops: tuple[Op, ...]

    def records(self) -> int:
        """How many records the producers put."""
        return sum(len(op.specs) for op in self.ops if isinstance(op, Put))


def size_of(plan: Plan) -> tuple[int, int, int]:
    """Of two failing plans the smaller one is shown: steps, records, faults."""
    faults = sum(len(op.faults) for op in plan.ops if isinstance(op, Invoke | Recount))
    faults += sum(bool(op.flags) + bool(op.refused) for op in plan.ops if isinstance(op, Invoke))
    return len(plan.ops), plan.records(), faults
