"""The hourly comparison of what came in with what became of it, while more is coming in."""

from stemtide.balance import LOOKS, Balance, check
from stemtide.store.counters import Counters, LaneBalance


def lane(name: str, *, received: int, applied: int, archive_mark: int = 9) -> LaneBalance:
    return LaneBalance(
        lane=name,
        received=received,
        applied=applied,
        duplicate=0,
        quarantined=0,
        forwarded=0,
        dead=0,
        aggregate_mark=9,
        archive_mark=archive_mark,
    )


def counters(*lanes: LaneBalance) -> Counters:
    return Counters(received=0, applied=0, duplicate=0, quarantined=0, forwarded=0, dead=0, lanes=lanes)


def test_each_lane_is_compared_at_the_look_that_finds_its_consumers_equally_far() -> None:
    looks = [
        counters(lane("1/0", received=5, applied=4), lane("1/1", received=8, applied=2, archive_mark=12)),
        counters(lane("1/0", received=9, applied=2, archive_mark=12), lane("1/1", received=8, applied=10)),
    ]
    pauses: list[float] = []

    found = check(iter(looks).__next__, pause=pauses.append)

    assert found == Balance(unbalanced=3, lanes_compared=2, lanes_left=0)
    assert len(pauses) == 1


def test_a_lane_whose_consumers_are_never_equally_far_is_reported_as_not_compared() -> None:
    behind = counters(lane("1/0", received=8, applied=2, archive_mark=12), lane("1/1", received=3, applied=3))
    pauses: list[float] = []

    found = check(lambda: behind, pause=pauses.append)

    assert found == Balance(unbalanced=0, lanes_compared=1, lanes_left=1)
    assert len(pauses) == LOOKS - 1


def test_a_deployment_without_lanes_balances_at_once() -> None:
    assert check(counters, pause=lambda _: None) == Balance(unbalanced=0, lanes_compared=0, lanes_left=0)
