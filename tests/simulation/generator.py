"""From a seed to a plan."""

from collections.abc import Iterator
from typing import Final

from stemtide.state import Caps

from tests.simulation import plan as p
from tests.simulation.dice import Dice
from tests.simulation.generated_deliveries import Deliveries
from tests.simulation.generated_records import Records
from tests.simulation.pool import ACCOUNTS, COMMENTS, DAY_MS, HOUR_MS, TODAY_MS
from tests.simulation.stream import HASHES

RECORDS: Final = 200
REMEMBERED: Final = (0, 0, 0, 12, 2_000)
"""Ids that an environment remembers beyond the window: without any, every count is certain."""


ANEW: Final = 1 << 40
"""Beyond all seeds: what is drawn again is no other seed's plan."""


def generate(seed: int, again: int = 0) -> p.Plan:
    """The plan of a seed: at least 200 records, at least 3 shards.

    Args:
        again: how often it was drawn before, and was too small: the partition keys may leave a shard empty.
    """
    dice = Dice(seed + again * ANEW)
    deliveries = Deliveries(dice)
    window, near_midnight = 3 + dice.below(8), dice.roll() < 0.4
    records = Records(dice, window=window, near_midnight=near_midnight)
    shards = 3 + dice.below(2)
    remembered = dice.among(REMEMBERED)
    return p.Plan(
        seed=seed,
        shards=shards,
        start_ms=TODAY_MS + (DAY_MS - HOUR_MS // 6 if near_midnight else 12 * HOUR_MS),
        caps=Caps(
            id_window=window,
            inline_users=2 + dice.below(8),
            event_types=3 + dice.below(7),
            remembered_ids=remembered,
            new_duplicates=1 + dice.below(3) if dice.below(4) == 0 else 1_000,
            is_comment=COMMENTS.__contains__,
        ),
        hashes=_hashes(dice, shards),
        retries=(dice.below(4), dice.below(4)),
        bisects=(dice.has("aggregate: batch bisected"), dice.has("archive: batch bisected")),
        child_first=dice.has("child before parent"),
        zombies_last=dice.roll() < 0.5,
        cutover=_cutover(dice),
        ops=tuple(_ops(dice, records, deliveries)),
    )


def _hashes(dice: Dice, shards: int) -> dict[str, int]:
    """By account: every shard that the stream begins with has some."""
    first, width = dice.below(shards), HASHES // shards
    return {
        account: (first + number) % shards * width + dice.below(width)
        for number, account in enumerate(ACCOUNTS)
    }


def _cutover(dice: Dice) -> tuple[str, int] | None:
    if not dice.has("account with a cutover"):
        return None
    return dice.among(ACCOUNTS), TODAY_MS + dice.below(12) * HOUR_MS


def _ops(dice: Dice, records: Records, deliveries: Deliveries) -> Iterator[p.Op]:
    left = RECORDS
    anew_at = dice.below(RECORDS) if dice.has("stream created anew") else -1
    while left > 0:
        put = records.put(min(left, 16 + dice.below(24)))
        left -= len(put.specs)
        yield put
        for _ in range(1 + dice.below(3)):
            yield deliveries.invoke()
        yield from _between(dice, deliveries)
        if anew_at >= left:
            anew_at = -1
            yield p.CreateAnew(3 + dice.below(2), dice.roll() < 0.5)
    for _ in range(3):
        yield deliveries.invoke()


def _between(dice: Dice, deliveries: Deliveries) -> Iterator[p.Op]:
    if dice.roll() < 0.3 and dice.has("split"):
        yield p.Reshard(split=True, pick=dice.below(8))
    if dice.roll() < 0.3 and dice.has("merge"):
        yield p.Reshard(split=False, pick=dice.below(8))
    if dice.roll() < 0.35 and deliveries.recount_kinds:
        yield deliveries.recount()
    if dice.roll() < 0.4:
        yield p.Wake(1 + dice.below(6)) if dice.roll() < 0.5 else p.Look()
