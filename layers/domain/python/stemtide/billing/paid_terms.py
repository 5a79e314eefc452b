"""When each term of an account is paid for, to the day on which it is billed.

Whoever is billed on the 31st is billed on 28 February and on 31 March: a term that began on the last day of a
month because the month has no later one ends on the billing day of those before it, not three days early.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stemtide.calls import DAY_MS
from stemtide.profile import Term
from stemtide.subscriptions import Stretch, term_end_ms

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidTerm:
    """A term with the time it is paid for; `end_ms` None: as far as is known it goes on."""

    term: Term
    from_ms: int
    end_ms: int | None


def paid_terms(stretches: Iterable[Stretch]) -> Iterator[PaidTerm]:
    """The terms of an account with the time each of them is paid for, the earliest first.

    Args:
        stretches: all of the account, by their beginning.
    """
    billing_days: dict[tuple[str | None, int], int] = {}
    for stretch in stretches:
        term = stretch.term
        product = term.plan if term.addon else None
        own_day = _date(term.start_ms).day
        day = max(own_day, billing_days.get((product, term.start_ms), own_day))
        runs_out_ms = _runs_out_ms(term, day)
        if runs_out_ms is not None:
            billing_days[product, runs_out_ms] = day
        ends = [at_ms for at_ms in (stretch.until_ms, runs_out_ms) if at_ms is not None]
        end_ms = min(ends, default=None)
        if end_ms is None or stretch.from_ms < end_ms:  # a change may say that the term was over before it
            yield PaidTerm(term=term, from_ms=stretch.from_ms, end_ms=end_ms)


def _runs_out_ms(term: Term, billing_day: int) -> int | None:
    """When the term runs out: on the billing day, or on the last day of a month that is too short for it."""
    end_ms = term_end_ms(term)
    if end_ms is None:
        return None
    end = _date(end_ms)
    days_in_month = monthrange(end.year, end.month)[1]
    return end_ms + (min(billing_day, days_in_month) - end.day) * DAY_MS


def _date(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)
