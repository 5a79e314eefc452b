"""One mail at a time: what each answer of SES makes of its claim, and what a second request is told."""

import pytest
from stemtide.clock import ModelClock
from stemtide.mail.budget import HOUR_MS
from stemtide.mail.judging import LEASE_MS
from stemtide.mail.message import address_key, mail_key
from stemtide.mail.outcomes import Deferred, Duplicate, Reason, Refused, Sent, Unknown
from stemtide.mail.ports import MailRefusedError, MailRow, SendingStoppedError, TooFastError
from stemtide.mail.service import NotAllSentError
from stemtide.mail.unconfirmed import settle
from stemtide.ports import ThrottledError, UnavailableError

from tests.simulation.mail.table import Crash, Fault
from tests.unit.mail.mailing import NOON, Mailing, request

KEY = mail_key(request())


def test_complaints_3_and_5_a_repetition_is_told_as_a_duplicate_and_a_resend_goes_out() -> None:
    mails = Mailing()

    first = mails.service.send(request())
    again = mails.service.send(request(to="ADA@example.com", values={"other": 1}))
    resent = mails.service.send(request(intent="support asked for it"))

    assert first == Sent(key=KEY, message_id="m0")
    assert again == Duplicate(key=KEY, of="m0")
    assert isinstance(resent, Sent)
    assert len(mails.sent) == 2


def test_complaint_15_what_waited_for_the_morning_is_decided_anew() -> None:
    mails = Mailing(now_ms=NOON + 10 * HOUR_MS)
    offer = request(template="win_back_hello", journey="win_back")

    at_night = mails.service.send(offer)
    assert isinstance(at_night, Deferred)
    assert at_night.until_ms is not None
    mails.contacts.opt_out(address_key(offer.to), account="acme", at_ms=mails.now_ms, how="page")
    mails.now_ms = at_night.until_ms
    in_the_morning = mails.service.send(offer)

    assert at_night.reason is Reason.QUIET_HOURS
    assert in_the_morning.reason is Reason.OPTED_OUT
    assert mails.sent == []


def test_row_45_a_lost_reply_is_unknown_for_good() -> None:
    mails = Mailing(answers=[UnavailableError("no reply")])

    first, again = mails.service.send(request()), mails.service.send(request())

    assert first == again == Unknown(key=KEY, reason=Reason.REPLY_LOST)
    assert mails.sent == []
    assert mails.kinds() == ["mail_unknown"]


def test_who_dies_between_claim_and_confirmation_leaves_a_mail_that_nobody_sends() -> None:
    mails = Mailing(answers=[Crash()])
    with pytest.raises(Crash):
        mails.service.send(request())

    in_flight = mails.service.send(request())
    mails.now_ms += LEASE_MS
    later = mails.service.send(request())

    assert in_flight == Deferred(key=KEY, reason=Reason.IN_FLIGHT, until_ms=NOON + LEASE_MS)
    assert later == Unknown(key=KEY, reason=Reason.ABANDONED)
    assert mails.sent == []


def test_claims_that_nobody_asks_about_are_found_by_schedule() -> None:
    mails = Mailing(answers=[Crash()])
    with pytest.raises(Crash):
        mails.service.send(request())
    mails.service.send(request(step="2"))
    model_ms = ModelClock().at

    early = list(settle(mails.contacts, real_ms=NOON + LEASE_MS, model_ms=model_ms))
    found = list(settle(mails.contacts, real_ms=NOON + LEASE_MS + 1, model_ms=model_ms))
    again = list(settle(mails.contacts, real_ms=NOON + 2 * LEASE_MS, model_ms=model_ms))

    assert (early, [row.key for row in found], again) == ([], [KEY], [])
    assert mails.kinds().count("mail_unknown") == 1


def tell(mails: Mailing, told: list[MailRow]) -> None:
    """Look for mails of which nobody knows, once their leases are over, and tell of each as it is found."""
    for row in settle(mails.contacts, real_ms=NOON + LEASE_MS + 1, model_ms=ModelClock().at):
        told.append(row)


def test_each_mail_of_which_nobody_knows_is_told_though_the_reply_to_its_note_is_lost() -> None:
    mails = Mailing(answers=[Crash()] * 3)
    for n in range(3):
        with pytest.raises(Crash):
            mails.service.send(request(account=f"a{n}"))
    faults = {mails.tables.calls + 3: Fault.LOST_REPLY}  # the list, the note of the first, that of the second
    mails.tables.fault = lambda: faults.pop(mails.tables.calls, None)
    told: list[MailRow] = []

    with pytest.raises(UnavailableError):
        tell(mails, told)
    tell(mails, told)

    assert [row.account for row in told] == ["a0", "a1", "a2"]


def test_a_mail_whose_note_was_throttled_is_told_when_it_is_noted() -> None:
    mails = Mailing(answers=[Crash()])
    with pytest.raises(Crash):
        mails.service.send(request())
    faults = {mails.tables.calls + 2: Fault.REFUSED}  # the list, then the note
    mails.tables.fault = lambda: faults.pop(mails.tables.calls, None)
    told: list[MailRow] = []

    with pytest.raises(ThrottledError):
        tell(mails, told)
    assert told == []
    tell(mails, told)

    assert [row.key for row in told] == [KEY]


