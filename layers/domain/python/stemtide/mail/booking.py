"""Contacts that are no mails (prompts, alerts): asked for and counted in the same budget, under own keys; the
account's timeline tells of those for which there was no room, and why."""

from typing import Final, Protocol

from stemtide.config_mail import Contacts
from stemtide.mail.budget import Allowed, Contact, Spent, decide, with_contact
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import Note
from stemtide.ports import ConflictError, ThrottledError

TRIES: Final = 6


class BudgetRows(Protocol):
    """The budgets of accounts."""

    def budget(self, account: str, /) -> tuple[tuple[Contact, ...], int]:
        """The contacts that count, and the version of the row (0: there is none)."""

    def write_budget(self, account: str, contacts: tuple[Contact, ...], /, *, over: int) -> None:
        """Write the contacts over the version that was read.

        Raises:
            ConflictError: the row has another version.
            UnavailableError: outcome unknown; asked again, the same key is the same contact.
        """

    def note(self, note: Note, /) -> None:
        """Tell the timeline.

        Raises:
            UnavailableError: outcome unknown; a repetition changes nothing.
        """


def book(rows: BudgetRows, account: str, asked: Contact, policy: Contacts) -> Allowed | Spent:
    """Count a contact if there is room for it. One that is counted already is allowed as it was.

    Raises:
        UnavailableError: outcome unknown.
    """
    for _ in range(TRIES):
        held, version = rows.budget(account)
        if any(one.key == asked.key for one in held):
            return Allowed()
        found = decide(held, asked, policy)
        if isinstance(found, Spent):
            rows.note(_withheld(account, asked, found))
            return found
        try:
            rows.write_budget(account, with_contact(held, asked, policy), over=version)
        except ConflictError:
            continue
        return found
    raise ThrottledError("the budget changes all the time")


def _withheld(account: str, asked: Contact, spent: Spent) -> Note:
    facts: dict[str, str | int] = {
        "class": asked.mail_class.value,
        "journey": asked.journey,
        "detail": spent.reason,
    }
    if spent.until_ms is not None:
        facts["until_ms"] = spent.until_ms
    return Note(
        account=account,
        at_ms=asked.at_ms,
        kind="contact_refused" if spent.until_ms is None else "contact_deferred",
        about=asked.key,
        reason=Reason.BUDGET,
        facts=facts,
    )
