"""What goes wrong in a run: every kind has a bit, so that a run can say which kinds happened in it."""

from typing import Final

PRODUCER: Final = (
    "duplicate, soon",
    "duplicate, later",
    "duplicate that says something else",
    "ambiguous put",
    "partly refused put",
    "foreign key",
    "poison record",
    "late call",
    "too late call",
    "call from the future",
    "hot account",
    "account with a cutover",
)
"""Rows 7, 14 to 17, 19, 19a and 19c of the failure modes."""
STREAM: Final = ("split", "merge", "child before parent", "stream created anew")
"""Rows 12 and 19a."""
SOURCE: Final = (
    "same batch again",
    "batch bisected",
    "other bounds",
    "retries reached",
    "too old",
    "stale environment",
)
"""Rows 1, 2 and 10, of each consumer."""
STEP: Final = (
    "death before a step",
    "death after a step",
    "throttled",
    "lost reply",
    "reply lost, call repeated",
    "unavailable",
    "time is up",
    "function error",
    "zombie",
)
"""Rows 3 to 6, of each consumer."""
RECOMPUTE: Final = (
    "death before a step",
    "death after a step",
    "throttled",
    "lost reply",
    "unavailable",
    "time is up",
    "function error",
    "stream goes on",
)
"""Row 19b, of a recompute while the stream runs."""
AGGREGATE: Final = 0
ARCHIVE: Final = 1
RECOUNT: Final = 2
CONSUMERS: Final = ("aggregate", "archive")
WORKERS: Final = (*CONSUMERS, "recompute")

NAMES: Final = (
    *PRODUCER,
    *STREAM,
    *(f"{consumer}: {name}" for name in (*SOURCE, *STEP) for consumer in CONSUMERS),
    "aggregate: one account refused",
    *(f"recompute: {name}" for name in RECOMPUTE),
)
BIT: Final = {name: 1 << number for number, name in enumerate(NAMES)}
WAKE: Final = -1
"""Planned like a fault: somebody else goes on for some steps before this one."""
StepFault = tuple[int, int, int]
"""Number of the step (from 1), what happens (`STEPS`, or `WAKE`), for how many steps in a row."""
STEPS: Final = {name: number for number, name in enumerate(STEP)}
REFUSED: Final = BIT["aggregate: one account refused"]


def of_worker(name: str) -> tuple[int, ...]:
    """The bits of a source's or step's kind, by who it happens to; 0 where it cannot."""
    return tuple(BIT.get(f"{worker}: {name}", 0) for worker in WORKERS)


def names(bits: int) -> list[str]:
    """The kinds in a set of them."""
    return [name for name, bit in BIT.items() if bits & bit]
