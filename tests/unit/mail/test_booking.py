"""Prompts and alerts spend of the same budget as mails."""

import pytest
from stemtide.calls import DAY_MS
from stemtide.config_mail import Cap, Contacts
from stemtide.mail.booking import book
from stemtide.mail.budget import Allowed, Contact, Spent
from stemtide.mail.message import MailClass
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import Note
from stemtide.ports import ConflictError, ThrottledError

from tests.unit.mail.mailing import NOON, Mailing, request

POLICY = Contacts(min_gap_hours=0, caps=(Cap(of="lifecycle", most=2, days=7),))


def prompt(key: str = "p1", at_ms: int = NOON) -> Contact:
    return Contact(at_ms, key, MailClass.LIFECYCLE, "upsell")


def test_a_prompt_is_counted_once_and_then_there_is_less_room() -> None:
    mails = Mailing()

    found = [book(mails.contacts, "acme", prompt(key), POLICY) for key in ("p1", "p1", "p2", "p3", "p1")]

    assert [type(one) for one in found] == [Allowed, Allowed, Allowed, Spent, Allowed]
    assert len(mails.contacts.budget("acme")[0]) == 2


@pytest.mark.parametrize(
    ("most", "kind", "until_ms"), [(1, "contact_deferred", NOON + 7 * DAY_MS), (0, "contact_refused", None)]
)
def test_the_timeline_tells_of_a_prompt_for_which_there_was_no_room(
    most: int, kind: str, until_ms: int | None
) -> None:
    mails = Mailing()
    policy = Contacts(min_gap_hours=0, caps=(Cap(of="lifecycle", most=most, days=7),))
    for key in [f"p{n}" for n in range(most)]:
        book(mails.contacts, "acme", prompt(key), policy)

    book(mails.contacts, "acme", prompt("late"), policy)

    [note] = mails.contacts.notes("acme")
    assert (note.kind, note.about, note.reason, note.at_ms) == (kind, "late", "budget", NOON)
    assert note.facts.get("until_ms") == until_ms
    assert (note.facts["journey"], note.facts["detail"]) == ("upsell", f"at most {most} lifecycle in 7 days")


def test_complaint_16_a_prompt_stands_in_the_way_of_a_mail_and_a_mail_of_a_prompt() -> None:
    mails = Mailing()
    win_back = request(template="win_back_hello", journey="win_back", episode="w")

    book(mails.contacts, "acme", prompt(), mails.config.contacts)
    mail = mails.service.send(win_back)
    mails.service.send(request(account="beta"))
    after_a_mail = book(mails.contacts, "beta", prompt(), mails.config.contacts)

    assert mail.reason is Reason.BUDGET
    assert isinstance(after_a_mail, Spent)


def test_two_at_once_spend_one_after_the_other() -> None:
    mails, other = Mailing(), iter(["p2"])

    class Raced:
        def budget(self, account: str) -> tuple[tuple[Contact, ...], int]:
            found = mails.contacts.budget(account)
            for key in other:
                book(mails.contacts, account, prompt(key), POLICY)
            return found

        def write_budget(self, account: str, contacts: tuple[Contact, ...], *, over: int) -> None:
            mails.contacts.write_budget(account, contacts, over=over)

        def note(self, note: Note) -> None:
            mails.contacts.note(note)

    assert book(Raced(), "acme", prompt("p1"), POLICY) == Allowed()
    assert {one.key for one in mails.contacts.budget("acme")[0]} == {"p1", "p2"}


def test_a_budget_that_changes_all_the_time_is_told() -> None:
    class Busy:
        def budget(self, account: str) -> tuple[tuple[Contact, ...], int]:
            return (), 0

        def write_budget(self, account: str, contacts: tuple[Contact, ...], *, over: int) -> None:
            raise ConflictError

        def note(self, note: Note) -> None:
            raise AssertionError(note)

    with pytest.raises(ThrottledError):
        book(Busy(), "acme", prompt(), POLICY)
