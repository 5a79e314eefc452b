"""Memory and time-out of each function, with the reason for it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a function gets. Lambda gives CPU in proportion to memory: 1,769 MB is one core."""

    memory_mb: int
    timeout_s: int
    reason: str


SIZES: Final = {
    "ingest": Size(memory_mb=512, timeout_s=15, reason="checks up to 512 KB of JSON; callers wait"),
    "api": Size(memory_mb=512, timeout_s=15, reason="reads some hundred items; people wait"),
    "preferences": Size(memory_mb=512, timeout_s=15, reason="signs, reads a row, writes a page; people wait"),
    "aggregate": Size(
        memory_mb=1769, timeout_s=120, reason="folding needs a core; a batch may write thousands of items"
    ),
    "archive": Size(memory_mb=1024, timeout_s=60, reason="compresses a batch of up to 6 MB"),
    "dead_letters": Size(memory_mb=512, timeout_s=60, reason="holds a failed batch of up to 6 MB, decoded"),
    "balance": Size(memory_mb=256, timeout_s=120, reason="reads a row per shard; catches up missed hours"),
    "recompute": Size(
        memory_mb=3008, timeout_s=900, reason="holds a bucket's calls, over a million; reads days of archive"
    ),
    "profile": Size(memory_mb=512, timeout_s=60, reason="reads all facts of the accounts of a batch"),
    "mail": Size(memory_mb=512, timeout_s=60, reason="renders and sends some dozens of mails"),
    "notices": Size(memory_mb=256, timeout_s=60, reason="a few small rows a notice"),
    "detect": Size(memory_mb=512, timeout_s=300, reason="reads 14 days an account; an hour may hold many"),
    "webhooks": Size(memory_mb=512, timeout_s=15, reason="verifies up to 256 KB; the provider waits"),
    "stripe_events": Size(memory_mb=256, timeout_s=30, reason="one small item an event"),
    "billing": Size(memory_mb=512, timeout_s=300, reason="asks the provider some times an event"),
    "announce": Size(memory_mb=256, timeout_s=60, reason="one small event a change"),
    "publish": Size(memory_mb=256, timeout_s=60, reason="one small event a change"),
    "score": Size(memory_mb=1769, timeout_s=300, reason="features and model need a core; batches of 500"),
    "sweep": Size(memory_mb=1024, timeout_s=300, reason="lists every account, loads the night's model"),
    "dunning": Size(memory_mb=512, timeout_s=60, reason="asks the payment provider some six times a step"),
    "plays": Size(memory_mb=512, timeout_s=60, reason="asks the payment provider some six times a step"),
    "play_entry": Size(memory_mb=512, timeout_s=60, reason="looks at every running play once an hour"),
    "stops": Size(memory_mb=256, timeout_s=60, reason="one small event a change"),
    "tasks": Size(memory_mb=256, timeout_s=60, reason="one small event a change"),
    "episodes": Size(memory_mb=512, timeout_s=60, reason="looks at every running episode once an hour"),
}
