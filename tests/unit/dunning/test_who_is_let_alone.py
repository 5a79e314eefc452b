"""Whom dunning lets alone: by the same rows that keep mail back, read anew before each act."""

from types import SimpleNamespace

import pytest
from stemtide.config import Config
from stemtide.config_schema import Company
from stemtide.dunning.assembly import About
from stemtide.profile import Profile

from tests.unit.mail.mailing import NOON, Mailing


def about(mails: Mailing, profile: Profile | None = None) -> About:
    record = None if profile is None else SimpleNamespace(profile=profile)
    return About(
        config=Config(company=Company(name="A", time_zone="UTC", currency="USD")),
        record=lambda _: record,
        hold=mails.contacts.hold_of,
    )


def test_complaint_14_whoever_is_erased_is_not_collected_from_even_after_a_release() -> None:
    mails = Mailing()
    before = about(mails).held("acme")
    mails.contacts.hold("acme", why="a case", at_ms=NOON)
    held = about(mails).held("acme")
    mails.contacts.erase("acme", at_ms=NOON)
    mails.contacts.release("acme", at_ms=NOON)

    assert (before, held, about(mails).held("acme")) == (None, "held", "erased")
    assert about(mails).held("beta") is None


@pytest.mark.parametrize(("leave_alone", "reason"), [(True, "do_not_contact"), (False, None)])
def test_complaint_6_a_partner_that_is_not_to_be_contacted_is_not_collected_from(
    leave_alone: bool, reason: str | None
) -> None:
    assert about(Mailing(), Profile(do_not_contact=leave_alone)).held("acme") == reason
