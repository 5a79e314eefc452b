"""Logo against revenue churn: what was lost in accounts, and what in money, by plan and by size.

One outcome an account, over the whole log: it left when its last base term ran out without another, as far
as that was observed. The money is what the running terms were worth on the last day before.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

import numpy as np
from stemtide.as_of import end_of_day_ms

from models.evidence import Segment
from models.material import Material
from models.subgroups import terciles

EVERYBODY = "all accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an account; `mrr` in minor units a month, None unknown."""

    account: str
    tier: str
    mrr: int | None
    currency: str | None
    lost: bool


def segments(material: Material) -> tuple[tuple[Segment, ...], str | None]:
    """All accounts, those of each plan's tier from low to high, those of each third by MRR; and the currency.

    Where there are several currencies, accounts of the most frequent have money, others are counted only.
    Nothing without subscriptions.
    """
    found = outcomes(material)
    if not found:
        return (), None
    currencies = Counter(one.currency for one in found if one.currency is not None and one.mrr is not None)
    currency = currencies.most_common(1)[0][0] if currencies else None
    priced = [one if one.currency == currency else _without_money(one) for one in found]
    parts = [_segment(EVERYBODY, priced)]
    parts += [_segment(name, own) for name, own in _grouped(priced, lambda one: one.tier).items()]
    parts += _by_size(priced)
    return tuple(parts), currency


def outcomes(material: Material) -> list[Outcome]:
    """One for each account that ever had a base term, in the order of tiers and names."""
    observed = material.last_term_start
    if observed is None:
        return []
    names = tier_names(material)
    rows = []
    for account, terms in material.terms.items():
        if not terms or terms[0].start > observed:
            continue
        left = left_on(material, account)
        day = observed if left is None else left - 1
        profile = material.standing_at(account, end_of_day_ms(day)).profile
        tier = terms[-1].tier
        rows.append(
            (
                -1 if tier is None else tier,
                Outcome(
                    account=account,
                    tier=names[tier],
                    mrr=profile.mrr,
                    currency=profile.currency,
                    lost=left is not None,
                ),
            )
        )
    return [outcome for _, outcome in sorted(rows, key=lambda row: (row[0], row[1].account))]


def left_on(material: Material, account: str) -> int | None:
    """The day on which an account's last base term ran out, None if it goes on as far as was observed."""
    terms, observed = material.terms.get(account, ()), material.last_term_start
    if not terms or observed is None:
        return None
    ends = terms[-1].ends
    return ends if ends is not None and ends <= observed else None


def tier_names(material: Material) -> dict[int | None, str]:
    """What a tier's plans have in common (`starter_mthly`, `starter_annual`: `starter`), else its place."""
    plans: dict[int | None, set[str]] = defaultdict(set)
    for account, terms in material.terms.items():
        for term in terms:
            base = material.standing_at(account, end_of_day_ms(term.start)).profile.base_term
            plans[term.tier] |= {base.plan} if base is not None else set()
    found: dict[int | None, str] = {None: "other plans"}
    for tier, names in plans.items():
        shared = _shared_start(names) if tier is not None or len(names) == 1 else ""
        if shared:
            found[tier] = shared
        elif tier is not None:
            found[tier] = f"tier {tier + 1}"
    return found


def _shared_start(names: Collection[str]) -> str:
    """The letters that all names begin with."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in same).rstrip("_- .")


def _by_size(priced: Sequence[Outcome]) -> list[Segment]:
    """Thirds by MRR, from small to large; nothing where there are no prices, or all are the same."""
    known = [one for one in priced if one.mrr is not None]
    edges = terciles(np.array([one.mrr for one in known], dtype=np.float64))
    if not edges:
        return []
    bounds = [0.0, *edges, float("inf")]
    found = []
    for low, high in pairwise(bounds):
        own = [one for one in known if one.mrr is not None and low <= one.mrr < high]
        found.append(_segment(_size_name(low, high), own))
    return found


def _size_name(low: float, high: float) -> str:
    if low == 0:
        return f"MRR under {high / 100:,.0f}"
    return (
        f"MRR {low / 100:,.0f} and more"
        if high == float("inf")
        else f"MRR {low / 100:,.0f} to {high / 100:,.0f}"
    )


def _segment(name: str, accounts: Sequence[Outcome]) -> Segment:
    lost = [one for one in accounts if one.lost]
    return Segment(
        name=name,
        accounts=len(accounts),
        lost=len(lost),
        mrr=_money(accounts),
        lost_mrr=_money(lost, accounts),
    )


def _money(accounts: Iterable[Outcome], among: Sequence[Outcome] | None = None) -> int | None:
    """The sum of the known; None where nobody's is (`among`: of a larger set)."""
    listed = list(accounts)
    if all(one.mrr is None for one in (listed if among is None else among)):
        return None
    return sum(one.mrr for one in listed if one.mrr is not None)


def _grouped(accounts: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for one in accounts:
        found.setdefault(key(one), []).append(one)
    return found


def _without_money(one: Outcome) -> Outcome:
    return replace(one, mrr=None, currency=None)
