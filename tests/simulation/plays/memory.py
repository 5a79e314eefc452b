"""Plays and offers in memory, as the table keeps them (contract: tests/integration/plays)."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from stemtide.dunning.ledger import Entry
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey, Play
from stemtide.plays.ports import OfferClaim
from stemtide.ports import ConflictError

Step = Callable[[str, str], None]


class MemoryPlays:
    """`plays.keeping.Kept` and `plays.ports.Plays`; `step` is called before and after each call."""

    def __init__(self, step: Step = lambda _, __: None) -> None:
        self._rows: dict[str, Play] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._guards: dict[tuple[str, Journey], tuple[str, int | None]] = {}
        self.labels: list[Label] = []
        self._step = step

    def read(self, play_id: str, /) -> tuple[Play, list[Entry]] | None:
        self._step("read_play", "before")
        found = self._rows.get(play_id)
        return None if found is None else (found, list(self._entries[play_id]))

    def open(self, play: Play, first: Entry, /) -> bool:
        self._step("open_play", "before")
        held = self._guards.get((play.account, play.journey))
        is_free = held is None or (held[1] is not None and held[1] <= play.opened_ms)
        if play.id in self._rows or not is_free:
            return False
        self._rows[play.id] = msgspec.structs.replace(play, seq=first.seq, version=1)
        self._entries[play.id] = [first]
        self._guards[play.account, play.journey] = (play.id, None)
        self._step("open_play", "after")
        return True

    def append(self, play: Play, entries: Sequence[Entry], /, *, label: Label | None = None) -> Play:
        self._step("append", "before")
        if self._rows[play.id].version != play.version:
            raise ConflictError("another write was first")
        seq = max((entry.seq for entry in entries), default=play.seq)
        kept = msgspec.structs.replace(play, seq=seq, version=play.version + 1)
        self._rows[play.id] = kept
        self._entries[play.id] += entries
        if kept.is_over:
            self._guards[play.account, play.journey] = (play.id, kept.again_ms)
        if label is not None:
            self.labels.append(label)
        self._step("append", "after")
        return kept

    def running_of(self, account: str, journey: Journey, /) -> str | None:
        self._step("running_of", "before")
        held = self._guards.get((account, journey))
        return None if held is None or held[1] is not None else held[0]

    def running(self) -> Iterator[Play]:
        return iter([one for one in self._rows.values() if not one.is_over])

    def all(self) -> list[tuple[Play, list[Entry]]]:
        """Every play with its ledger."""
        return [(row, self._entries[row.id]) for row in self._rows.values()]


class MemoryOffers:
    """`plays.ports.OfferRows`."""

    def __init__(self, step: Step = lambda _, __: None) -> None:
        self._claims: dict[str, OfferClaim] = {}
        self._step = step

    def claim(self, claim: OfferClaim, /, *, now_ms: int) -> OfferClaim | None:
        self._step("claim_offer", "before")
        held = self._claims.get(claim.customer)
        if held is not None and held.play == claim.play:
            return held
        if held is not None and held.free_ms > now_ms:
            return None
        self._claims[claim.customer] = claim
        self._step("claim_offer", "after")
        return claim
