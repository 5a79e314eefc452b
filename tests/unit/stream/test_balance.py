"""The comparison of what came in with what became of it: at equal marks, else at a common checkpoint."""

from dataclasses import replace

from stemtide.balance import Account, Balance, Counters, DeadTotal, LaneBalance, check, lane_balance
from stemtide.ports import Checkpoint, LedgerRow

LANE = "1/0"
NONE_DEAD = DeadTotal(lane=LANE)


def account(
    calls: int, *, mark: int, name: str, points: dict[int, int] | None = None, dead: DeadTotal = NONE_DEAD
) -> Account:
    """A consumer with checkpoints at the records of `points`, by the calls before them."""
    checkpoints = tuple(Checkpoint(at, at, before) for at, before in (points or {}).items())
    return Account(LedgerRow(lane=LANE, mark=mark, counts={name: calls}, checkpoints=checkpoints), dead)


def aggregates(
    calls: int, *, mark: int, points: dict[int, int] | None = None, dead: DeadTotal = NONE_DEAD
) -> Account:
    return account(calls, mark=mark, name="applied", points=points, dead=dead)


def archive(
    calls: int, *, mark: int, points: dict[int, int] | None = None, dead: DeadTotal = NONE_DEAD
) -> Account:
    return account(calls, mark=mark, name="in", points=points, dead=dead)


def lane(*, archive_mark: int = 9, before: int | None = None) -> LaneBalance:
    found = lane_balance(aggregates(4, mark=9), archive(5, mark=archive_mark))
    return replace(found, unbalanced_before=before)


def counters(*lanes: LaneBalance) -> Counters:
    return Counters(received=0, applied=0, duplicate=0, quarantined=0, forwarded=0, dead=0, lanes=lanes)


def test_the_check_adds_up_the_lanes_it_can_compare_and_counts_the_others() -> None:
    found = check(counters(lane(), lane(archive_mark=12, before=-2), lane(archive_mark=12)))

    assert found == Balance(unbalanced=3, lanes_compared=2, lanes_left=1)


def test_a_deployment_without_lanes_balances() -> None:
    assert check(counters()) == Balance(unbalanced=0, lanes_compared=0, lanes_left=0)


def test_consumers_equally_far_are_compared_by_all_they_counted() -> None:
    found = lane_balance(aggregates(7, mark=9, points={5: 3}), archive(8, mark=9, points={5: 3}))

    assert (found.settled, found.unbalanced) == (True, 1)


def test_others_are_compared_before_the_newest_record_at_which_both_have_a_checkpoint() -> None:
    found = lane_balance(
        aggregates(7, mark=9, points={2: 1, 5: 3, 7: 4}), archive(20, mark=30, points={5: 5, 6: 5, 12: 9})
    )

    assert (found.settled, found.unbalanced) == (False, 2)


def test_without_a_common_checkpoint_a_lane_cannot_be_compared() -> None:
    found = lane_balance(aggregates(7, mark=9, points={2: 1}), archive(20, mark=30, points={5: 5}))

    assert found.unbalanced is None
    assert counters(found).unbalanced == 0


def test_a_lane_that_only_one_consumer_has_entered_cannot_be_compared() -> None:
    found = lane_balance(Account(LedgerRow(lane=LANE), NONE_DEAD), archive(3, mark=9, points={2: 0}))

    assert found.unbalanced is None


def test_what_was_given_up_before_a_checkpoint_is_accounted_for() -> None:
    dead = DeadTotal(lane=LANE, payloads=1, events=4, last=6)
    unarchived = DeadTotal(lane=LANE, payloads=1, events=1, last=4)

    found = lane_balance(
        aggregates(9, mark=12, points={2: 1, 8: 5}, dead=dead),
        archive(20, mark=30, points={2: 1, 8: 8, 20: 15}, dead=unarchived),
    )

    assert found.unbalanced == 0


def test_a_checkpoint_at_or_before_something_given_up_is_not_used() -> None:
    dead = DeadTotal(lane=LANE, payloads=1, events=4, last=8)

    found = lane_balance(
        aggregates(9, mark=12, points={8: 5}, dead=dead), archive(20, mark=30, points={8: 5})
    )

    assert found.unbalanced is None
