"""What an account's timeline tells of a play.

Mails are told by the mail service, which also knows what became of them; here are those it never heard of.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from stemtide.dunning.ledger import Entry, Kind
from stemtide.dunning.telling import Told
from stemtide.plays.play import Play

_NAMES: Final = {
    Kind.OPENED: "episode_started",
    Kind.MAIL_SKIPPED: "mail_skipped",
    Kind.TASK: "csm_task",
    Kind.OFFER: "offer_made",
    Kind.OFFER_WITHHELD: "offer_withheld",
    Kind.ESCALATED: "escalated",
    Kind.HALTED: "episode_halted",
    Kind.ENDED: "episode_ended",
}
_FACTS: Final = ("step", "template", "percent", "months", "code", "amount", "currency")


def told(play: Play, entries: Sequence[Entry]) -> Iterator[Told]:
    """Start, tasks, offers, what was withheld, the end of what is done and the outcome, in the order of the
    ledger."""
    for entry in entries:
        if entry.kind not in _NAMES or (entry.kind is Kind.MAIL_SKIPPED and entry.key):
            continue
        yield Told(entry.at_ms, entry.seq, _NAMES[entry.kind], entry.reason, _facts(play, entry))


def _facts(play: Play, entry: Entry) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(entry, name) for name in _FACTS}
    if entry.kind is Kind.OPENED:
        facts |= {"policy": play.policy, "tier": play.tier, "cause": play.cause, "held_out": play.held_out}
    if entry.kind is Kind.ENDED:
        facts["outcome"] = play.outcome
    return {"journey": str(play.journey)} | {
        name: value for name, value in facts.items() if value is not None
    }
