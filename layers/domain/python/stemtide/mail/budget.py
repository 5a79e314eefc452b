"""The contact budget: how often an account may be contacted, over every journey and channel.

Mails, prompts and alerts all ask here before they act and are counted here when they do. Windows roll; the
clock may be set back, so a contact in the future counts as one of now.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from stemtide.calls import DAY_MS
from stemtide.config_mail import ANY, MOST_DAYS, Cap, Contacts
from stemtide.mail.message import MailClass

HOUR_MS: Final = 3_600_000
KEPT: Final = 64
"""Contacts that are remembered whatever they count for, besides those that a cap goes by."""


class Contact(NamedTuple):
    """One contact of an account: when, under which key, what it was for and in which journey."""

    at_ms: int
    key: str
    mail_class: MailClass
    journey: str


class Allowed(NamedTuple):
    """The contact may be made."""


class Spent(NamedTuple):
    """It may not; `until_ms`: the instant from which it may if nothing else happens, None: never."""

    reason: str
    until_ms: int | None


def decide(held: Iterable[Contact], asked: Contact, policy: Contacts) -> Allowed | Spent:
    """Whether an account may be contacted at the instant of `asked`, after the contacts `held`.

    One that is held under the same key is the same contact and does not stand in its own way. Of several
    caps that are spent the one that lasts longest is the reason.
    """
    others = [one for one in held if one.key != asked.key]
    spent = list(_spent(others, asked, policy))
    never = next((one for one in spent if one.until_ms is None), None)
    if never is not None:
        return never
    return max(spent, key=lambda one: one.until_ms or 0) if spent else Allowed()


def with_contact(held: Iterable[Contact], made: Contact, policy: Contacts) -> tuple[Contact, ...]:
    """The contacts to remember once `made` has happened, newest first: as many as any later decision by this
    policy can depend on."""
    found = sorted({one for one in held if one.key != made.key} | {made}, reverse=True)
    recent = [one for one in found if one.at_ms > made.at_ms - MOST_DAYS * DAY_MS]
    kept = set(recent[:KEPT])
    for cap in policy.caps:
        kept.update([one for one in recent if _counts(cap, one)][: cap.most])
    return tuple(one for one in recent if one in kept)


def without(held: Iterable[Contact], key: str) -> tuple[Contact, ...]:
    """The contacts without one that did not come about."""
    return tuple(one for one in held if one.key != key)


def _spent(others: list[Contact], asked: Contact, policy: Contacts) -> Iterator[Spent]:
    for cap in policy.caps:
        if not _limits(cap, asked):
            continue
        reason = f"at most {cap.most} {cap.of} in {cap.days} days"
        if cap.most == 0:
            yield Spent(reason, None)
            continue
        counted = sorted((min(one.at_ms, asked.at_ms) for one in others if _counts(cap, one)), reverse=True)
        if len(counted) >= cap.most:
            yield from _until(counted[cap.most - 1] + cap.days * DAY_MS, asked, reason)
    if others and asked.mail_class is not MailClass.TRANSACTIONAL:
        newest = max(min(one.at_ms, asked.at_ms) for one in others)
        reason = f"at least {policy.min_gap_hours} hours between contacts"
        yield from _until(newest + policy.min_gap_hours * HOUR_MS, asked, reason)


def _until(free_ms: int, asked: Contact, reason: str) -> Iterator[Spent]:
    if free_ms > asked.at_ms:
        yield Spent(reason, free_ms)


def _limits(cap: Cap, asked: Contact) -> bool:
    """A transactional contact is limited by the cap of its class and of its journey only."""
    if cap.of == ANY:
        return asked.mail_class is not MailClass.TRANSACTIONAL
    return _counts(cap, asked)


def _counts(cap: Cap, contact: Contact) -> bool:
    return cap.of in (ANY, contact.mail_class, contact.journey)
