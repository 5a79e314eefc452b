"""Failed payments of a seed: drawn before any policy is known, so that policies meet the same ones."""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from stemtide.config_dunning import MAX_STEPS
from stemtide.dunning.declines import DAY_MS

from simulator.dunning.assumptions import Assumptions, Declined

_S: Final = 1000


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer does about a mail: when, after it, and whether the other card works."""

    after_ms: int
    works: bool = True


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that has failed, and what nobody but the world knows of it.

    `works_ms` is when the card works again, None: never. `acts_ms` is when the customer does something by
    itself, `answers` what the mails lead to, in the order of the mails.
    """

    customer: str
    amount: int
    currency: str
    failed_ms: int
    code: str | None
    zone: ZoneInfo
    works_ms: int | None = None
    acts_ms: int | None = None
    answers: tuple[Answer | None, ...] = ()


def draw(assumed: Assumptions, *, count: int, seed: int) -> Iterator[Failure]:
    """So many failed payments; more of them begin with the same ones."""
    start = datetime.combine(assumed.first_day, time(), tzinfo=UTC)
    zones = [ZoneInfo(name) for name in assumed.zones]
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        failed_ms = round(start.timestamp() * _S) + int(rng.integers(assumed.days * DAY_MS // _S)) * _S
        amounts = assumed.amounts[_pick([one.share for one in assumed.amounts], rng.random())]
        declined = assumed.declines[_pick([one.share for one in assumed.declines], rng.random())]
        zone = zones[int(rng.integers(len(zones)))]
        yield Failure(
            customer=f"customer-{number + 1}",
            amount=max(1, round(amounts.median * float(np.exp(amounts.spread * rng.standard_normal())))),
            currency=amounts.currency,
            failed_ms=failed_ms,
            code=declined.code or None,
            zone=zone,
            works_ms=_works_ms(declined, assumed, failed_ms, zone, rng),
            answers=tuple(_answer(declined, assumed, rng) for _ in range(MAX_STEPS)),
        )


def _pick(shares: Sequence[float], drawn: float) -> int:
    """Which of the shares a number from 0 to 1 falls into."""
    ends = np.cumsum(shares)
    return min(bisect_left(ends.tolist(), drawn * float(ends[-1])), len(shares) - 1)


def _works_ms(
    declined: Declined, assumed: Assumptions, failed_ms: int, zone: ZoneInfo, rng: np.random.Generator
) -> int | None:
    drawn, by_payday = rng.random(2)
    points = ((0.0, 0.0), *declined.works_again)
    if drawn >= points[-1][1]:
        return None
    if by_payday < declined.on_payday and assumed.paydays:
        return _payday_ms(assumed, failed_ms, zone)
    shares = [share for _, share in points]
    return failed_ms + round(float(np.interp(drawn, shares, [day for day, _ in points])) * DAY_MS)


def _payday_ms(assumed: Assumptions, failed_ms: int, zone: ZoneInfo) -> int:
    """When the first payday after an instant begins to be felt."""
    day = datetime.fromtimestamp(failed_ms // _S, zone).date()
    while True:
        moment = datetime.combine(day, time(assumed.pay_hour), tzinfo=zone)
        at_ms = round(moment.timestamp() * _S)
        if at_ms > failed_ms and _is_payday(day, assumed.paydays):
            return at_ms
        day += timedelta(days=1)


def _is_payday(day: date, paydays: Sequence[int]) -> bool:
    last = monthrange(day.year, day.month)[1]
    return any(day.day == min(one, last) for one in paydays)


def _answer(declined: Declined, assumed: Assumptions, rng: np.random.Generator) -> Answer | None:
    answers, works = rng.random(2)
    after_ms = round(float(rng.standard_exponential()) * assumed.answer_days * DAY_MS)
    if answers >= declined.answers:
        return None
    return Answer(after_ms=after_ms, works=bool(works < assumed.new_card_works))
