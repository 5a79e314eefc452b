"""The evaluation protocol: at which days accounts are looked at, which of them, and what came of them.

A snapshot is the end of UTC day t: day t is past, the horizon is the days t+1 … t+H. Days are counted from
1970-01-01. Labels look ahead, conditions never do; the two share no code path but the account's own past.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from stemtide_cli.mapping_training import ENDS, Kind, Population, Snapshots, Target

Ints: TypeAlias = npt.NDArray[np.int64]

SPLIT_SHARE: Final = 0.65
"""Of the events' span: fit labels end before this day, test snapshots lie after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTerm:
    """A term of a plan (no add-on), in days; `ends` is the day it runs out on, None if it is open-ended."""

    start: int
    ends: int | None
    tier: int | None
    agreed: int | None = None
    """The day its bill period began, where something else than that began at its start: a change amid the
    period is no renewal. None: on its start."""

    @property
    def renewed_on(self) -> int:
        """The day its bill period began."""
        return self.start if self.agreed is None else self.agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """From which day on an account was enrolled, and the day it left, None if it stayed."""

    registered: int | None
    left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfEnd:
    """What a win-back play says of the end of a subscription on a day: whether the customer counts as lost,
    and until when the play looked, which is the day of its return if it came back."""

    ended: int
    until: int
    is_lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayOutcome:
    """What became known on a day of a win-back or retention play."""

    day: int
    outcome: str
    of_end: OfEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What happened to one account: active days ascending, base terms by start, enrolment, plays by day."""

    active: Ints
    terms: tuple[BaseTerm, ...] = ()
    enrolment: Enrolment | None = None
    plays: tuple[PlayOutcome, ...] = ()

    def active_days(self, first: int, last: int) -> int:
        """Active days from `first` to `last`, both included."""
        low, high = self.active.searchsorted((first, last + 1))
        return int(high - low)

    def term_at(self, day: int) -> BaseTerm | None:
        """The term that runs at the end of a day: the latest to have started, unless it ran out."""
        place = bisect_right([term.start for term in self.terms], day) - 1
        if place < 0:
            return None
        term = self.terms[place]
        return term if term.ends is None or term.ends > day else None

    @property
    def ends(self) -> tuple[OfEnd, ...]:
        """What plays say of ends of its subscriptions."""
        return tuple(play.of_end for play in self.plays if play.of_end is not None)

    def last_outcome(self, day: int) -> str | None:
        """What was known last of its plays at the end of a day, None where nothing was."""
        place = bisect_right([play.day for play in self.plays], day)
        return self.plays[place - 1].outcome if place else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The days of one clock: accounts that share an origin (the log's first day, or a course's day zero).

    `observed` is the last day of which is known whether something happened.
    """

    origin: int
    observed: int


def split_day(first: int, last: int) -> int:
    """The day that divides a log whose events lie from `first` to `last`."""
    return first + int(SPLIT_SHARE * (last - first))


def snapshot_days(snapshots: Snapshots, window: Window) -> range:
    """The days of a clock at whose end accounts are looked at."""
    return range(window.origin + snapshots.first_day, window.observed + 1, snapshots.every_days)


def known_on(target: Target, account: Outcomes, day: int) -> int:
    """The day at whose end it is known what came of the account: that on which the horizon ends, or the last
    one on which a renewal may begin."""
    if target.kind is Kind.NOT_RENEWED:
        term = account.term_at(day)
        if term is not None and term.ends is not None:
            return term.ends + target.grace
    return day + target.horizon_days


def is_in_population(population: Population, target: Target, account: Outcomes, day: int) -> bool:
    """Whether an account is looked at, by what was known at the end of the day."""
    if not _is_at_stake(target, account, day):
        return False
    if population.subscribed and account.term_at(day) is None:
        return False
    if population.enrolled and not _is_enrolled(account.enrolment, day):
        return False
    tenure = max(population.min_tenure_days, target.min_tenure_days)
    if tenure and (not account.terms or day - account.terms[0].start < tenure):
        return False
    for within in (population.active_within_days, target.active_within_days):
        if within is not None and not account.active_days(day - within + 1, day):
            return False
    if population.min_active_days is not None and population.min_active_days_within is not None:
        first = day - population.min_active_days_within + 1
        return account.active_days(first, day) >= population.min_active_days
    return True


