"""The worker of one shard against a shard in memory and a function with known poison records."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from infra.local.emulator.event_sources.decisions import Discard
from infra.local.emulator.event_sources.model import PAYLOAD_LIMIT_BYTES, Record, Settings
from infra.local.emulator.event_sources.shard import Invocation, Ports, ShardWorker
from infra.local.emulator.event_sources.signal import WakeUp


@dataclass
class Shard:
    """A closed shard, a function, and everything that happened."""

    records: list[Record]
    settings: Settings
    poison: frozenset[int] = frozenset()
    filtered: frozenset[int] = frozenset()
    throttles: int = 0
    invocations: list[list[int]] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    discarded: list[int] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)

    def read(self, after: str, limit: int) -> list[Record]:
        return [record for record in self.records if int(record.sequence) > int(after)][:limit]

    def closed(self) -> bool:
        return True

    def keep(self, records: Sequence[Record]) -> list[Record]:
        return [record for record in records if int(record.sequence) not in self.filtered]

    def invoke(self, records: Sequence[Record]) -> Invocation:
        if self.throttles:
            self.throttles -= 1
            return Invocation(throttled=True)
        numbers = [int(record.sequence) for record in records]
        self.invocations.append(numbers)
        bad = [number for number in numbers if number in self.poison]
        if self.settings.partial:
            good = list(itertools.takewhile(lambda number: number not in self.poison, numbers))
            self.accepted += good
            failures = [{"itemIdentifier": str(number)} for number in reversed(bad)]
            return Invocation(body={"batchItemFailures": failures})
        if not bad:
            self.accepted += numbers
        return Invocation(error=bool(bad))

    def discard(self, discard: Discard, last: Invocation | None) -> None:
        self.discarded += [int(record.sequence) for record in discard.piece.records]

    def run(self, *, now: float = 0.0, position: str = "0") -> Shard:
        ports = Ports(
            source=self,
            settings=lambda: self.settings,
            keep=self.keep,
            invoke=self.invoke,
            discard=self.discard,
            save=lambda sequence: self.saved.append(int(sequence)),
            clock=lambda: now,
            back_off_base=0.0,
        )
        ShardWorker(ports=ports, wake=WakeUp(), position=position).run()
        return self


def numbered(count: int, *, size: int = 100) -> list[Record]:
    return [Record(str(number), 0.0, size, {}) for number in range(1, count + 1)]


@given(
    count=st.integers(0, 40),
    poison=st.frozensets(st.integers(1, 40), max_size=6),
    filtered=st.frozensets(st.integers(1, 40), max_size=20),
    batch_size=st.integers(1, 15),
    max_retries=st.integers(0, 2),
    bisect=st.booleans(),
    partial=st.booleans(),
    throttles=st.integers(0, 3),
)
def test_every_record_is_accepted_filtered_or_given_up_and_none_overtakes_another(
    count: int,
    poison: frozenset[int],
    filtered: frozenset[int],
    batch_size: int,
    max_retries: int,
    bisect: bool,
    partial: bool,
    throttles: int,
) -> None:
    settings = Settings(batch_size=batch_size, max_retries=max_retries, bisect=bisect, partial=partial)
    shard = Shard(numbered(count), settings, poison, filtered, throttles)

    shard.run()

    delivered = set(range(1, count + 1)) - filtered
    assert set(shard.accepted) | set(shard.discarded) == delivered
    assert shard.saved == sorted(set(shard.saved))
    assert (shard.saved[-1] if shard.saved else 0) == count
    assert shard.discarded == sorted(set(shard.discarded))
    assert not set(shard.accepted) & poison
    firsts = list(dict.fromkeys(number for batch in shard.invocations for number in batch))
    assert firsts == sorted(firsts)
    assert all(len(batch) <= batch_size for batch in shard.invocations)
    if bisect:
        assert set(shard.discarded) == poison & delivered


@given(poison=st.frozensets(st.integers(1, 12), max_size=3), retries=st.integers(0, 3))
def test_a_single_record_is_tried_once_and_then_as_often_as_retries_allow(
    poison: frozenset[int], retries: int
) -> None:
    settings = Settings(batch_size=1, max_retries=retries)
    shard = Shard(numbered(12), settings, poison)

    shard.run()

    tries = {number: shard.invocations.count([number]) for number in range(1, 13)}
    assert tries == {number: retries + 1 if number in poison else 1 for number in range(1, 13)}


def test_a_batch_stays_under_the_payload_limit() -> None:
    shard = Shard(numbered(10, size=PAYLOAD_LIMIT_BYTES // 4), Settings(batch_size=100))

    shard.run()

    assert [len(batch) for batch in shard.invocations] == [3, 3, 3, 1]


def test_a_batch_is_not_invoked_before_its_window_is_over() -> None:
    shard = Shard(numbered(3), Settings(batch_size=100, window_seconds=0.05))

    shard.run(now=0.05)

    assert shard.invocations == [[1, 2, 3]]


def test_records_that_are_too_old_are_given_up_without_an_invocation() -> None:
    shard = Shard(numbered(3), Settings(max_age_seconds=60))

    shard.run(now=61.0)

    assert shard.invocations == []
    assert shard.discarded == [1, 2, 3]
    assert shard.saved == [3]


def test_reading_resumes_after_the_saved_position() -> None:
    shard = Shard(numbered(5), Settings())

    shard.run(position="3")

    assert shard.invocations == [[4, 5]]


def test_a_revoked_worker_saves_no_position() -> None:
    shard = Shard(numbered(2), Settings())
    ports = Ports(
        source=shard,
        settings=lambda: shard.settings,
        keep=shard.keep,
        invoke=lambda records: worker.revoke() or Invocation(),  # type: ignore[func-returns-value]
        discard=shard.discard,
        save=lambda sequence: shard.saved.append(int(sequence)),
        clock=lambda: 0.0,
    )
    worker = ShardWorker(ports=ports, wake=WakeUp(), position="0")

    worker.run()

    assert shard.saved == []


def test_a_wake_up_between_looking_and_waiting_is_not_lost() -> None:
    wake = WakeUp()
    seen = wake.seen()

    wake.ring()
    wake.wait(seen, timeout=60.0)

    assert wake.seen() == seen + 1
