"""What people and programs of an account do, day by day."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.calendar import MICROSECONDS, local_midnights_us, machine_factors, people_factors
from simulator.causes import Cause, Story
from simulator.customer import Customer
from simulator.plans import PLANS
from simulator.rows import INDEX, NOBODY, Rows, plain

HOUR_US: Final = 3600 * MICROSECONDS
MOST_USERS: Final = 40
"""Larger accounts have more seats than people who show up."""
USE: Final = {
    "Dashboard Viewed": 1.1,
    "Report Created": 0.35,
    "Report Exported": 0.15,
    "Record Created": 0.5,
    "Record Updated": 0.6,
    "Search Performed": 0.4,
    "File Uploaded": 0.12,
    "Dashboard Shared": 0.08,
    "Message Sent": 0.25,
    "Automation Completed": 0.2,
    "Settings Changed": 0.03,
    "User Invited": 0.02,
}
"""Event -> how often an active person does it on a day."""
CHAMPION_INTENSITY: Final = 5.0
BESIDE_CHAMPION: Final = 0.3
API_SHARE: Final = 0.85
"""Accounts that use the API."""
API_HOURS: Final = (3.0, 11.0, 19.0)
"""Three rows a day carry the API volume as weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The days of an account's story: its zone's midnights, its first day and their number."""

    zone: str
    begin: int
    count: int

    @property
    def midnights(self) -> np.ndarray:
        return local_midnights_us(self.zone, self.begin, self.count)


def people(rng: np.random.Generator, customer: Customer, story: Story, days: Days) -> Rows:
    """Sign-ins and the use of features, in the office hours of the account's zone."""
    level = story.people * people_factors(days.begin, days.count)
    users = _users(customer, story)
    present, intensity = _habits(rng, story, users)
    active = rng.random((days.count, users)) < present * np.minimum(1.0, level)[:, None]
    active &= _on_board(customer, story, users)
    if story.cause is Cause.ONE_CHAMPION and story.onset is not None:
        active[story.onset :, 0] = False
    day, user = np.nonzero(active)
    arrival = days.midnights[day] + _hours(rng.normal(9.4, 1.3, len(day)), 5.0, 15.0)
    rates = np.array(list(USE.values()))
    eagerness = intensity[user] * np.sqrt(np.clip(story.people[day], 0.1, 2.0))
    counts = rng.poisson(rates * eagerness[:, None])
    visit, feature = np.nonzero(counts)
    repeats = counts[visit, feature]
    visit, feature = np.repeat(visit, repeats), np.repeat(feature, repeats)
    at = arrival[visit] + _hours(rng.exponential(2.2, len(visit)), 0.01, 9.0)
    names = np.array([INDEX[name] for name in USE], dtype=np.int16)
    return plain(
        np.concatenate([arrival, at]),
        np.concatenate([user, user[visit]]),
        np.concatenate([np.full(len(day), INDEX["Signed In"], dtype=np.int16), names[feature]]),
    )


def machines(rng: np.random.Generator, customer: Customer, story: Story, days: Days) -> Rows:
    """API calls: few rows whose weights carry the volume."""
    uses, scale = rng.random() < API_SHARE or story.cause is Cause.API_DROP, rng.lognormal(0.0, 0.4)
    noise = rng.lognormal(0.0, 0.1, days.count)
    volume = customer.seats * PLANS[customer.plan].api_per_seat * scale
    level = story.machines * machine_factors(days.begin, days.count) * noise
    counts = rng.poisson(volume * level[:, None] / len(API_HOURS) * uses, (days.count, len(API_HOURS)))
    day, part = np.nonzero(counts)
    within = rng.uniform(0.0, 4.0, len(day))
    at = days.midnights[day] + _hours(np.array(API_HOURS)[part] + within, 0.0, 24.0)
    return plain(at, NOBODY, INDEX["API Call"], counts[day, part])


def _users(customer: Customer, story: Story) -> int:
    most = float(story.people.max()) if story.cause is Cause.GROWING else 1.0
    return int(np.clip(round(customer.seats * 0.9 * most), 1, MOST_USERS))


def _habits(rng: np.random.Generator, story: Story, users: int) -> tuple[np.ndarray, np.ndarray]:
    """By user: the chance to show up on an ordinary day, and how much is done then."""
    present = rng.beta(4.0, 3.0, users)
    intensity = rng.lognormal(0.0, 0.35, users)
    if story.cause is Cause.ONE_CHAMPION:
        intensity *= BESIDE_CHAMPION
        present *= BESIDE_CHAMPION * 2
        present[0], intensity[0] = 0.96, CHAMPION_INTENSITY
    return present, intensity


def _on_board(customer: Customer, story: Story, users: int) -> np.ndarray:
    """By day and user, who has joined yet: a growing account adds people."""
    if story.cause is not Cause.GROWING:
        return np.ones((len(story.people), users), dtype=bool)
    room = np.maximum(1.0, customer.seats * 0.9 * story.people)
    found: np.ndarray = np.arange(users) < room[:, None]
    return found


def _hours(hours: np.ndarray, low: float, high: float) -> np.ndarray:
    found: np.ndarray = (np.clip(hours, low, high) * HOUR_US).astype(np.int64)
    return found
