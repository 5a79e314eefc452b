"""Opening plays: for whom, why, and that the same event opens one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from stemtide.calls import DAY_MS
from stemtide.config_plays import Cause, Offers, WinBack, WinBackPolicy, WinBackStep
from stemtide.config_retention import Retention
from stemtide.config_schema import Company, Config
from stemtide.facts import Fact
from stemtide.plays.keeping import AtRisk, Left, PlayKeeper, cause_of
from stemtide.plays.play import Journey, Play, drawn
from stemtide.profile import Profile
from stemtide.runs import Moved
from stemtide.scoring.assessment import Tier

from tests.plays import START
from tests.simulation.plays.memory import MemoryPlays

STEPS = (WinBackStep(name="hello", template="win_back_hello", after_days=1.0),)
LEFT = Left(
    account="acme", customer="cus_1", subscription="sub_1", at_ms=START, cause="payment_failed", feedback=None
)
PROFILE = Profile(plan="business", mrr=4_900, stripe_customer_id="cus_1")
RISK = AtRisk(id="event-1", account="acme", tier=Tier.HIGH, as_of_ms=START)


@dataclass
class Runs:
    """Executions that were started, and tokens that were woken."""

    started: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)

    def start(self, row: Moved, /) -> None:
        self.started.append(row.execution)

    def runs(self, row: Moved, /) -> bool:
        return row.execution in self.started

    def wake(self, token: str, /) -> None:
        self.woken.append(token)


def subscribed(account: str) -> Iterable[Fact]:
    data = {"plan": "business", "mrr": 4_900}
    began = START - 100 * DAY_MS
    ended = {"plan": "business", "reason": "payment_failed"}
    return [
        Fact(id="1", kind="started", at_ms=began, known_ms=began, data=data, dropped={}),
        Fact(id="2", kind="ended", at_ms=START, known_ms=START, data=ended, dropped={}),
    ]


def keeper(plays: MemoryPlays, **config: Any) -> PlayKeeper:
    company = Company(name="Acme", time_zone="UTC", currency="EUR")
    none = {"win_back": WinBack(holdout_pct=0), "retention": Retention(holdout_pct=0)}
    return PlayKeeper(
        episodes=plays,
        runs=Runs(),
        config=Config(company=company, **{**none, "offers": Offers(holdout_pct=0), **config}),
        facts_of=subscribed,
        profile_of=lambda _: PROFILE,
        customers_of=lambda _: ("cus_large", "cus_small"),
        now_ms=lambda: START + 5,
    )


def test_who_is_written_to_is_the_customer_that_the_account_names_else_its_largest() -> None:
    named, unnamed = MemoryPlays(), MemoryPlays()
    unknown = msgspec.structs.replace(PROFILE, stripe_customer_id=None)

    keeper(named).at_risk(RISK)
    replace(keeper(unnamed), profile_of=lambda _: unknown).at_risk(RISK)

    assert [play.customer for play in opened(named)] == ["cus_1"]
    assert [play.customer for play in opened(unnamed)] == ["cus_large"]


def opened(plays: MemoryPlays) -> list[Play]:
    return [play for play, _ in plays.all()]


def test_a_customer_who_left_unpaid_is_won_back_with_what_it_had_paid() -> None:
    plays = MemoryPlays()
    one = keeper(plays)

    found = one.left(LEFT)

    [play] = opened(plays)
    assert found == play.id
    assert one.runs.started == [f"{play.id}-1"]  # type: ignore[attr-defined]
    assert (play.journey, play.cause, play.policy) == (Journey.WIN_BACK, Cause.UNPAID, "unpaid")
    assert (play.plan, play.mrr, play.currency, play.tenure_days) == ("business", 4_900, "EUR", 100)
    assert (play.started_ms, play.until_ms) == (START, START + 60 * DAY_MS)


def test_the_same_event_again_opens_nothing_and_starts_what_may_have_died() -> None:
    plays = MemoryPlays()
    one = keeper(plays)

    assert one.left(LEFT) == one.left(LEFT)

    assert len(opened(plays)) == 1
    assert set(one.runs.started) == {f"{opened(plays)[0].id}-1"}  # type: ignore[attr-defined]


def test_a_cause_that_no_policy_names_is_left_alone() -> None:
    plays = MemoryPlays()
    asked_to = Left(account="acme", customer="cus_1", subscription="sub_1", at_ms=START, feedback="unused")

    assert keeper(plays).left(asked_to) is None
    assert opened(plays) == []


def test_who_paid_too_little_is_left_alone() -> None:
    plays = MemoryPlays()
    policy = WinBackPolicy(name="large", causes=(Cause.UNPAID,), min_mrr=4_901, steps=STEPS)

    assert keeper(plays, win_back=WinBack(policies=(policy,))).left(LEFT) is None


@pytest.mark.parametrize(
    ("cause", "feedback", "expected"),
    [
        ("payment_failed", None, Cause.UNPAID),
        ("payment_failed", "too_expensive", Cause.UNPAID),
        ("cancellation_requested", "too_expensive", Cause.TOO_EXPENSIVE),
        ("cancellation_requested", "some_new_word", Cause.OTHER),
        ("cancellation_requested", None, Cause.NOT_TOLD),
        (None, None, Cause.NOT_TOLD),
    ],
)
def test_why_somebody_left(cause: str | None, feedback: str | None, expected: Cause) -> None:
    left = Left(account="a", customer="c", subscription="s", at_ms=0, cause=cause, feedback=feedback)

    assert cause_of(left) is expected


def test_an_account_at_risk_gets_one_play_whatever_is_heard_again() -> None:
    plays = MemoryPlays()
    one = keeper(plays)

    first = one.at_risk(RISK)
    second = one.at_risk(AtRisk(id="event-2", account="acme", tier=Tier.CRITICAL, as_of_ms=START))

    [play] = opened(plays)
    assert first == second == play.id
    assert (play.tier, play.customer, play.until_ms) == (Tier.HIGH, "cus_1", START + 5 + 60 * DAY_MS)


@pytest.mark.parametrize("tier", [Tier.LOW, Tier.MEDIUM])
def test_a_tier_without_a_play_opens_none(tier: Tier) -> None:
    plays = MemoryPlays()

    assert keeper(plays).at_risk(AtRisk(id="e", account="acme", tier=tier, as_of_ms=START)) is None
    assert opened(plays) == []


def test_after_a_play_the_next_one_waits_for_its_time() -> None:
    plays = MemoryPlays()
    one = keeper(plays)
    one.at_risk(RISK)
    [play] = opened(plays)
    plays.append(msgspec.structs.replace(play, ended_ms=START + 10), [])

    again = one.at_risk(AtRisk(id="event-2", account="acme", tier=Tier.HIGH, as_of_ms=START))

    assert again is None
    assert len(opened(plays)) == 1


def test_what_happens_to_an_account_wakes_both_of_its_plays() -> None:
    plays = MemoryPlays()
    one = keeper(plays)
    one.left(LEFT)
    one.at_risk(RISK)
    for play in opened(plays):
        one.wait(play.id, f"token-{play.journey}")

    assert one.happened("acme") == 2

    assert sorted(one.runs.woken) == ["token-retention", "token-win_back"]  # type: ignore[attr-defined]


def test_a_lot_draws_about_as_many_as_it_says_and_always_the_same() -> None:
    """Binomial: of 20,000 at 10 %, 2,000 with a deviation of 42."""
    names = [f"acct-{number}" for number in range(20_000)]

    found = Counter(drawn("win_back", name, 10) for name in names)

    assert abs(found[True] - 2_000) < 5 * 42
    assert [drawn("win_back", name, 10) for name in names[:100]] == [
        drawn("win_back", name, 10) for name in names[:100]
    ]
    assert not any(drawn("win_back", name, 0) for name in names)
    both = sum(drawn("win_back", name, 10) and drawn("offers", name, 10) for name in names)
    assert abs(both - 200) < 5 * 14  # lots are independent of each other
