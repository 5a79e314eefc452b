"""Contacts that are no mails (prompts, alerts): asked for and counted in the same budget, under own keys."""

from typing import Final, Protocol

from stemtide.config_mail import Contacts
from stemtide.mail.budget import Allowed, Contact, Spent, decide, with_contact
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
            return found
        try:
            rows.write_budget(account, with_contact(held, asked, policy), over=version)
        except ConflictError:
            continue
        return found
    raise ThrottledError("the budget changes all the time")
