"""Event source mappings on Kinesis and DynamoDB streams, by AWS's documented semantics.

Reading order: `model` (records, settings), `decisions` (what follows from an outcome: pure), `shard` (the
worker of one shard), `streams` and `mapping` (the emulator behind it), `supervisor` (which workers run),
`installation`.

Differences from AWS that remain: ParallelizationFactor is worked off as 1 (stricter order); pauses between
retries are short; tumbling windows are refused; consecutive on-failure records are not merged into one.
"""

from .installation import install
from .positions import MemoryPositions, PositionStore

__all__ = ["MemoryPositions", "PositionStore", "install"]
