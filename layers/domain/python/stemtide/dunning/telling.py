"""What an account's timeline tells of an episode.

Mails are told by the mail service, which also knows what became of them; here are those it never heard of.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from stemtide.dunning.episode import JOURNEY, Episode
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Entry, Kind

_NAMES: Final = {
    Kind.OPENED: "episode_started",
    Kind.CHARGE_CLAIMED: "charge",
    Kind.CHARGE: "charge",
    Kind.MAIL_SKIPPED: "mail_skipped",
    Kind.CANCEL_WITHDRAWN: "cancellation_skipped",
    Kind.CANCELED: "subscription_canceled",
    Kind.LEFT: "invoice_left",
    Kind.ENDED: "episode_ended",
}
_FACTS: Final = ("invoice", "amount", "currency", "outcome", "code", "advice", "step", "template")


class Told(NamedTuple):
    """Something that an episode did or left undone: when (epoch ms), the entry's number, what, why."""

    at_ms: int
    seq: int
    kind: str
    reason: str | None
    facts: dict[str, Any]


def told(episode: Episode, entries: Sequence[Entry]) -> Iterator[Told]:
    """Charges, what was skipped, the cancellation, start and end, in the order of the ledger.

    A claim is told by its charge; one that has none yet is a charge of unknown outcome.
    """
    charged = {entry.key for entry in entries if entry.kind is Kind.CHARGE}
    for entry in entries:
        if entry.kind not in _NAMES or (entry.kind is Kind.MAIL_SKIPPED and entry.key):
            continue
        if entry.kind is Kind.CHARGE_CLAIMED and entry.key in charged:
            continue
        yield Told(entry.at_ms, entry.seq, _name(entry), _reason(episode, entry), _facts(episode, entry))


def _name(entry: Entry) -> str:
    return "charge_skipped" if entry.outcome is Outcome.WITHDRAWN else _NAMES[entry.kind]


def _reason(episode: Episode, entry: Entry) -> str | None:
    return episode.ending_reason if entry.kind is Kind.ENDED else entry.reason


def _facts(episode: Episode, entry: Entry) -> dict[str, Any]:
    facts = {name: getattr(entry, name) for name in _FACTS}
    if entry.kind is Kind.CHARGE_CLAIMED:
        facts["outcome"] = Outcome.CLAIMED
    if entry.kind is Kind.ENDED:
        facts["ending"] = episode.ending
    return {"journey": JOURNEY} | {name: value for name, value in facts.items() if value is not None}
