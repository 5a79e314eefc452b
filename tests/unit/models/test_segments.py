"""Logo against revenue churn, and whether those who left were learnt from."""

from dataclasses import replace

import numpy as np
import pytest
from stemtide.calls import DAY_MS, day_of
from stemtide.config_schema import Company, Config
from stemtide.facts import Fact
from stemtide.features.view import Floats

from models import learning
from models.dataset import Dataset
from models.evidence import Segment
from models.material import Material
from models.refit import Score
from models.segments import left_on, segments, tier_names
from models.survivorship import leavers, survivorship
from models.targets import BaseTerm
from tests.customer_facts import subscription, traits
from tests.drawn_rows import drawn_rows

CONFIG = Config(company=Company(name="made", time_zone="UTC", currency="USD"))
FIRST = 19_000
OBSERVED = FIRST + 200


def day(number: int) -> str:
    return day_of(number * DAY_MS) + "T00:00:00Z"


def account(
    name: str, plan: str, mrr: int | None, *, tier: int, leaves: int | None = None, currency: str = "USD"
) -> tuple[str, list[Fact], tuple[BaseTerm, ...]]:
    """A customer since FIRST, who leaves after so many days."""
    ends = None if leaves is None else FIRST + leaves
    said = {"plan": plan} if mrr is None else {"plan": plan, "mrr": mrr}
    facts = [
        traits(f"{name}-t", day(FIRST), currency=currency),
        subscription("Started", f"{name}-s", day(FIRST), **said),
    ]
    if ends is not None:
        facts.append(subscription("Ended", f"{name}-e", day(ends), plan=plan))
    return name, facts, (BaseTerm(start=FIRST, ends=ends, tier=tier),)


def log(*accounts: tuple[str, list[Fact], tuple[BaseTerm, ...]]) -> Material:
    return Material(
        config=CONFIG,
        fingerprint="made",
        histories={},
        facts={name: facts for name, facts, _ in accounts},
        terms={name: terms for name, _, terms in accounts},
        enrolments={},
        courses={},
        clocks={},
        first_day=FIRST,
        last_day=OBSERVED + 30,
        last_term_start=OBSERVED if accounts else None,
    )


MATERIAL = log(
    account("a", "starter_mthly", 10_000, tier=0, leaves=50),
    account("b", "starter_annual", 10_000, tier=0, leaves=OBSERVED - FIRST + 5),
    account("c", "starter_mthly", 20_000, tier=0),
    account("d", "premier", 90_000, tier=2, leaves=OBSERVED - FIRST),
    account("e", "premier", 90_000, tier=2),
    account("f", "premier", 70_000, tier=2),
)


def test_money_lost_differs_from_accounts_lost() -> None:
    parts, currency = segments(MATERIAL)

    assert currency == "USD"
    assert parts[:3] == (
        Segment(name="all accounts", accounts=6, lost=2, mrr=290_000, lost_mrr=100_000),
        Segment(name="starter", accounts=3, lost=1, mrr=40_000, lost_mrr=10_000),
        Segment(name="premier", accounts=3, lost=1, mrr=250_000, lost_mrr=90_000),
    )


def test_thirds_by_size_have_every_account_once() -> None:
    parts, _ = segments(MATERIAL)

    assert [(part.name, part.accounts) for part in parts[3:]] == [
        ("MRR under 200", 2),
        ("MRR 200 to 900", 2),
        ("MRR 900 and more", 2),
    ]


def test_what_ends_after_the_observed_time_is_no_loss() -> None:
    assert left_on(MATERIAL, "a") == FIRST + 50
    assert left_on(MATERIAL, "d") == OBSERVED
    assert left_on(MATERIAL, "b") is left_on(MATERIAL, "c") is left_on(MATERIAL, "unheard") is None


def test_money_of_another_currency_is_not_added() -> None:
    parts, currency = segments(
        log(
            account("a", "pro", 10_000, tier=0),
            account("b", "pro", 10_000, tier=0),
            account("c", "pro", 70_000, tier=0, leaves=9, currency="JPY"),
        )
    )

    assert currency == "USD"
    assert parts[0] == Segment(name="all accounts", accounts=3, lost=1, mrr=20_000, lost_mrr=0)


def test_without_prices_there_is_no_money_and_without_terms_nothing() -> None:
    parts, currency = segments(log(account("a", "pro", None, tier=0, leaves=3)))

    assert currency is None
    assert [(part.name, part.accounts, part.lost, part.mrr, part.lost_mrr) for part in parts] == [
        ("all accounts", 1, 1, None, None),
        ("pro", 1, 1, None, None),
    ]
    assert segments(log()) == ((), None)


def test_tiers_are_named_by_what_their_plans_share() -> None:
    other = log(account("a", "gold", 1, tier=1), account("b", "silver", 1, tier=1))

    assert tier_names(MATERIAL) == {None: "other plans", 0: "starter", 2: "premier"}
    assert tier_names(other)[1] == "tier 2"


def means(fit: Dataset, seed: int) -> Score:
    """The quickest recipe."""
    learning.require_positives(fit)
    weight = np.nan_to_num(fit.x)[fit.y].mean(axis=0) - np.nan_to_num(fit.x)[~fit.y].mean(axis=0)

    def score(x: Floats) -> Floats:
        return np.asarray(np.nan_to_num(x) @ weight)

    return score


def churned() -> tuple[Dataset, Dataset]:
    """Fit and test rows of accounts that end with their first positive row."""
    rows = drawn_rows(1000, weights={"mrr": 1.5}, accounts=100, base=-2.5)
    over = np.zeros(len(rows), dtype=bool)
    for name in np.unique(rows.accounts):
        own = np.flatnonzero(rows.accounts == name)
        over[own] = np.cumsum(rows.y[own]) - rows.y[own] > 0
    rows = rows.where(~over)
    return rows.where(rows.day < 19_050), rows.where(rows.day >= 19_050)


def test_of_survivors_alone_a_churn_model_learns_nothing() -> None:
    fit, test = churned()

    found = survivorship(fit, test, means, left=leavers(fit, test, None), seed=1)

    assert found.accounts == 100
    assert found.left == fit.positives + test.positives
    assert found.left_in_fit == fit.positives
    assert found.rows_of_left_in_fit == int(np.isin(fit.accounts, fit.accounts[fit.y]).sum())
    assert found.base_rate == pytest.approx(fit.positives / len(fit))
    assert found.base_rate_without == 0
    assert found.auc_without is None


def test_where_some_come_back_the_rest_is_fitted() -> None:
    rows = drawn_rows(1000, weights={"mrr": 1.5}, accounts=100)
    fit, test = rows.where(rows.day < 19_050), rows.where((rows.day >= 19_050) & (rows.accounts > "acct-019"))

    found = survivorship(fit, test, means, left=leavers(fit, test, None), seed=1)

    assert 0 < found.left_in_fit < 20
    assert found.base_rate_without is not None
    assert found.base_rate_without < found.base_rate
    assert found.auc_without is not None
    assert found.auc_without > 0.6


def test_with_subscriptions_leaving_is_what_billing_says() -> None:
    fit = drawn_rows(60, accounts=6)
    fit = replace(fit, accounts=np.array(list("abcdef" * 10)), y=np.zeros(60, dtype=bool))

    assert leavers(fit, fit.where(fit.day < 0), MATERIAL) == {"a", "d"}
