"""What is done next about a play: each rule by an example, and what must hold of every history."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.calls import DAY_MS
from stemtide.plays.decide import (
    ENTRY_SCORE,
    LOOK_AGAIN_MS,
    LOOK_ON_MS,
    Do,
    End,
    Escalate,
    Halt,
    MakeOffer,
    Wait,
    still_acts,
)
from stemtide.plays.facts import Done, Facts, Given, OfferState
from stemtide.plays.play import Outcome, Play
from stemtide.scoring.assessment import Tier, tier_of

from tests.plays import AT_RISK, HOUR, MAILS, RETENTION, START, STEPS, WIN_BACK, decided

MADE = Given(
    state=OfferState.MADE, percent=20, months=3, code="BACK-X", cost=2_940, expires_ms=START + 24 * DAY_MS
)


def done(*steps: str, **more: Any) -> Facts:
    return Facts(done=tuple(Done(step=step, at_ms=START) for step in steps), **more)


def test_the_tier_high_begins_where_scores_say() -> None:
    assert (tier_of(ENTRY_SCORE), tier_of(ENTRY_SCORE - 1)) == (Tier.HIGH, Tier.MEDIUM)


def test_before_the_first_mail_is_due_it_is_waited_for_and_looked_at_daily() -> None:
    assert decided(WIN_BACK, Facts()) == Wait(until_ms=START + LOOK_AGAIN_MS, reason="hello")


def test_a_mail_is_due_at_the_hour_of_the_customers_day() -> None:
    early = decided(WIN_BACK, Facts(), day=2.0)

    assert early == Wait(until_ms=START + 2 * DAY_MS + HOUR, reason="hello")
    assert decided(WIN_BACK, Facts(), day=2.0 + 1 / 24) == Do(step="hello", act="win_back_hello")


def test_what_was_done_is_not_done_again() -> None:
    assert isinstance(decided(WIN_BACK, done("hello"), day=3), Wait)


def test_an_offer_is_decided_before_the_mail_that_tells_of_it() -> None:
    before = decided(WIN_BACK, done("hello"), day=11)
    after = decided(WIN_BACK, done("hello", offer=MADE), day=11)

    assert before == MakeOffer(step="offer")
    assert after == Do(step="offer", act="win_back_offer")


def test_an_offer_that_was_withheld_is_not_looked_for_again() -> None:
    withheld = Given(state=OfferState.WITHHELD)

    assert decided(WIN_BACK, done("hello", offer=withheld), day=11) == Do(step="offer", act="win_back_offer")


def test_a_claimed_offer_is_finished_first() -> None:
    claimed = Given(state=OfferState.CLAIMED, percent=20, months=3)

    assert decided(WIN_BACK, done("hello", offer=claimed), day=10.5) == MakeOffer(step="offer")


def test_of_mails_that_are_due_together_only_the_latest_is_sent() -> None:
    found = decided(WIN_BACK, Facts(offer=MADE), day=25)

    assert found == Do(step="last", act="win_back_last", instead_of=("hello", "offer"))


def test_every_task_of_a_csm_is_done_however_late() -> None:
    critical = {"tier": Tier.CRITICAL}
    facts = Facts(score=90, tier=Tier.CRITICAL)

    assert decided(RETENTION, facts, day=5, **critical) == Do(step="urgent", act="csm_task")
    after = decided(RETENTION, msgspec.structs.replace(facts, done=done("urgent").done), day=5, **critical)
    assert after == Do(step="executive", act="executive")


@pytest.mark.parametrize(
    ("play", "facts", "outcome", "reason"),
    [
        (WIN_BACK, Facts(turned_ms=START + DAY_MS), Outcome.REACTIVATED, "subscribed"),
        (RETENTION, Facts(turned_ms=START + DAY_MS, score=60), Outcome.CHURNED, "ended"),
        (WIN_BACK, Facts(gone="erased", turned_ms=START + DAY_MS), Outcome.UNOBSERVED, "erased"),
    ],
)
def test_an_outcome_ends_a_play_whatever_was_planned(
    play: Play, facts: Facts, outcome: Outcome, reason: str
) -> None:
    for halted in (None, START):
        found = decided(play, facts, day=2, halted_ms=halted)

        assert isinstance(found, End)
        assert (found.outcome, found.reason) == (outcome, reason)


def test_when_the_time_is_up_who_did_not_come_back_is_lost_and_who_stayed_is_saved() -> None:
    lost, saved = decided(WIN_BACK, Facts(), day=60), decided(RETENTION, AT_RISK, day=60)

    assert lost == End(outcome=Outcome.LOST, at_ms=WIN_BACK.until_ms, reason="time_is_up")
    assert saved == End(outcome=Outcome.SAVED, at_ms=RETENTION.until_ms, reason="time_is_up")


def test_a_return_in_time_counts_whenever_it_is_heard_of_and_a_later_one_does_not() -> None:
    in_time = decided(WIN_BACK, Facts(turned_ms=WIN_BACK.until_ms), day=70)
    late = decided(WIN_BACK, Facts(turned_ms=WIN_BACK.until_ms + 1), day=70)

    assert isinstance(in_time, End)
    assert isinstance(late, End)
    assert (in_time.outcome, late.outcome) == (Outcome.REACTIVATED, Outcome.LOST)


@pytest.mark.parametrize("stop", ["opted_out", "complained", "held", "shadow"])
def test_a_stop_ends_what_is_done_at_once(stop: str) -> None:
    assert decided(WIN_BACK, Facts(stops=stop), day=2.1) == Halt(reason=stop)


def test_who_is_held_out_gets_nothing_and_is_looked_at_until_the_outcome() -> None:
    assert decided(WIN_BACK, Facts(), day=2.1, held_out=True) == Halt(reason="held_out")
    watched = decided(WIN_BACK, Facts(), day=2.1, held_out=True, halted_ms=START)
    assert watched == Wait(until_ms=START + round(2.1 * DAY_MS) + LOOK_ON_MS, reason="outcome")


@pytest.mark.parametrize(("score", "leaves"), [(50, False), (45, False), (44, True), (10, True)])
def test_an_account_leaves_its_tier_with_a_margin(score: int, leaves: bool) -> None:
    found = decided(RETENTION, Facts(score=score, tier=tier_of(score)), day=0.5)

    assert (found == Halt(reason="left_tier")) is leaves


def test_a_higher_tier_is_entered_and_a_lower_one_is_not() -> None:
    risen = decided(RETENTION, Facts(score=80, tier=Tier.CRITICAL), day=1)
    fallen = decided(RETENTION, Facts(score=60, tier=Tier.HIGH), day=0.5, tier=Tier.CRITICAL)

    assert risen == Escalate(tier=Tier.CRITICAL)
    assert fallen == Do(step="urgent", act="csm_task")


def test_steps_of_a_tier_count_from_when_it_was_entered() -> None:
    facts = Facts(score=80, tier=Tier.CRITICAL, done=done("urgent").done)
    entered = {"tier": Tier.CRITICAL, "tier_ms": START + 5 * DAY_MS}

    assert decided(RETENTION, facts, day=8.9, **entered) == Wait(
        until_ms=START + 9 * DAY_MS + HOUR, reason="executive"
    )


def test_while_dunning_runs_nothing_else_is_written() -> None:
    found = decided(RETENTION, msgspec.structs.replace(AT_RISK, waits="dunning"), day=1)

    assert found == Wait(until_ms=START + 2 * DAY_MS, reason="dunning")


def test_after_the_last_step_only_the_outcome_is_waited_for() -> None:
    found = decided(WIN_BACK, done("hello", "offer", "last", offer=MADE), day=30)

    assert found == Wait(until_ms=START + 30 * DAY_MS + LOOK_ON_MS, reason="outcome")


def test_a_policy_that_is_gone_does_nothing_any_more() -> None:
    gone = MAILS._replace(steps=(), why_none="policy_gone")

    assert decided(WIN_BACK, Facts(), day=3, plan=gone) == Halt(reason="policy_gone")


FACTS = st.builds(
    Facts,
    gone=st.sampled_from([None, None, None, "erased"]),
    turned_ms=st.none() | st.integers(START, START + 80 * DAY_MS),
    stops=st.sampled_from([None, None, "held", "opted_out"]),
    waits=st.sampled_from([None, None, "dunning"]),
    score=st.none() | st.integers(0, 100),
    tier=st.none() | st.sampled_from(Tier),
    done=st.lists(
        st.builds(
            Done, step=st.sampled_from([s.name for s in (*MAILS.steps, *STEPS.steps)]), at_ms=st.just(0)
        ),
        max_size=6,
    ).map(tuple),
    offer=st.none() | st.builds(Given, state=st.sampled_from(OfferState)),
)


@given(
    play=st.sampled_from([WIN_BACK, RETENTION]),
    facts=FACTS,
    day=st.floats(0, 90),
    halted=st.booleans(),
    held_out=st.booleans(),
)
def test_nothing_is_done_that_may_not_be_and_no_wait_is_in_the_past(
    play: Play, facts: Facts, day: float, halted: bool, held_out: bool
) -> None:
    play = msgspec.structs.replace(play, halted_ms=START if halted else None, held_out=held_out)
    plan = MAILS if play is WIN_BACK or play.cause else STEPS
    now_ms = START + round(day * DAY_MS)

    found = decided(play, facts, day=day, plan=plan)

    if isinstance(found, Do | MakeOffer):
        assert still_acts(play, facts, plan, exit_margin=5, now_ms=now_ms)
        assert (halted, held_out, facts.stops, facts.gone, facts.waits) == (False, False, None, None, None)
    if isinstance(found, Do):
        assert not facts.is_done(found.step)
        assert not any(facts.is_done(step) for step in found.instead_of)
    if isinstance(found, Wait):
        assert now_ms < found.until_ms <= now_ms + LOOK_ON_MS
    if now_ms >= play.until_ms:
        assert isinstance(found, End)
