"""What would have happened had nothing been in shadow, from the rows that were written meanwhile."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stemtide.as_of import as_of_text
from stemtide.config_shadow import Capability
from stemtide.domain_events import RiskTierChanged, UsageDropDetected
from stemtide.scoring.assessment import AT_RISK, Tier, is_at_risk
from stemtide.shadow import MODEL, Withheld
from stemtide.store.record_keys import StoredScore

ALERTING = frozenset({str(Capability.CHURN_ALERTS), MODEL})
"""What in a score's `shadow` keeps alerts back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRows:
    """What is stored of one account: the last score before the days asked for, those in them (oldest first),
    and what was withheld in them."""

    account: str
    before: StoredScore | None
    scores: Sequence[StoredScore]
    withheld: Sequence[Withheld]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A score reached `AT_RISK` in shadow: what an alert on that would have told."""

    account: str
    as_of: str
    score: int
    previous_score: int | None
    tier: Tier | None
    model_version: str | None


def report(accounts: Iterable[AccountRows]) -> dict[str, Any]:
    """Per day and in all: changes of tier and drops that were withheld, and alerts that would have been sent.

    `at_risk` counts the accounts whose last score in shadow is `AT_RISK` or more.
    """
    days: dict[str, _Day] = defaultdict(_Day)
    changes, crossings, shadowed, at_risk = [], [], set(), set()
    for rows in accounts:
        for one in rows.withheld:
            day = days[one.as_of[:10]]
            day.accounts.add(one.account)
            if one.event == RiskTierChanged.__name__:
                day.tier_changes[str(one.detail["tier"])] += 1
                changes.append(_change(one))
            elif one.event == UsageDropDetected.__name__:
                day.drops[str(one.detail["rule"])] += 1
        for crossing in crossings_of(rows):
            days[crossing.as_of[:10]].alerts += 1
            crossings.append(crossing)
        last = rows.scores[-1] if rows.scores else None
        if last is not None and _in_shadow(last):
            shadowed.add(rows.account)
            if last.assessment.score is not None and is_at_risk(last.assessment.score):
                at_risk.add(rows.account)
    return {
        "days": [{"date": day, **found.told()} for day, found in sorted(days.items())],
        "tier_changes": sorted(changes, key=lambda one: (one["as_of"], one["account"])),
        "would_have_alerted": [
            asdict(one) for one in sorted(crossings, key=lambda one: (one.as_of, one.account))
        ],
        "accounts_in_shadow": len(shadowed),
        "at_risk": sorted(at_risk),
        "alert_at": AT_RISK,
    }


def crossings_of(rows: AccountRows) -> Iterator[Crossing]:
    """Where the account's score rose to `AT_RISK` or more while alerts were in shadow.

    Scores are taken by the instant they are for: what came late changes nothing that was said of later days.
    """
    found = [one for one in ([rows.before] if rows.before else []) if one.assessment.score is not None]
    previous = found[0].assessment.score if found else None
    for one in sorted(rows.scores, key=lambda one: (one.as_of_ms, one.scored_at_ms)):
        score = one.assessment.score
        if score is None:
            continue
        was_at_risk = previous is not None and is_at_risk(previous)
        if is_at_risk(score) and not was_at_risk and _in_shadow(one):
            yield Crossing(
                account=one.account,
                as_of=as_of_text(one.as_of_ms),
                score=score,
                previous_score=previous,
                tier=one.assessment.tier,
                model_version=one.assessment.model_version,
            )
        previous = score


class _Day:
    """What was withheld as of one UTC day."""

    def __init__(self) -> None:
        self.tier_changes: Counter[str] = Counter()
        self.drops: Counter[str] = Counter()
        self.accounts: set[str] = set()
        self.alerts = 0

    def told(self) -> dict[str, Any]:
        return {
            "tier_changes": {str(tier): self.tier_changes[tier] for tier in Tier},
            "drops": dict(sorted(self.drops.items())),
            "accounts": len(self.accounts),
            "would_have_alerted": self.alerts,
        }


def _in_shadow(one: StoredScore) -> bool:
    return not ALERTING.isdisjoint(one.assessment.shadow)


def _change(one: Withheld) -> dict[str, Any]:
    told = ("account", "as_of", "tier", "previous", "score", "previous_score", "model_version", "trigger")
    return {**{name: one.detail[name] for name in told}, "because": one.because}
