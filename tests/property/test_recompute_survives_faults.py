"""A recompute beside both consumers, faults at any step: nothing live is erased, in the end all is right."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide.aggregate import aggregate
from stemtide.archive import archive
from stemtide.calls import DAY_MS
from stemtide.ports import UnavailableError
from stemtide.progress import Hole
from stemtide.recompute import Task

from tests.archived_logs import CAPS, SENT, SHARDS, Entry, Log, expected, ignored, log_of, seen
from tests.recompute_memory import RULES, MemoryArchive, archive_of, days_of, recompute_of
from tests.stream_memory import Crash, Fault, Lab
from tests.stream_world import FAULTS
from tests.streams import event


@dataclass
class Cloud:
    """Both consumers of a log, how far they are, and what they gave up."""

    log: Log
    lab: Lab = field(default_factory=lambda: Lab(take=ignored, caps=CAPS))
    aggregated: list[int] = field(default_factory=lambda: [0] * SHARDS)
    archived: list[int] = field(default_factory=lambda: [0] * SHARDS)
    dead: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ports = self.lab.ports()
        self.archive: MemoryArchive = archive_of(self.lab)

    def aggregate(self, shard: int, size: int) -> None:
        at = self.aggregated[shard]
        batch = self.log[shard][at : at + size]
        if not batch:
            return
        self.lab.faults.out_of_time = False
        try:
            response = aggregate(event(*batch), ports=self.ports, rules=RULES)
        except Crash:
            self.ports = self.lab.ports()
            return
        failed = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
        if not failed:
            self.aggregated[shard] += len(batch)
            return
        sequences = [entry["kinesis"]["sequenceNumber"] for entry in self.log[shard]]
        self.aggregated[shard] = sequences.index(failed[0])

    def beside(self) -> None:
        """Another environment is given the next records too; nobody waits for its answer."""
        at = self.aggregated[0]
        if batch := self.log[0][at : at + 3]:
            survived(lambda: aggregate(event(*batch), ports=self.lab.ports(), rules=RULES))

    def keep(self, shard: int, size: int) -> None:
        at = self.archived[shard]
        batch = self.log[shard][at : at + size]
        self.lab.faults.out_of_time = False
        if batch and survived(lambda: archive(event(*batch), ports=self.lab.archive_ports())):
            self.archived[shard] += len(batch)

    def give_up(self, consumer: str, shard: int) -> None:
        """The consumer's next two records are given up, registered, and never applied."""
        done = self.aggregated if consumer == "aggregate" else self.archived
        batch = self.log[shard][done[shard] : done[shard] + 2]
        if not batch:
            return
        first, last = sequence(batch[0]), sequence(batch[-1])
        lane = f"1000/{shard}"
        if consumer == "aggregate":
            self.archive.given_up[lane] = last
        else:
            self.dead.append((shard, done[shard], len(batch)))
            days = [round(e["kinesis"]["approximateArrivalTimestamp"] * 1000) // DAY_MS for e in batch]
            self.archive.holes.append(Hole(lane, first, last, min(days), max(days)))
            self.archive.archive_given_up[lane] = last
        done[shard] += len(batch)

    def recompute(self, first: int, last: int) -> None:
        work = recompute_of(self.lab, self.archive)
        self.lab.faults.out_of_time = False
        survived(lambda: work.run(Task(first=first, last=last)))

    def finish(self) -> None:
        """Without further faults: both consumers come to the end, the archive gets back what it gave up."""
        self.lab.faults.plan, self.lab.faults.out_of_time = {}, False
        for shard in range(SHARDS):
            while self.aggregated[shard] < len(self.log[shard]):
                self.aggregate(shard, 7)
            while self.archived[shard] < len(self.log[shard]):
                self.keep(shard, 7)
        for shard, at, size in self.dead:
            rows = self.lab.archive_ledger.rows.copy()
            self.lab.archive_ledger.rows.clear()
            archive(event(*self.log[shard][at : at + size]), ports=self.lab.archive_ports())
            self.lab.archive_ledger.rows = rows
        self.archive.holes.clear()


def sequence(entry: Entry) -> int:
    return int(entry["kinesis"]["sequenceNumber"])


def survived(run: Callable[[], Any]) -> bool:
    try:
        run()
    except (Crash, UnavailableError):
        return False
    return True


TURNS = st.lists(
    st.one_of(
        st.tuples(st.just("aggregate"), st.integers(0, 1), st.integers(1, 8)),
        st.tuples(st.just("keep"), st.integers(0, 1), st.integers(1, 8)),
        st.tuples(st.just("recompute"), st.integers(0, 3), st.integers(0, 3)),
        st.tuples(st.sampled_from(["aggregate dies", "archive dies"]), st.integers(0, 1), st.just(0)),
    ),
    min_size=5,
    max_size=30,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=SENT, turns=TURNS, faults=FAULTS)
def test_nothing_live_is_erased_and_in_the_end_every_day_is_right(
    sent: list[tuple[int, int, Any]], turns: list[tuple[str, int, int]], faults: dict[int, Fault]
) -> None:
    cloud = Cloud(log_of(sent))
    lab = cloud.lab
    start = min(
        round(entry["kinesis"]["approximateArrivalTimestamp"]) // 86_400
        for shard in cloud.log
        for entry in shard
    )
    lab.faults.plan = faults
    for what, one, other in turns:
        lab.faults.successor = cloud.beside
        if what == "aggregate":
            cloud.aggregate(one, other)
        elif what == "keep":
            cloud.keep(one, other)
        elif what == "recompute":
            cloud.recompute(start + min(one, other), start + max(one, other))
        else:
            cloud.give_up(what.split()[0], one)

    cloud.finish()
    before = seen(lab)
    lossless = not cloud.archive.given_up
    first, last = days_of(cloud.archive)
    outcome = recompute_of(lab, cloud.archive).run(Task(first=first, last=last))

    assert outcome.lagging == 0
    assert seen(lab) == expected(cloud.log)
    for key, day in expected(cloud.log).items():
        assert not lossless or before[key]["calls"] >= day["calls"], key
