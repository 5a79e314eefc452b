"""What is predicted, in the words of those who act on it: leaving, upgrading, falling silent, withdrawing."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one sort of outcome."""

    does: str
    """An account that …"""
    does_not: str
    do: str
    """Accounts that …"""
    did: str
    """… of the accounts."""
    did_not: str
    noun: str
    rate: str
    """The share of accounts to which it happens."""
    high_score: str
    """What a high score means."""
    uses: tuple[str, ...]
    misuses: tuple[str, ...]
    is_good: bool = False
    """Whether one hopes for it."""


_CALLS: Final = (
    "Deciding which accounts a customer-success team looks at first, and what to ask them about.",
    "Seeing which habits of use go together with {noun}, in the portfolio and in one account.",
    "Comparing the risk of groups of accounts, with the intervals below.",
)
_MISUSES: Final = (
    "Judging a single account by its score alone: read the interval, the drivers and what people know of it.",
    "Finding causes: the drivers say what the model looked at, not what would change the outcome.",
    "Telling whether a call, a discount or a mail helps: that takes a holdout group.",
    "Setting prices or contract terms, or judging employees.",
)

LEAVING: Final = Words(
    does="leaves",
    does_not="stays",
    do="leave",
    did="left",
    did_not="stayed",
    noun="leaving",
    rate="churn rate",
    high_score="the account is likely to leave",
    uses=_CALLS,
    misuses=_MISUSES,
)
UPGRADING: Final = Words(
    does="upgrades",
    does_not="does not upgrade",
    do="upgrade",
    did="upgraded",
    did_not="did not upgrade",
    noun="an upgrade",
    rate="upgrade rate",
    high_score="the account is likely to upgrade, which is good news",
    uses=(
        "Deciding whom to offer a higher plan first, and with which limit or part of the product in view.",
        "Seeing which habits of use go together with {noun}, in the portfolio and in one account.",
        "Comparing the readiness of groups of accounts, with the intervals below.",
    ),
    misuses=(
        "Prompting accounts that are at risk of leaving or whose payment failed: ask the churn model first.",
        *_MISUSES,
    ),
    is_good=True,
)
SILENCE: Final = Words(
    does="falls silent",
    does_not="stays active",
    do="fall silent",
    did="fell silent",
    did_not="stayed active",
    noun="falling silent",
    rate="rate of silence",
    high_score="the account is likely to fall silent",
    uses=_CALLS,
    misuses=(
        "Counting silence as a cancellation: an account that fell silent may still pay, or come back.",
        *_MISUSES,
    ),
)
WITHDRAWING: Final = Words(
    does="withdraws",
    does_not="stays enrolled",
    do="withdraw",
    did="withdrew",
    did_not="stayed enrolled",
    noun="withdrawing",
    rate="withdrawal rate",
    high_score="the account is likely to withdraw",
    uses=_CALLS,
    misuses=_MISUSES,
)
NOT_RENEWING: Final = Words(
    does="does not renew",
    does_not="renews",
    do="do not renew",
    did="did not renew",
    did_not="renewed",
    noun="a term that is not renewed",
    rate="rate of terms not renewed",
    high_score="the account is likely not to renew",
    uses=_CALLS,
    misuses=(
        "Scoring accounts whose term does not run out within the horizon: it has learnt of no such.",
        *_MISUSES,
    ),
)
COMING_TO_IT: Final = Words(
    does="comes to the outcome",
    does_not="does not come to it",
    do="come to the outcome",
    did="came to the outcome",
    did_not="did not come to it",
    noun="the outcome",
    rate="rate of the outcome",
    high_score="the account is likely to come to the outcome",
    uses=("Seeing which habits of use go together with {noun} of a play that was made.",),
    misuses=(
        "Choosing whom to make an offer to: it has learnt of accounts alone that were made one.",
        *_MISUSES,
    ),
)

_OF_KIND: Final = {
    "subscription_ended": LEAVING,
    "upgraded": UPGRADING,
    "silent": SILENCE,
    "withdrawn": WITHDRAWING,
    "not_renewed": NOT_RENEWING,
    "outcome": COMING_TO_IT,
}
_OF_TARGET: Final = {"upsell": UPGRADING, "silence": SILENCE, "withdrawal": WITHDRAWING}


def words_for(model: str, target: str, kind: str | None = None) -> Words:
    """The words of a target.

    Args:
        kind: the mapping's kind of target; without it the target's name tells, then the model's.
    """
    if kind is not None:
        return _OF_KIND[kind]
    if model == "upsell":
        return UPGRADING
    return {**_OF_KIND, **_OF_TARGET}.get(target, LEAVING)
