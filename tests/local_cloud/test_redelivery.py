"""A mapping's position moves only past settled batches, and survives the emulator."""

from __future__ import annotations

import pytest

from tests.local_cloud.consumers import Cloud
from tests.local_cloud.emulator_process import Emulator, eventually


@pytest.fixture(scope="module")
def cloud(mortal: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    return Cloud(mortal, tmp_path_factory.mktemp("redelivery"))


def test_a_batch_in_flight_is_delivered_again_after_a_kill_and_a_settled_one_is_not(cloud: Cloud) -> None:
    """ "Lambda checkpoints to the highest sequence number of a batch only when the batch is a complete
    success": records are delivered at least once."""
    gate = cloud.folder / "gate"
    source = cloud.stream("redelivered")
    trace = cloud.consumer("redelivered", GATE=str(gate))
    cloud.map("redelivered", source, BatchSize=2)
    cloud.put("redelivered", {"n": 0}, {"n": 1}, {"n": 2, "wait": 1}, {"n": 3}, {"n": 4})
    eventually(lambda: trace.batches() == [[0, 1], [2, 3]])

    cloud.emulator.kill()
    gate.touch()
    cloud.emulator.start()

    eventually(lambda: 4 in trace.seen())
    assert trace.batches() == [[0, 1], [2, 3], [2, 3], [4]]


def test_a_split_under_way_goes_on_after_a_kill(cloud: Cloud) -> None:
    """Parent before children holds across restarts; nothing of either is lost."""
    source = cloud.stream("split-and-killed")
    gate = cloud.folder / "split-gate"
    trace = cloud.consumer("split-and-killed", GATE=str(gate))
    cloud.map("split-and-killed", source, BatchSize=1)
    cloud.put("split-and-killed", {"n": 0}, {"n": 1, "wait": 1}, {"n": 2})
    eventually(lambda: trace.seen() == [0, 1])
    cloud.client("kinesis").split_shard(
        StreamName="split-and-killed", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    cloud.put("split-and-killed", *[{"n": number, "key": str(number)} for number in range(10, 16)])

    cloud.emulator.kill()
    gate.touch()
    cloud.emulator.start()

    eventually(lambda: set(trace.seen()) == {0, 1, 2, *range(10, 16)})
    assert trace.seen()[:4] == [0, 1, 1, 2]
    assert sorted(trace.seen()[4:]) == list(range(10, 16))
