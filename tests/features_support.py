"""Small histories of accounts, as the tests of features need them."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st
from stemtide.config_schema import Events
from stemtide.features.history import AccountHistory, Day, history_of
from stemtide.features.kernel import Row, compute
from stemtide.features.registry import NAMES
from stemtide.profile import UNKNOWN, Profile, Standing
from stemtide.users import NOBODY, union, user_hash

EVENTS = Events()
NOW = 20_000
"""The last closed day of most tests: 4 October 2024."""
NAMES_SENT = (
    "Report Created",
    "API Call",
    "login",
    "page",
    "Board Viewed",
    "Invite Sent",
    "Subscription Ended",
    "comment_added",
    "group",
    "Support Ticket Created",
)
"""A core action, an API call, a login, a page view, two features, a comment, and what systems tell."""


def day(ago: int, counts: Mapping[str, int], users: Sequence[str] = ("ann",)) -> Day:
    """A day so many days before `NOW`."""
    return Day(NOW - ago, counts, union(NOBODY, map(user_hash, users)))


def history(*days: Day, first_ago: int | None = None) -> AccountHistory:
    """Days in any order; `first_ago` is when the account was first seen, if before them."""
    first = None if first_ago is None else NOW - first_ago
    return history_of("acme", sorted(days), events=EVENTS, first_day=first)


def values(known: AccountHistory, profile: Profile = UNKNOWN, *, at: int = NOW) -> dict[str, float]:
    """The features by name."""
    [row] = compute([Row(known, Standing(profile=profile), at)]).tolist()
    return dict(zip(NAMES, row, strict=True))


def day_lists(*, longest: int = 130) -> st.SearchStrategy[list[Day]]:
    """Histories that reach up to `longest` days back and may end before `NOW`."""
    counts = st.dictionaries(st.sampled_from(NAMES_SENT), st.integers(1, 50), min_size=1)
    people = st.lists(st.sampled_from([f"u{n}" for n in range(8)]), max_size=5)
    return st.dictionaries(st.integers(0, longest), st.tuples(counts, people), max_size=40).map(
        lambda found: sorted(day(ago, *content) for ago, content in found.items())
    )
