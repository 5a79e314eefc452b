"""Champion and challenger side by side, from the scores that both gave for the same instants.

Before outcomes are known only agreement can be told; once the horizon of a score is over, which of the two
ranked better those who left.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from stemtide.as_of import as_of_text, last_closed_day
from stemtide.features.view import Floats
from stemtide.scoring.assessment import Assessment, Tier
from stemtide.store.record_keys import StoredScore
from stemtide_cli.mapping_training import Kind, Target

from models.material import Told
from models.measures import auc_roc
from models.resampling import auc_rocs, draws_of, interval, known
from models.targets import Outcomes, happened

ORDER: Final = {tier: place for place, tier in enumerate(Tier)}
NO_DAYS: Final = np.array([], dtype=np.int64)
SEED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What both said of an account as of an instant (epoch ms)."""

    account: str
    as_of_ms: int
    champion: Assessment
    challenger: Assessment


def pairs_of(champion: Iterable[StoredScore], challenger: Iterable[StoredScore]) -> list[Pair]:
    """The instants of one account that both scored for the same reason, oldest first; scores only.

    Of several versions at one instant the one that scored last counts: its score is the account's.
    """
    newest = {_place(one): one for one in sorted(champion, key=lambda one: one.scored_at_ms)}
    return [
        Pair(
            account=other.account,
            as_of_ms=other.as_of_ms,
            champion=newest[_place(other)].assessment,
            challenger=other.assessment,
        )
        for other in sorted(challenger, key=lambda one: one.as_of_ms)
        if _place(other) in newest and _scored(newest[_place(other)]) and _scored(other)
    ]


def _place(one: StoredScore) -> tuple[int, str]:
    return one.as_of_ms, one.trigger


def _scored(one: StoredScore) -> bool:
    return one.assessment.score is not None and one.assessment.tier is not None


def agreement(pairs: Sequence[Pair]) -> dict[str, Any]:
    """How far both say the same: tiers, who would move on the last night, ranks night by night."""
    if not pairs:
        return {"pairs": 0, "nights": 0}
    nights = defaultdict(list)
    for pair in pairs:
        nights[pair.as_of_ms].append(pair)
    last = max(nights)
    ranks = {night: rank_correlation(*_likelihoods(found)) for night, found in nights.items()}
    told = [value for value in ranks.values() if value is not None]
    tiers: dict[str, Counter[str]] = defaultdict(Counter)
    for pair in pairs:
        tiers[str(pair.champion.tier)][str(pair.challenger.tier)] += 1
    return {
        "pairs": len(pairs),
        "accounts": len({pair.account for pair in pairs}),
        "nights": len(nights),
        "first": as_of_text(min(nights)),
        "last": as_of_text(last),
        "same_tier": float(np.mean([pair.champion.tier == pair.challenger.tier for pair in pairs])),
        "tiers": {tier: dict(found) for tier, found in sorted(tiers.items())},
        "would_move_up": [_move(pair) for pair in nights[last] if _step(pair) > 0],
        "would_move_down": [_move(pair) for pair in nights[last] if _step(pair) < 0],
        "rank_correlation": {
            "last": ranks[last],
            "mean": float(np.mean(told)) if told else None,
            "lowest": min(told, default=None),
        },
    }


def _step(pair: Pair) -> int:
    """Tiers up (more at risk) by which the challenger differs."""
    assert pair.champion.tier is not None
    assert pair.challenger.tier is not None
    return ORDER[pair.challenger.tier] - ORDER[pair.champion.tier]


def _move(pair: Pair) -> dict[str, Any]:
    return {
        "account": pair.account,
        "tier": str(pair.champion.tier),
        "would_be": str(pair.challenger.tier),
        "score": pair.champion.score,
        "would_score": pair.challenger.score,
    }


def _likelihoods(pairs: Sequence[Pair]) -> tuple[Floats, Floats]:
    """What each ranks accounts by: the probability, which tells more than its score, where both have one for
    all of them; else the score."""
    both = [(pair.champion, pair.challenger) for pair in pairs]
    if all(a.probability is not None and b.probability is not None for a, b in both):
        return np.array([a.probability for a, _ in both]), np.array([b.probability for _, b in both])
    return (
        np.array([a.score for a, _ in both], dtype=np.float64),
        np.array([b.score for _, b in both], dtype=np.float64),
    )


def rank_correlation(a: Floats, b: Floats) -> float | None:
    """Spearman's: the correlation of ranks, ties at their mean rank; None where one of them ranks nothing."""
    if len(a) < 2:
        return None
    ranks = _ranks(a), _ranks(b)
    if any(np.ptp(one) == 0 for one in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = ((ends - counts + ends - 1) / 2)[place]
    return found


def outcome(told: Sequence[Told], *, as_of_ms: int, horizon_days: int, last_day: int) -> bool | None:
    """Whether an account's subscription ended within the horizon after an instant, as is known now.

    None: it had none then, by what was known then, or the horizon is not over.

    Args:
        told: its terms as they became known (`base_terms.told`).
        last_day: the last day that is over now (since 1970-01-01).
    """
    day = last_closed_day(as_of_ms)
    then = [one for one in told if one.day <= day]
    if day + horizon_days > last_day or not then:
        return None
    before = Outcomes(active=NO_DAYS, terms=then[-1].terms)
    if before.term_at(day) is None:
        return None
    target = Target(kind=Kind.SUBSCRIPTION_ENDED, horizon_days=horizon_days)
    return happened(target, Outcomes(active=NO_DAYS, terms=told[-1].terms), day, known=before)


def ranking(pairs: Sequence[Pair], outcomes: Mapping[tuple[str, int], bool | None]) -> dict[str, Any]:
    """AUC of both over the pairs whose outcome is known, and of their difference, each with its 95 % interval
    (bootstrap over accounts, the same draws for both).

    Args:
        outcomes: by account and instant.
    """
    found = [(pair, outcomes.get((pair.account, pair.as_of_ms))) for pair in pairs]
    rows = [(pair, label) for pair, label in found if label is not None]
    y = np.array([label for _, label in rows], dtype=np.bool_)
    counts = {"known": len(rows), "left": int(y.sum()), "waiting": len(pairs) - len(rows)}
    if not rows or y.all() or not y.any():
        return {**counts, "champion": None, "challenger": None, "difference": None}
    draws = draws_of(np.array([pair.account for pair, _ in rows]), seed=SEED)
    scores = _likelihoods([pair for pair, _ in rows])
    drawn = [auc_rocs(y, score, draws) for score in scores]
    whole = [auc_roc(y, score) for score in scores]
    return {
        **counts,
        "champion": _measured(whole[0], drawn[0]),
        "challenger": _measured(whole[1], drawn[1]),
        "difference": _measured(whole[1] - whole[0], drawn[1] - drawn[0]),
    }


def _measured(value: float, drawn: Floats) -> dict[str, Any]:
    found = interval(drawn)
    return {"auc_roc": known(value), "ci": None if found is None else list(found)}
