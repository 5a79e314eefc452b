"""Notices: suppress first, each once, in any order; campaigns stop in time and only for good reason."""

from decimal import Decimal
from itertools import permutations
from math import ceil

import pytest
from msgspec.structs import replace
from stemtide.calls import DAY_MS
from stemtide.clock import ModelClock
from stemtide.config_mail import CampaignPause, Mail
from stemtide.mail.campaigns import Counts, why_to_pause
from stemtide.mail.message import MailClass, address_key, mail_key
from stemtide.mail.notices import Notice, NoticeKind
from stemtide.mail.noticing import Noticing
from stemtide.mail.outcomes import Reason, Sent, Unknown
from stemtide.mail.ports import Stop
from stemtide.mail.preferences import Preferences
from stemtide.mail.tags import Tagged
from stemtide.ports import UnavailableError

from tests.simulation.mail.table import Crash, Fault
from tests.unit.mail.mailing import NOON, Mailing, request

ADA = address_key("ada@example.com")
STOPPING = (NoticeKind.BOUNCED, NoticeKind.SOFT_BOUNCED, NoticeKind.COMPLAINED)
WIN_BACK = {"template": "win_back_hello", "journey": "win_back", "episode": "w"}


def noticing(mails: Mailing, *, said: list[str] | None = None, config: Mail | None = None) -> Noticing:
    return Noticing(
        addresses=mails.contacts.addresses,
        mails=mails.contacts.notices,
        campaigns=mails.contacts.campaigns,
        config=config or mails.config.mail,
        clock=ModelClock(),
        real_ms=lambda: mails.now_ms,
        paused=lambda campaign, why: None if said is None else said.append(f"{campaign}: {why}"),
    )


def notice(
    kind: NoticeKind, *, message: str = "m0", at_ms: int = NOON, tagged: Tagged | None = None
) -> Notice:
    return Notice(kind, at_ms, message, (ADA,), tagged, "")


def tags_of(mails: Mailing, n: int = 0) -> Tagged:
    claim = mails.sent[n]
    return Tagged(claim.asked.account, claim.asked.key, claim.mail_class)


def state(mails: Mailing, key: str, account: str = "acme") -> dict[str, object]:
    return mails.tables.items["contacts", f"account#{account}", f"mail#{key}"]


@pytest.mark.parametrize("kind", [NoticeKind.BOUNCED, NoticeKind.COMPLAINED])
def test_row_47_a_notice_of_nobodys_mail_suppresses_all_the_same(kind: NoticeKind) -> None:
    mails = Mailing()

    noticing(mails).take(notice(kind, message="never heard of"))

    assert mails.service.send(request(**WIN_BACK)).reason in (Reason.BOUNCED, Reason.COMPLAINED)


def test_row_47_the_address_is_stopped_before_anything_else_can_fail() -> None:
    mails = Mailing()
    mails.service.send(request())
    calls = mails.tables.calls
    mails.tables.fault = lambda: Fault.REFUSED if mails.tables.calls > calls + 1 else None

    with pytest.raises(UnavailableError):
        noticing(mails).take(notice(NoticeKind.BOUNCED, tagged=tags_of(mails)))

    mails.tables.fault = lambda: None
    assert Stop.BOUNCED in mails.contacts.addresses.stops(ADA)


def test_row_47_the_same_notice_ten_times_counts_once_and_is_told_once() -> None:
    mails = Mailing()
    mails.service.send(request())

    for n in range(10):
        noticing(mails).take(notice(NoticeKind.COMPLAINED, at_ms=NOON + 1 + n, tagged=tags_of(mails)))

    counts = mails.contacts.campaigns.read("dunning", at_ms=NOON, window_days=1).counts
    assert counts == Counts(mails=1, bounces=0, complaints=1)
    assert mails.kinds() == ["mail_sent", "mail_complained"]


def test_row_47_notices_end_the_same_in_any_order() -> None:
    kinds = (NoticeKind.DELIVERED, NoticeKind.BOUNCED, NoticeKind.COMPLAINED, NoticeKind.OPENED)
    ends = []

    for order in permutations(kinds):
        mails = Mailing(answers=[UnavailableError("no reply")])
        mails.service.send(request())
        told = Tagged("acme", mail_key(request()), MailClass.TRANSACTIONAL)
        for kind in order:
            noticing(mails).take(notice(kind, at_ms=NOON + 10 * kinds.index(kind), tagged=told))
        ends.append({**state(mails, told.key), "sent_ms": None})

    assert all(end == ends[0] for end in ends)
    assert {"delivered", "bounced", "complained", "opened"} <= set(ends[0])


