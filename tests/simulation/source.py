"""How Lambda reads one shard for one consumer: batches, bisecting, retries, giving up.

From "Using AWS Lambda with Kinesis" (developer guide): the lowest failed sequence number is the checkpoint;
a failed batch is halved, which uses up no retry; one record that keeps failing is given up.
`test_source.py` compares this with the local cloud's event sources.
"""

from typing import Final, NamedTuple

from tests.simulation.stream import Rec, Shard

EVERYTHING: Final = -1
"""The invocation failed as a whole."""


class Piece(NamedTuple):
    """Records `low` to `high` (excluded) of the shard, with the tries that failed."""

    low: int
    high: int
    failures: int = 0


class Source:
    """One consumer's place in one shard; `last` is the environment that was used last."""

    __slots__ = ("bisects", "consumer", "last", "pieces", "position", "recs", "retries", "shard", "used")

    def __init__(self, consumer: int, shard: Shard, *, retries: int, bisects: bool) -> None:
        self.consumer = consumer
        self.shard = shard
        self.recs: list[Rec] = shard.recs
        self.retries = retries
        self.bisects = bisects
        self.position = 0
        self.pieces: list[Piece] = []
        self.last = -1
        self.used: set[int] = set()

    @property
    def waiting(self) -> bool:
        """Whether there is anything to deliver."""
        return self.position < len(self.recs)

    @property
    def drained(self) -> bool:
        """Whether nothing will ever come from here again."""
        return not self.shard.is_open and not self.waiting

    def take(self, size: int) -> Piece:
        """What is delivered next: what is left of a failed batch, else a new one."""
        if self.pieces:
            return self.pieces.pop()
        return Piece(self.position, min(self.position + size, len(self.recs)))

    def settle(self, piece: Piece, failed: int | None, *, last_try: bool = False) -> Piece | None:
        """Go on after an invocation and return what is given up.

        Args:
            piece: what was delivered.
            failed: index in the shard of the first failed record, `EVERYTHING`, or None for a success.
            last_try: the retries are used up, whatever was counted.
        """
        if failed is None:
            self.position = piece.high
            return None
        if last_try:
            return self.give_up(piece._replace(low=max(failed, piece.low)))
        if failed > piece.low:
            rest = Piece(failed, piece.high, 0 if self.bisects else 1)
            if rest.failures > self.retries:
                return self.give_up(rest)
            self.position = failed
            self.pieces.append(rest)
            return None
        if self.bisects and piece.high - piece.low > 1:
            middle = piece.low + (piece.high - piece.low) // 2
            self.pieces.append(Piece(middle, piece.high, piece.failures))
            self.pieces.append(Piece(piece.low, middle, piece.failures))
            return None
        again = Piece(piece.low, piece.high, piece.failures + 1)
        if again.failures > self.retries:
            return self.give_up(again)
        self.pieces.append(again)
        return None

    def give_up(self, piece: Piece) -> Piece:
        """Go on behind records that are not delivered any more."""
        self.position = piece.high
        for rec in self.recs[piece.low : piece.high]:
            rec.given_up |= 1 << self.consumer
        return piece

    def cut_anew(self) -> bool:
        """Forget how the failed batch was cut; whether there was one."""
        had = bool(self.pieces)
        self.pieces.clear()
        return had