def test_row_46_a_throttled_mail_is_given_back_with_its_contact_and_goes_out_later() -> None:
    mails = Mailing(answers=[TooFastError("TooManyRequestsException")])

    throttled = mails.service.send(request())
    held = mails.contacts.campaigns.read("dunning", at_ms=NOON, window_days=1).counts.mails
    mails.now_ms += 60_000
    sent = mails.service.send(request())

    assert throttled == Deferred(
        key=KEY, reason=Reason.THROTTLED, until_ms=NOON + 60_000, detail="TooManyRequestsException"
    )
    assert held == 0
    assert isinstance(sent, Sent)
    assert mails.kinds() == ["mail_deferred", "mail_sent"]


def test_row_46_when_ses_stops_the_account_the_campaign_waits_for_a_person() -> None:
    mails = Mailing(answers=[SendingStoppedError("SendingPausedException")])

    stopped = mails.service.send(request())
    other = mails.service.send(request(account="beta"))
    elsewhere = mails.service.send(request(account="beta", journey="receipts"))
    mails.contacts.campaigns.resume("dunning")
    resumed = mails.service.send(request())

    assert (stopped.reason, stopped.until_ms) == (Reason.SENDING_STOPPED, None)
    assert (other.reason, other.detail) == (Reason.CAMPAIGN_PAUSED, "SES: SendingPausedException")
    assert isinstance(elsewhere, Sent)
    assert isinstance(resumed, Sent)


def test_what_ses_refuses_for_what_it_is_stays_refused_and_costs_no_contact() -> None:
    mails = Mailing(answers=[MailRefusedError("MessageRejected")])

    first, again = mails.service.send(request()), mails.service.send(request())
    others = [mails.service.send(request(step=str(n))) for n in range(2, 6)]

    assert first == again == Refused(key=KEY, reason=Reason.REFUSED_BY_SES, detail="MessageRejected")
    assert all(isinstance(one, Sent) for one in others)
    assert mails.service.send(request(step="6")).reason is Reason.BUDGET


def test_complaint_4_one_recipients_failure_touches_no_other() -> None:
    mails = Mailing(
        answers=["a", MailRefusedError("MessageRejected"), UnavailableError("x"), TooFastError("y"), "b"]
    )
    five = [request(account=f"a{n}", to=f"ada{n}@example.com") for n in range(5)]

    outcomes = mails.service.send_all([*five, request(to="nobody"), request(template="unheard of")])

    kinds = [type(one) for one in outcomes]
    assert kinds == [Sent, Refused, Unknown, Deferred, Sent, Refused, Refused]
    assert [one.reason for one in outcomes[5:]] == [Reason.NO_ADDRESS, Reason.NOT_RENDERED]


def test_complaint_4_even_a_bug_stops_no_other_recipient_and_is_not_swallowed() -> None:
    mails = Mailing(answers=["a", ZeroDivisionError("a bug"), "b"])

    with pytest.raises(NotAllSentError, match="1 of 3"):
        mails.service.send_all([request(account=f"a{n}") for n in range(3)])

    assert [claim.asked.account for claim in mails.sent] == ["a0", "a2"]


def test_a_claim_whose_reply_is_lost_is_known_by_its_token_and_sent_once() -> None:
    mails = Mailing()
    faults = {3: Fault.LOST_REPLY}  # look, enlist the campaign, claim
    mails.tables.fault = lambda: faults.pop(mails.tables.calls, None)

    found = mails.service.send(request())

    assert isinstance(found, Sent)
    assert len(mails.sent) == 1


def test_a_lifecycle_mail_gets_a_way_out_and_a_transactional_one_none() -> None:
    mails = Mailing()

    mails.service.send(request())
    mails.service.send(request(template="win_back_hello", journey="win_back", account="beta"))

    assert mails.urls == ["", "https://example.com/ada@example.com"]


def test_no_row_holds_an_address() -> None:
    mails = Mailing(answers=["m", MailRefusedError("x"), UnavailableError("y")])
    for n in range(4):
        mails.service.send(request(step=str(n)))

    assert "ada" not in str(mails.tables.items)
    assert "example" not in str(mails.tables.items)


def test_complaint_14_who_is_erased_is_not_mailed_again_under_another_account() -> None:
    mails = Mailing()
    mails.service.send(request())

    addresses = mails.contacts.erase("acme", at_ms=NOON)

    assert addresses == 1
    assert mails.service.send(request(step="2")).reason is Reason.ERASED
    assert mails.service.send(request(account="imported again")).reason is Reason.ERASED
    assert isinstance(mails.service.send(request(account="beta", to="bob@example.com")), Sent)


def test_waiting_is_told_in_model_time_and_leases_run_in_real_time() -> None:
    clock = ModelClock(real_ms=NOON, model_ms=NOON, scale=3600.0)
    mails = Mailing(answers=[Crash()], clock=clock)
    with pytest.raises(Crash):
        mails.service.send(request())
    mails.now_ms += 1_000

    found = mails.service.send(request())

    left_ms = LEASE_MS - 1_000
    assert found == Deferred(key=KEY, reason=Reason.IN_FLIGHT, until_ms=NOON + 3_600_000 + 3600 * left_ms)
