"""Accounts at risk, on the deployed stack: helped while it is so, and those who are held out left alone."""

from typing import Any

import pytest
from stemtide.dunning.ledger import Kind
from stemtide.plays.play import Journey, Outcome
from stemtide.plays.told import CsmTaskRaised
from stemtide.profile import UNKNOWN, Profile
from stemtide.scoring.assessment import Driver
from stemtide.store.plays import PlayTable
from stemtide.store.records import Records

from tests.e2e import activity
from tests.e2e.journeys import mails, of_kind, table_of, until
from tests.e2e.payments import Payments
from tests.e2e.plays import Overheard, ended, halted, held_out, plays_of, scored, treated, waiting
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

CSM = "carla.diaz@example.com"
RISKY = treated("risky", Journey.RETENTION)
LEAVES = treated("leaves", Journey.RETENTION)
HELD_OUT = held_out("left-alone", Journey.RETENTION)
FEWER_REPORTS = Driver(
    feature="feature_reports_30d",
    label="Reports in 30 days",
    value=2.0,
    unit="events",
    baseline=31.0,
    contribution=0.9,
    text="2 reports in 30 days, usually 31",
)


@pytest.fixture(scope="module")
def plays(hurried: Stack) -> PlayTable:
    return plays_of(hurried)


@pytest.fixture(scope="module")
def tasks(hurried: Stack) -> Overheard:
    return Overheard(hurried, CsmTaskRaised.__name__)


@pytest.fixture(scope="module")
def subscriptions(hurried: Stack, tasks: Overheard) -> dict[str, str]:
    """Subscriptions by account of customers whose CSM is known, at high risk from now on."""
    payments, found = Payments(hurried), {}
    for account in (RISKY, LEAVES, HELD_OUT):
        who = payments.customer(account=account)
        payments.v1.customers.update(who, {"email": f"{account}@example.com", "name": "Ada"})
        found[account] = str(payments.subscribe(who, "business").id)
        activity.post(hurried, [told_of(account)])
    records = Records(table_of(hurried, "accounts"))
    for account in found:
        known(records, account)
        scored(hurried, account, 60, FEWER_REPORTS)
    return found


def told_of(account: str) -> dict[str, Any]:
    """What the company's own systems say of an account."""
    return {
        "type": "group",
        "messageId": f"{account}-traits",
        "userId": "crm",
        "groupId": account,
        "traits": {"name": "Initech", "csm": CSM},
    }


def known(records: Records, account: str) -> Profile:
    """The account's profile when it names its CSM, its customer and what it pays."""

    def look() -> Profile | None:
        found = records.read(account)
        profile = UNKNOWN if found is None else found.profile
        return None if None in (profile.csm, profile.stripe_customer_id, profile.mrr) else profile

    profile: Profile = until(look)
    return profile


def test_who_leaves_all_the_same_has_churned_as_soon_as_it_is_known(
    hurried: Stack, plays: PlayTable, subscriptions: dict[str, str]
) -> None:
    waiting(plays, LEAVES, Journey.RETENTION, "guide")

    ended_at = Payments(hurried).v1.subscriptions.cancel(subscriptions[LEAVES]).ended_at
    over, entries = ended(plays, LEAVES, Journey.RETENTION)

    assert (over.outcome, over.outcome_reason) == (Outcome.CHURNED, "ended")
    assert over.outcome_ms == (ended_at or 0) * 1000
    assert entries[-1].kind is Kind.ENDED


def test_an_account_at_high_risk_is_helped_with_what_it_uses_less_and_its_csm_is_asked_to_act(
    hurried: Stack, plays: PlayTable, tasks: Overheard, subscriptions: dict[str, str]
) -> None:
    play = waiting(plays, RISKY, Journey.RETENTION, "guide", "task")
    [task] = until(lambda: tasks.told(RISKY))

    assert (play.tier, play.policy) == ("high", "retention")
    written = {mail["step"]: mail for mail in mails(hurried, RISKY)}
    assert (written["guide"]["to"], written["guide"]["class"]) == (f"{RISKY}@example.com", "lifecycle")
    assert "A report can be sent to your whole team every Monday." in written["guide"]["text"]
    assert written["task"]["to"] == CSM
    assert FEWER_REPORTS.text in written["task"]["text"]
    assert (task["episode"], task["step"], task["tier"], task["csm"]) == (play.id, "task", "high", CSM)
    assert (task["score"], task["mrr"], task["drivers"][0]["feature"]) == (60, 9900, FEWER_REPORTS.feature)


def test_an_account_whose_risk_becomes_critical_gets_the_steps_of_that_tier_until_it_falls(
    hurried: Stack, plays: PlayTable, tasks: Overheard, subscriptions: dict[str, str]
) -> None:
    waiting(plays, RISKY, Journey.RETENTION, "guide", "task")

    scored(hurried, RISKY, 88, FEWER_REPORTS)
    risen = waiting(plays, RISKY, Journey.RETENTION, "urgent_task", "executive")
    scored(hurried, RISKY, 30)
    left, entries = halted(plays, RISKY, Journey.RETENTION)

    assert risen.tier == "critical"
    assert [entry.reason for entry in of_kind(entries, Kind.ESCALATED)] == ["critical"]
    assert [task["step"] for task in until(lambda: at_least(2, tasks.told(RISKY)))] == ["task", "urgent_task"]
    [executive] = [mail for mail in mails(hurried, RISKY) if mail["step"] == "executive"]
    assert "Ada Okoye" in executive["text"]
    assert left.halt_reason == "left_tier"
    assert "offer" not in {entry.step for entry in entries}


def test_who_is_held_out_is_not_written_to_and_nobody_is_asked_to_act(
    hurried: Stack, plays: PlayTable, tasks: Overheard, subscriptions: dict[str, str]
) -> None:
    play, entries = halted(plays, HELD_OUT, Journey.RETENTION)
    until(lambda: tasks.told(RISKY))

    assert play.held_out
    assert [entry.kind for entry in entries] == [Kind.OPENED, Kind.HALTED]
    assert mails(hurried, HELD_OUT) == []
    assert tasks.told(HELD_OUT) == []


def test_who_stays_is_saved(hurried: Stack, plays: PlayTable, subscriptions: dict[str, str]) -> None:
    halted(plays, RISKY, Journey.RETENTION)
    before = len(mails(hurried, RISKY))

    over, _ = ended(plays, RISKY, Journey.RETENTION)

    assert over.outcome is Outcome.SAVED
    assert len(mails(hurried, RISKY)) == before


def at_least(count: int, found: list[Any]) -> list[Any] | None:
    """What was found, once it is enough."""
    return found if len(found) >= count else None
