"""Kinds of mail chosen one by one: no lifecycle mail of a kind that is off is claimed, every other one is."""

import pytest
from stemtide.mail.judging import judge
from stemtide.mail.message import MailClass, address_key
from stemtide.mail.outcomes import Reason, Refused, Sent
from stemtide.mail.ports import JOURNEY_STOPS, Asked, Standing
from stemtide.mail.preferences import JOURNEYS, Preferences

from tests.unit.mail.mailing import CONFIG, NOON, Mailing, request

ADDRESS = address_key("ada@example.com")
BY = {"account": "acme", "at_ms": NOON, "how": "page"}


@pytest.mark.parametrize("off", JOURNEYS)
@pytest.mark.parametrize("journey", [*JOURNEYS, "news"])
def test_only_the_kind_that_is_off_is_withheld(off: str, journey: str) -> None:
    mailing = Mailing()
    mailing.contacts.choices.choose(ADDRESS, off=[off], **BY)

    outcome = mailing.service.send(request(template="win_back_hello", journey=journey))

    if journey == off:
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.OPTED_OUT
        assert mailing.sent == []
    else:
        assert isinstance(outcome, Sent)


@pytest.mark.parametrize("journey", [*JOURNEYS, "dunning"])
def test_a_mail_about_a_payment_comes_whatever_is_off(journey: str) -> None:
    mailing = Mailing()
    mailing.contacts.choices.choose(ADDRESS, off=list(JOURNEYS), **BY)

    assert isinstance(mailing.service.send(request(journey=journey)), Sent)


def test_a_choice_between_the_look_and_the_claim_is_seen_by_the_claim() -> None:
    mailing = Mailing()
    look = mailing.contacts.look

    def look_then_choose(asked: Asked) -> Standing:
        standing = look(asked)
        mailing.contacts.choices.choose(ADDRESS, off=["upsell"], **BY)
        return standing

    object.__setattr__(mailing.service, "rows", _Watched(mailing.contacts, look_then_choose))

    outcome = mailing.service.send(request(template="win_back_hello", journey="upsell"))

    assert isinstance(outcome, Refused)
    assert mailing.sent == []


class _Watched:
    """The contacts, with another way to look."""

    def __init__(self, contacts: object, look: object) -> None:
        self._contacts = contacts
        self.look = look

    def __getattr__(self, name: str) -> object:
        return getattr(self._contacts, name)


def test_a_choice_is_told_once_and_repeated_changes_nothing() -> None:
    mailing = Mailing()
    choices = mailing.contacts.choices

    changed = [
        choices.choose(ADDRESS, off=["upsell"], **BY),
        choices.choose(ADDRESS, off=["upsell"], **BY),
        choices.opt_out(ADDRESS, **BY),
        choices.opt_out(ADDRESS, **BY),
        choices.opt_in(ADDRESS, **BY),
        choices.opt_in(ADDRESS, **BY),
    ]

    assert changed == [True, False] * 3
    assert sorted(mailing.kinds()) == ["mail_chosen", "opted_in", "opted_out"]
    assert choices.preferences(ADDRESS) == Preferences()


@pytest.mark.parametrize("journey", JOURNEYS)
def test_what_is_off_is_told_as_the_recipients_own_wish(journey: str) -> None:
    asked = Asked(account="acme", key="k", address=ADDRESS, campaign=journey)

    verdict = judge(
        request(journey=journey),
        asked,
        Standing(stops={JOURNEY_STOPS[journey]: 1}),
        mail_class=MailClass.LIFECYCLE,
        config=CONFIG,
        as_of_ms=NOON,
    )

    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.OPTED_OUT