def happened(target: Target, account: Outcomes, day: int, *, known: Outcomes | None = None) -> bool:
    """Whether the target came true in the horizon after the day.

    Args:
        known: what was known of the account at the end of the day, None: the same. What had come true before
            and was not known yet comes true for whoever looked.
    """
    known = known or account
    last = day + target.horizon_days
    if target.kind is Kind.SUBSCRIPTION_ENDED:
        return _has_ended(account, known, day, last)
    if target.kind is Kind.UPGRADED:
        return _is_upgraded(account, known, day, last)
    if target.kind is Kind.NOT_RENEWED:
        return _is_not_renewed(account, known, day, known_on(target, known, day))
    if target.kind is Kind.OUTCOME:
        return any(day < play.day <= last and play.outcome == target.outcome for play in account.plays)
    has_left = _leaves(account.enrolment, day, last)
    if target.kind is Kind.WITHDRAWN:
        return has_left
    return not account.active_days(day + 1, last) or (target.or_withdrawn and has_left)


def _is_at_stake(target: Target, account: Outcomes, day: int) -> bool:
    """Whether it can happen at all: a running term that is to be renewed, or a play without the outcome."""
    if target.kind is Kind.NOT_RENEWED:
        term = account.term_at(day)
        return term is not None and term.ends is not None and term.ends <= day + target.horizon_days
    if target.kind is Kind.OUTCOME:
        return account.last_outcome(day) not in (None, target.outcome)
    return True


def decided_on(target: Target, account: Outcomes, day: int, *, known: Outcomes) -> int:
    """The day at whose end the label is what it is: `known_on`, or later that on which the last play became
    known that changed it."""
    until = known_on(target, known, day)
    if target.kind not in ENDS or not account.ends:
        return until
    label = happened(target, account, day, known=known)
    for told in range(len(account.plays), 0, -1):
        before = replace(account, plays=account.plays[: told - 1])
        if happened(target, before, day, known=known) is not label:
            return max(until, account.plays[told - 1].day)
    return until


def _has_ended(account: Outcomes, known: Outcomes, day: int, last: int) -> bool:
    """By facts and plays: a customer that a play calls lost is, whatever came later; one that came back has
    another term since, also where no fact tells of it."""
    if _is_lost(account, known, day, last):
        return True
    ends = account.terms[-1].ends if account.terms else None
    if ends is not None and any(ends <= one.until for one in account.ends if not one.is_lost):
        return False
    return ends is not None and ends <= last and (day < ends or known.term_at(day) is not None)


def _is_not_renewed(account: Outcomes, known: Outcomes, day: int, begin_by: int) -> bool:
    """The same of a term that is to be renewed: the end that a play is about is that of the subscription that
    ran on the day, unless it was renewed before."""
    if _is_lost(account, known, day, begin_by):
        return True
    if any(day < term.renewed_on <= begin_by for term in account.terms):
        return False
    return not any(
        day < one.ended and not any(day < term.renewed_on <= one.ended for term in account.terms)
        for one in account.ends
        if not one.is_lost
    )


def _is_lost(account: Outcomes, known: Outcomes, day: int, last: int) -> bool:
    """Whether a play calls the customer lost whose subscription ended by the last day: after the snapshot, or
    before it and not known of then."""
    return any(
        one.ended <= last and (day < one.ended or _was_thought_to_run(account, known, day, one.ended))
        for one in account.ends
        if one.is_lost
    )


def _was_thought_to_run(account: Outcomes, known: Outcomes, day: int, ended: int) -> bool:
    has_begun_again = any(ended <= term.start <= day for term in account.terms)
    return known.term_at(day) is not None and not has_begun_again


def _is_upgraded(account: Outcomes, known: Outcomes, day: int, last: int) -> bool:
    now = known.term_at(day)
    if now is None or now.tier is None:
        return False
    in_truth = account.term_at(day)
    later = [term for term in account.terms if day < term.start <= last]
    return any(
        term.tier is not None and term.tier > now.tier for term in (in_truth, *later) if term is not None
    )


def _is_enrolled(enrolment: Enrolment | None, day: int) -> bool:
    if enrolment is None or enrolment.registered is None or enrolment.registered > day:
        return False
    return enrolment.left is None or enrolment.left > day


def _leaves(enrolment: Enrolment | None, day: int, last: int) -> bool:
    return enrolment is not None and enrolment.left is not None and day < enrolment.left <= last