@pytest.mark.parametrize("kind", NoticeKind)
def test_any_notice_proves_that_a_mail_of_which_nobody_knew_was_sent(kind: NoticeKind) -> None:
    mails = Mailing(answers=[UnavailableError("no reply")])
    assert isinstance(mails.service.send(request()), Unknown)
    told = Tagged("acme", mail_key(request()), MailClass.TRANSACTIONAL)

    noticing(mails).take(notice(kind, tagged=told))

    row = state(mails, told.key)
    assert (row["state"], row["message_id"], "open_state" in row) == ("sent", "m0", False)
    assert "mail_sent" in mails.kinds()


def test_a_notice_without_tags_finds_its_mail_by_the_message() -> None:
    mails = Mailing()
    mails.service.send(request())

    noticing(mails).take(notice(NoticeKind.DELIVERED))

    assert state(mails, mail_key(request()))["delivered"] == NOON


def test_a_complaint_stops_lifecycle_mail_and_one_about_a_service_mail_stops_all() -> None:
    mails = Mailing()
    mails.service.send(request(**WIN_BACK))
    noticing(mails).take(notice(NoticeKind.COMPLAINED, tagged=tags_of(mails)))

    service = mails.service.send(request())
    noticing(mails).take(notice(NoticeKind.COMPLAINED, message="m1", tagged=tags_of(mails, 1)))

    assert isinstance(service, Sent)
    assert mails.service.send(request(step="2")).reason is Reason.COMPLAINED_OF_SERVICE_MAIL


@pytest.mark.parametrize("kind", [NoticeKind.SOFT_BOUNCED, NoticeKind.DELAYED])
def test_complaint_13_an_absence_note_is_no_opt_out(kind: NoticeKind) -> None:
    mails = Mailing()
    mails.service.send(request(template="win_back_hello", journey="win_back"))

    noticing(mails).take(notice(kind, tagged=tags_of(mails)))

    mails.now_ms += 30 * DAY_MS
    later = mails.service.send(request(template="win_back_hello", journey="win_back", step="2"))
    assert isinstance(later, Sent)
    assert mails.contacts.choices.preferences(ADA) == Preferences()


def test_transient_bounces_stop_an_address_only_when_there_are_many_at_a_time() -> None:
    mails, config = Mailing(), Mail(soft_bounces=3, soft_bounce_days=10)
    work = noticing(mails, config=config)

    for n, day in enumerate([0, 0, 5, 40, 41]):  # the first message bounces twice
        message = f"m{max(n, 1)}"
        work.take(notice(NoticeKind.SOFT_BOUNCED, message=message, at_ms=NOON + day * DAY_MS))
        assert mails.contacts.addresses.stops(ADA) == {}
    work.take(notice(NoticeKind.SOFT_BOUNCED, message="m9", at_ms=NOON + 42 * DAY_MS))

    assert Stop.BOUNCED in mails.contacts.addresses.stops(ADA)


