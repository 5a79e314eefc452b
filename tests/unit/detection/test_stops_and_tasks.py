"""What the contacts and the episodes table tell on the bus: mail was stopped, a CSM is asked to act."""

from typing import Any

import msgspec
import pytest
from stemtide.contact_events import ContactStopped
from stemtide.domain_events import event_of
from stemtide.dunning.ledger import Entry, Kind
from stemtide.mail.ports import Note
from stemtide.plays.play import Journey, Play
from stemtide.plays.told import CsmTaskRaised
from stemtide.scoring.assessment import Driver, Tier
from stemtide.store.contact_keys import note_item
from stemtide.store.episode_rows import episode_entry
from stemtide.table_consumers import STOPS, TASKS
from stemtide.table_stream import Change

AT_MS = 1_773_562_365_000
AS_OF = "2026-03-15T08:12:45.000Z"
DRIVER = Driver(
    feature="reports_7d",
    label="Reports",
    value=1.0,
    unit="events",
    baseline=9.0,
    contribution=0.4,
    text="Fewer.",
)
PLAY = Play(
    id="p1",
    account="acme",
    journey=Journey.RETENTION,
    policy="retention",
    started_ms=AT_MS,
    opened_ms=AT_MS,
    until_ms=AT_MS + 1,
    again_ms=AT_MS + 1,
    tier=Tier.CRITICAL,
    plan="business",
    mrr=9900,
    currency="USD",
)
TASK = Entry(
    seq=2,
    at_ms=AT_MS,
    kind=Kind.TASK,
    step="urgent_task",
    csm="carla@example.com",
    score=81,
    drivers=(DRIVER,),
)


def put(item: dict[str, Any], event: str = "INSERT") -> Change:
    keys = {name: item[name] for name in ("pk", "sk")}
    return Change(sequence="1", event=event, keys=keys, new=item, old=None)


def noted(kind: str, **facts: str) -> dict[str, Any]:
    note = Note(account="acme", at_ms=AT_MS, kind=kind, about="a1", facts={"how": "link", **facts})
    return note_item(note, now_s=0)


@pytest.mark.parametrize("kind", ["opted_out", "mail_complained", "mail_bounced", "held", "erased"])
def test_what_stops_mail_is_told_once(kind: str) -> None:
    told = event_of(put(noted(kind)))

    assert isinstance(told, ContactStopped)
    assert (told.account, told.as_of, told.how) == ("acme", AS_OF, kind)
    assert STOPS.concerns(put(noted(kind)))
    assert event_of(put(noted(kind), "MODIFY")) is None
    assert not STOPS.concerns(put(noted(kind), "MODIFY"))


@pytest.mark.parametrize(
    ("off", "is_told"), [("win_back", True), ("retention upsell", True), ("upsell", False), ("", False)]
)
def test_a_choice_is_told_if_it_is_against_a_sequence(off: str, *, is_told: bool) -> None:
    told = event_of(put(noted("mail_chosen", off=off)))

    assert (told is not None) is is_told


@pytest.mark.parametrize("kind", ["mail_soft_bounced", "mail_sent", "opted_in", "released", "mail_refused"])
def test_what_stops_nothing_is_not_told(kind: str) -> None:
    assert event_of(put(noted(kind))) is None
    assert not STOPS.concerns(put(noted(kind)))


def test_two_stops_of_one_instant_are_two_facts() -> None:
    first, second = event_of(put(noted("held"))), event_of(put(noted("erased")))

    assert isinstance(first, ContactStopped)
    assert isinstance(second, ContactStopped)
    assert first.id != second.id


def test_a_task_is_told_with_what_a_csm_needs() -> None:
    told = event_of(put(episode_entry(PLAY, TASK)))

    assert isinstance(told, CsmTaskRaised)
    assert (told.account, told.as_of, told.episode, told.journey) == ("acme", AS_OF, "p1", "retention")
    assert (told.step, told.tier, told.csm, told.score) == (
        "urgent_task",
        "critical",
        "carla@example.com",
        81,
    )
    assert (told.plan, told.mrr, told.currency, told.drivers) == ("business", 9900, "USD", (DRIVER,))
    assert TASKS.concerns(put(episode_entry(PLAY, TASK)))


def test_a_step_of_a_play_is_one_task_whenever_it_is_entered() -> None:
    later = msgspec.structs.replace(TASK, seq=7, at_ms=AT_MS + 9_000)

    first, second = (event_of(put(episode_entry(PLAY, entry))) for entry in (TASK, later))

    assert isinstance(first, CsmTaskRaised)
    assert isinstance(second, CsmTaskRaised)
    assert first.id == second.id


def test_other_entries_are_not_told() -> None:
    mail = Entry(seq=3, at_ms=AT_MS, kind=Kind.MAIL, step="guide")

    assert event_of(put(episode_entry(PLAY, mail))) is None
    assert not TASKS.concerns(put(episode_entry(PLAY, mail)))
