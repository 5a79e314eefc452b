"""How actively an account uses the product: one of four segments, at the end of a closed day.

The segments are those in which customer success teams usually count active days of a month (20 or more,
10 to 19, 5 to 9, fewer). An account is more than a user: it is a power account only if it does not hang on
one person, and whatever it still does, it is at risk if it does far less than it did itself.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SEGMENT_DAYS: Final = 30
"""Days of a window: the last ones, and as many before them that tell what the account did itself."""
POWER_DAYS: Final = 20.0
"""Active days of 30: nearly all the working days of a month, which has 21 or 22."""
REGULAR_DAYS: Final = 10.0
"""Every other working day."""
LIGHT_DAYS: Final = 5.0
"""About once a week; who comes more rarely than that has no habit that would keep them."""
POWER_USERS: Final = 2
"""One person's habit leaves with that person."""
FALL: Final = 0.5
"""Events of 30 days against the 30 before: below this share the account falls. What the shipped detection
rules call a drop (`[[detection.rules]]`), over a month instead of a week."""
NEW_DAYS: Final = 14
"""Known days before which few active ones tell nothing: a trial's first two weeks are no decline."""
RATE_DAYS: Final = 7
"""Least days over which active ones are extrapolated: one day of use is not thirty."""


class Segment(StrEnum):
    """From the most to the least active."""

    POWER = "power"
    REGULAR = "regular"
    LIGHT = "light"
    AT_RISK = "at_risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What an account did up to the end of a closed day.

    `known_days` since its first usage, the closed day included (at least 1); `active_days` with usage,
    `users` distinct and `events` of the last 30 days, `active_days_before` and `events_before` of the 30
    before them.
    """

    known_days: int
    active_days: int = 0
    users: int = 0
    events: int = 0
    active_days_before: int = 0
    events_before: int = 0


def segment_of(activity: Activity) -> Segment:
    """The segment; the first that applies.

    1. at risk: it falls (`falls`), or it is known for 14 days and was active on fewer than 5 of 30;
    2. power: active on 20 of 30 days or more, with 2 users or more;
    3. regular: active on 10 of 30 days or more;
    4. light: all others, and whoever is too new to tell.

    Active days of an account that is known for fewer than 30 are extrapolated to 30.
    """
    rate = active_of_thirty(activity)
    if falls(activity) or (rate < LIGHT_DAYS and activity.known_days >= NEW_DAYS):
        return Segment.AT_RISK
    if rate >= POWER_DAYS and activity.users >= POWER_USERS:
        return Segment.POWER
    return Segment.REGULAR if rate >= REGULAR_DAYS else Segment.LIGHT


def active_of_thirty(activity: Activity) -> float:
    """Active days of 30: counted, or extrapolated from the known ones."""
    known = min(SEGMENT_DAYS, max(RATE_DAYS, activity.known_days))
    return activity.active_days * SEGMENT_DAYS / known


def falls(activity: Activity) -> bool:
    """Whether an account that was in use lost more than half of its own events of the 30 days before.

    Both windows must be known in full, and the earlier one must have been in use at least weekly: of next
    to nothing half is noise.
    """
    if activity.known_days < 2 * SEGMENT_DAYS or activity.active_days_before < LIGHT_DAYS:
        return False
    return activity.events < FALL * activity.events_before
