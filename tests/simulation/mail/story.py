"""What happens in one run: requests that come several times, things that stand against them, and faults."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple

from stemtide.calls import DAY_MS
from stemtide.mail.message import MailRequest

from tests.simulation.mail.table import Fault

MONDAY_MS: Final = 20_787 * DAY_MS + 7 * 3_600_000
"""2026-11-30, 07:00 UTC."""
ACCOUNTS: Final = ("acme", "beta:1")
RECIPIENTS: Final = ("ada@example.com", "Bob@example.com")
TEMPLATES: Final = ("payment_failed", "win_back_hello", "limit_reached", "broken")
JOURNEYS: Final = {
    "payment_failed": "dunning",
    "win_back_hello": "win_back",
    "limit_reached": "upsell",
    "broken": "upsell",
}


class Act(StrEnum):
    """What happens besides requests."""

    OPT_OUT = "an address opts out"
    CHOOSE = "an address chooses none of a journey's mails"
    OPT_IN = "an address opts in again"
    HOLD = "an account is held"
    RELEASE = "an account is released"
    ERASE = "an account is erased"
    LEAVE_ALONE = "an account's profile says do_not_contact"
    PAUSE = "a campaign is paused"
    RESUME = "a campaign is resumed"
    NOTICE = "a notice of a message arrives"
    FOREIGN = "a notice of somebody else's message arrives"
    SWEEP = "abandoned claims are looked for"
    WAIT = "time passes"
    BACK = "the clock is set back"


class Ses(StrEnum):
    """How SES answers."""

    TAKES = "takes it"
    LOST = "takes it, the reply is lost"
    LOST_BEFORE = "the request is lost, no reply"
    CRASH_BEFORE = "the process dies before"
    CRASH_AFTER = "takes it, then the process dies"
    TOO_FAST = "too many requests"
    REJECTS = "rejects the message"
    STOPPED = "sending is paused"
    OTHER = "something else happens first"


class Event(NamedTuple):
    """A request by its place among the requests; with `act`, what happens to its account, its recipient or
    its campaign, by `much`."""

    request: int
    act: Act | None = None
    much: int = 0


@dataclass(frozen=True, kw_only=True)
class Story:
    """Requests, the events in their order, and what goes wrong at the n-th call of the tables and of SES."""

    seed: int
    requests: tuple[MailRequest, ...]
    events: tuple[Event, ...]
    faults: dict[int, Fault]
    answers: dict[int, Ses]


_WEIGHTED: Final = (
    *(Act.OPT_OUT, Act.HOLD, Act.LEAVE_ALONE, Act.PAUSE, Act.FOREIGN, Act.ERASE, Act.SWEEP, Act.BACK),
    *(Act.OPT_OUT, Act.HOLD, Act.NOTICE, Act.NOTICE, Act.NOTICE, Act.NOTICE, Act.WAIT, Act.WAIT),
    *(Act.OPT_IN, Act.CHOOSE, Act.RELEASE, Act.RESUME, Act.RESUME),
)
_FAULTS: Final = (*Fault, *[Fault.OTHER] * 4)
_ANSWERS: Final = (*Ses,)


def story(seed: int) -> Story:
    """A run, drawn from its seed."""
    source = Random(seed)
    requests = tuple(_request(source) for _ in range(source.randint(1, 5)))
    arriving = [n for n in range(len(requests)) for _ in range(source.choice((1, 1, 2, 3)))]
    events = [Event(n) for n in arriving]
    events += [
        Event(source.randrange(len(requests)), source.choice(_WEIGHTED), source.randrange(1_000))
        for _ in range(source.randint(0, 7))
    ]
    source.shuffle(events)
    calls = 4 * len(events)
    return Story(
        seed=seed,
        requests=requests,
        events=tuple(events),
        faults={
            source.randint(1, calls): source.choice(_FAULTS) for _ in range(source.choice((0, 1, 2, 4, 6)))
        },
        answers={
            source.randint(1, len(arriving)): source.choice(_ANSWERS)
            for _ in range(source.choice((0, 1, 1, 2)))
        },
    )


def _request(source: Random) -> MailRequest:
    template = source.choice((*TEMPLATES[:3], *TEMPLATES[:3], TEMPLATES[3]))
    return MailRequest(
        account=source.choice(ACCOUNTS),
        to=source.choice(RECIPIENTS),
        template=template,
        journey=JOURNEYS[template],
        episode=source.choice(("e1", "e2")),
        step=source.choice(("1", "2")),
        intent=source.choice(("first", "first", "again")),
        zone=source.choice((None, "Europe/Berlin", "America/New_York", "Mars/Olympus")),
    )