def test_a_campaign_stops_at_its_share_and_counts_anew_when_it_is_resumed() -> None:
    config = Mail(pause=CampaignPause(bounce_pct=2, min_bounces=2))
    mails, said = Mailing(config=replace(Mailing().config, mail=config)), []
    work = noticing(mails, said=said)
    for n in range(100):
        mails.service.send(request(account=f"a{n}", to=f"a{n}@example.com"))
    for n in range(2):
        assert said == []
        work.take(Notice(NoticeKind.BOUNCED, NOON, f"m{n}", ("x",), None, ""))

    paused = mails.service.send(request(account="late", to="late@example.com"))
    mails.contacts.campaigns.resume("dunning")
    resumed = mails.service.send(request(account="late", to="late@example.com"))
    work.take(Notice(NoticeKind.BOUNCED, NOON, "m2", ("x",), None, ""))

    assert said == ["dunning: 2 bounces of 100 mails: 2 % or more"]
    assert (paused.reason, paused.until_ms) == (Reason.CAMPAIGN_PAUSED, None)
    assert isinstance(resumed, Sent)
    assert mails.contacts.campaigns.read("dunning", at_ms=NOON, window_days=30).counts == Counts(mails=1)


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.CRASH_AFTER, Fault.CRASH_BEFORE, Fault.REFUSED])
def test_a_pause_is_told_whatever_becomes_of_its_request(fault: Fault) -> None:
    twin, mails = one_sent(), one_sent()
    said: list[str] = []
    bounce = Notice(NoticeKind.BOUNCED, NOON, "m0", ("x",), None, "")
    noticing(twin).take(bounce)  # whose last request is the pause
    work = noticing(mails, said=said)
    mails.tables.fault = lambda: fault if mails.tables.calls == twin.tables.calls else None
    with pytest.raises((UnavailableError, Crash)):
        work.take(bounce)

    work.take(bounce)

    assert set(said) == {"dunning: 1 bounces of 1 mails: 1 % or more"}
    assert mails.contacts.campaigns.read("dunning", at_ms=NOON, window_days=30).paused


def one_sent() -> Mailing:
    """A campaign of one mail, which pauses when that bounces."""
    config = Mail(pause=CampaignPause(bounce_pct=1, min_bounces=1))
    mails = Mailing(config=replace(Mailing().config, mail=config))
    mails.service.send(request())
    return mails


@pytest.mark.parametrize(
    ("counts", "stops"),
    [
        (Counts(200, 4, 0), False),  # too few to mean anything
        (Counts(250, 5, 0), True),
        (Counts(251, 5, 0), False),
        (Counts(10, 5, 0), True),
        (Counts(4_000, 0, 2), True),
        (Counts(4_001, 0, 2), False),
        (Counts(3, 0, 1), False),
        (Counts(0, 0, 0), False),
    ],
)
def test_a_share_counts_from_a_number_on_that_means_something(counts: Counts, *, stops: bool) -> None:
    assert (why_to_pause(counts, CampaignPause()) is not None) is stops


@pytest.mark.parametrize("mails", [100, 10_000, 110_000, 140_000])
@pytest.mark.parametrize("pct", ["0.01", "0.05", "0.07", "2", "28.9"])
def test_a_campaign_stops_at_its_share_to_the_mail(pct: str, mails: int) -> None:
    limits = CampaignPause(bounce_pct=float(pct), min_bounces=1)
    least = ceil(Decimal(pct) * mails / 100)

    assert why_to_pause(Counts(mails=mails, bounces=least), limits) is not None
    assert least == 1 or why_to_pause(Counts(mails=mails, bounces=least - 1), limits) is None


@pytest.mark.parametrize(
    ("kind", "of_offers", "of_payments"),
    [
        *((kind, set(), set()) for kind in NoticeKind if kind not in STOPPING),
        (NoticeKind.BOUNCED, {Stop.BOUNCED}, {Stop.BOUNCED}),
        (NoticeKind.SOFT_BOUNCED, {Stop.BOUNCED}, {Stop.BOUNCED}),
        (NoticeKind.COMPLAINED, {Stop.COMPLAINED}, {Stop.COMPLAINED, Stop.COMPLAINED_OF_SERVICE_MAIL}),
    ],
)
def test_row_47_each_kind_stops_what_it_must_and_nothing_else(
    kind: NoticeKind, of_offers: set[Stop], of_payments: set[Stop]
) -> None:
    for mail, stops in ((WIN_BACK, of_offers), ({}, of_payments)):
        mails = Mailing()
        mails.service.send(request(**mail))

        noticing(mails, config=Mail(soft_bounces=1)).take(notice(kind, tagged=tags_of(mails)))

        assert set(mails.contacts.addresses.stops(ADA)) == stops


def test_a_limit_that_is_lowered_holds_for_what_bounced_before() -> None:
    mails = Mailing()
    for n in range(3):
        noticing(mails, config=Mail(soft_bounces=9)).take(notice(NoticeKind.SOFT_BOUNCED, message=f"m{n}"))

    noticing(mails, config=Mail(soft_bounces=2)).take(notice(NoticeKind.SOFT_BOUNCED, message="m9"))

    assert Stop.BOUNCED in mails.contacts.addresses.stops(ADA)
