"""What an event type probably means, guessed from its name's words and from how it is used, and the line of
`stemtide.toml` that would say so.

A guess is for people to accept: nothing is counted by it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from stemtide.calls import RESERVED_PREFIX
from stemtide.config_schema import Events, Signal
from stemtide.limits import MAX_EVENT_NAME_CHARS, OTHER_EVENT


class Kind(StrEnum):
    """What an event type is; the first five are what `[events]` in `stemtide.toml` can say."""

    CORE_ACTION = "core action"
    API_CALL = "API call"
    LOGIN = "login"
    INVITE = "invite"
    COMMENT = "comment"
    PAGE_VIEW = "page view"
    SYSTEM_FACT = "system fact"
    IDENTITY = "identity"
    OVERFLOW = "beyond the cap"
    UNCLEAR = "unclear"


class Guess(NamedTuple):
    """A kind and, in words, what it was guessed from."""

    kind: Kind
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How an event type is used: events, the account-days and accounts with it, of how many accounts in all,
    and its distinct users (None: unknown)."""

    events: int
    account_days: int
    accounts: int
    all_accounts: int
    users: int | None = None


class Suggestion(NamedTuple):
    """An addition to a list of `[events]`: the list's key, the pattern, a line that shows both, and why."""

    key: str
    pattern: str
    line: str
    why: str


MACHINE_EVENTS: Final = 1_000
"""Events an account-day from which on nobody clicks: 8 hours of one every 30 seconds are 960."""
HUMAN_EVENTS: Final = 50
"""Events an account-day up to which people may well do something of worth by hand."""
COMMON_SHARE: Final = 0.2
"""Share of the accounts in which a core action happens: what one in five does not do is hardly the core."""

SIGNALS: Final = {
    Kind.CORE_ACTION: Signal.CORE_ACTION,
    Kind.API_CALL: Signal.API_CALL,
    Kind.LOGIN: Signal.LOGIN,
    Kind.INVITE: Signal.INVITE,
    Kind.COMMENT: Signal.COMMENT,
}
_CALL_KINDS: Final = {
    "page": Kind.PAGE_VIEW,
    "screen": Kind.PAGE_VIEW,
    "identify": Kind.IDENTITY,
    "group": Kind.IDENTITY,
    "alias": Kind.IDENTITY,
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FAILURES: Final = _words(
    "failed failure error denied rejected declined cancelled canceled aborted attempt attempted"
)
"""A name with one of these tells of an attempt: it is no login and no core action."""
_UNDOING: Final = _words(
    "cancel delete deleted remove removed lose lost revoke revoked logout signout unsubscribe unsubscribed "
    "unsub unfriend unfriended unfollow unfollowed uninstall uninstalled"
)
"""A name with one of these tells of an end, not of the thing itself."""
_NOT_THE_THING: Final = (
    (_FAILURES, "an attempt, not the thing itself"),
    (_UNDOING, "an end, not the thing itself"),
)
_ANSWERS: Final = _words("accept accepted receive received expire expired")
"""Beside an invitation they tell what became of it: it was counted when it was sent."""
_LOOKING: Final = _words(
    "view viewed views visit visited seen scrolled hovered pageview pageviews adview adviews"
)
"""Who looks at a thing has not done it: `Login Page Viewed` is no login."""
_COMPOUND: Final = "page"
"""A word with this end is a page: `homepage`."""
_TELLING: Final = {
    Kind.INVITE: _words("invite invited invites invitation invitations inviting"),
    Kind.COMMENT: _words("comment commented comments reply replied mention mentioned"),
    Kind.LOGIN: _words("login logins signin logon loggedin signedin authenticated"),
    Kind.API_CALL: _words("api webhook webhooks graphql endpoint sdk rpc"),
    Kind.PAGE_VIEW: _words("opened open page screen"),
    Kind.CORE_ACTION: _words(
        "create created add added edit edited update updated complete completed finish finished send sent "
        "share shared export exported import imported publish published upload uploaded download downloaded "
        "win won close closed submit submitted approve approved schedule scheduled generate generated run "
        "ran deploy deployed merge merged assign assigned move moved sign signed book booked build built "
        "convert converted save saved record recorded analyze analyzed"
    ),
}
"""By falling precedence: an `invite_sent` is an invite, not just something that was sent."""
_PAIRS: Final = {
    ("logged", "in"): Kind.LOGIN,
    ("log", "in"): Kind.LOGIN,
    ("logged", "out"): Kind.UNCLEAR,
    ("log", "out"): Kind.UNCLEAR,
    ("signed", "out"): Kind.UNCLEAR,
    ("sign", "out"): Kind.UNCLEAR,
    ("signed", "in"): Kind.LOGIN,
    ("sign", "in"): Kind.LOGIN,
    ("session", "start"): Kind.LOGIN,
    ("session", "started"): Kind.LOGIN,
}
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d+")
_SPECIAL: Final = re.compile(r"[*?\[]")


def words_of(name: str) -> list[str]:
    """The words of a name in lower case: `dealWon`, `deal_won` and `Deal Won` have the same two."""
    return [word.casefold() for word in _WORD.findall(name)]


def guess(name: str, behaviour: Behaviour) -> Guess:
    """What an event type (a `by_event` key) probably is: by its name or, if that says nothing, by its use."""
    if name == OTHER_EVENT:
        return Guess(Kind.OVERFLOW, "event types beyond an account-day's cap are counted here")
    if name in _CALL_KINDS:
        return Guess(_CALL_KINDS[name], f"a `{name}` call, not a track call")
    if name.startswith(RESERVED_PREFIX):
        return Guess(Kind.SYSTEM_FACT, "a reserved event that a system sends on behalf of the account")
    return _by_name(words_of(name)) or _by_use(behaviour)


def suggest(name: str, guessed: Guess, events: Events) -> Suggestion | None:
    """What to add to `[events]` for an event type that no pattern matches; None if nothing is to be added."""
    signal = SIGNALS.get(guessed.kind)
    pattern = _SPECIAL.sub(lambda found: f"[{found[0]}]", name)
    if signal is None or events.classify(name) or len(pattern) > MAX_EVENT_NAME_CHARS:
        return None
    key = key_of(signal)
    shown = ", ".join(["...", toml_string(pattern)] if getattr(events, key) else [toml_string(pattern)])
    return Suggestion(key, pattern, f"{key} = [{shown}]", guessed.why)


def toml_of(suggestions: list[Suggestion], events: Events) -> str:
    """The lines of `[events]` with all suggestions added to what is configured, as they may be pasted."""
    lines = []
    for key in dict.fromkeys(suggestion.key for suggestion in suggestions):
        new = [suggestion.pattern for suggestion in suggestions if suggestion.key == key]
        patterns = ", ".join(map(toml_string, [*getattr(events, key), *new]))
        lines.append(f"{key} = [{patterns}]")
    return "\n".join(lines)


def key_of(signal: Signal) -> str:
    """The key of `[events]` whose patterns tell a signal."""
    return f"{signal.value}s"


def toml_string(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'


def _by_name(words: list[str]) -> Guess | None:
    for telling, why in _NOT_THE_THING:
        word = _first(words, telling)
        if word is not None:
            return Guess(Kind.UNCLEAR, f"its name says '{word}': {why}")
    answer = _first(words, _ANSWERS) if _first(words, _TELLING[Kind.INVITE]) else None
    if answer is not None:
        return Guess(Kind.UNCLEAR, f"its name says '{answer}': what became of an invitation")
    looked = _first(words, _LOOKING)
    if looked is not None:
        return Guess(Kind.PAGE_VIEW, f"its name says '{looked}'")
    for first, second in pairwise(words):
        kind = _PAIRS.get((first, second))
        if kind is not None:
            return Guess(kind, f"its name says '{first} {second}'")
    for kind, telling in _TELLING.items():
        word = _first(words, telling)
        if word is not None:
            return Guess(kind, f"its name says '{word}'")
    page = next((word for word in words if word.endswith(_COMPOUND)), None)
    return None if page is None else Guess(Kind.PAGE_VIEW, f"its name says '{page}'")


def _first(words: list[str], telling: frozenset[str]) -> str | None:
    return next((word for word in words if word in telling), None)


def _by_use(use: Behaviour) -> Guess:
    a_day = use.events / max(1, use.account_days)
    if a_day >= MACHINE_EVENTS:
        return Guess(Kind.API_CALL, f"{a_day:,.0f} events an account and day: no person does that")
    share = use.accounts / max(1, use.all_accounts)
    if share >= COMMON_SHARE and a_day <= HUMAN_EVENTS and use.users != 0:
        return Guess(
            Kind.CORE_ACTION, f"people in {share:.0%} of the accounts do it, {a_day:,.1f} times a day of use"
        )
    return Guess(Kind.UNCLEAR, "neither its name nor its use tells")
