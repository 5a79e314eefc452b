"""The first reason against a mail wins, and each says what the account's people must know."""

from typing import Any

import pytest
from msgspec.structs import replace
from stemtide.calls import DAY_MS
from stemtide.config_mail import Cap, Contacts
from stemtide.config_schema import Company, Config
from stemtide.config_shadow import Capability, Shadow
from stemtide.mail.budget import HOUR_MS, Contact
from stemtide.mail.judging import LEASE_MS, Abandoned, Go, judge, standing_row
from stemtide.mail.message import MailClass, MailRequest
from stemtide.mail.outcomes import Deferred, Duplicate, Reason, Refused, Unknown
from stemtide.mail.ports import Asked, MailRow, MailState, Standing, Stop

from infra.sizes import SIZES

NOON = 20_787 * DAY_MS + 12 * HOUR_MS  # Monday
NIGHT = NOON + 11 * HOUR_MS
CONFIG = Config(company=Company(name="A", time_zone="UTC", currency="USD"))
REQUEST = MailRequest(
    account="acme", to="ada@example.com", template="t", journey="win_back", episode="e", step="1"
)
ASKED = Asked(account="acme", key="k", address="aa", campaign="win_back")
ALL = (Stop.ERASED, Stop.SUPPRESSED, Stop.BOUNCED)
LIFECYCLE, TRANSACTIONAL = MailClass.LIFECYCLE, MailClass.TRANSACTIONAL


def verdict(
    standing: Standing = Standing(),  # noqa: B008 - immutable
    *,
    mail_class: MailClass = LIFECYCLE,
    at_ms: int = NOON,
    config: Config = CONFIG,
    **request: Any,
) -> Any:
    return judge(
        replace(REQUEST, **request), ASKED, standing, mail_class=mail_class, config=config, as_of_ms=at_ms
    )


def test_with_nothing_against_it_a_mail_goes_and_is_counted() -> None:
    assert verdict() == Go((Contact(NOON, "k", LIFECYCLE, "win_back"),))


def test_the_first_reason_wins_in_the_order_of_weight() -> None:
    spent = tuple(Contact(NOON - n * HOUR_MS, f"k{n}", LIFECYCLE, "upsell") for n in range(1, 4))
    shadow = replace(CONFIG, shadow=Shadow(capabilities=(Capability.WIN_BACK,)))
    everything: dict[str, Any] = {
        "erased": True,
        "held": "a case",
        "do_not_contact": True,
        "stops": {Stop.BOUNCED: 1, Stop.OPTED_OUT: 1},
        "paused": "2 % bounces",
        "contacts": spent,
    }
    reasons = [verdict(Standing(**everything), at_ms=NIGHT, config=shadow).reason]

    while everything:
        reasons.append(verdict(Standing(**everything), at_ms=NIGHT).reason)
        if next(iter(everything)) == "stops" and len(everything["stops"]) > 1:
            everything["stops"] = {Stop.OPTED_OUT: 1}
        else:
            everything.pop(next(iter(everything)))

    assert reasons == [
        *(Reason.SHADOW, Reason.ERASED, Reason.HELD, Reason.DO_NOT_CONTACT, Reason.BOUNCED, Reason.OPTED_OUT),
        *(Reason.CAMPAIGN_PAUSED, Reason.QUIET_HOURS),
    ]
    assert verdict(Standing(contacts=spent)).reason is Reason.BUDGET


@pytest.mark.parametrize("stop", [*ALL, Stop.COMPLAINED_OF_SERVICE_MAIL, Stop.COMPLAINED, Stop.OPTED_OUT])
def test_complaint_12_an_opt_out_and_a_complaint_stop_no_service_mail(stop: Stop) -> None:
    lifecycle = verdict(Standing(stops={stop: 1}))
    service = verdict(Standing(stops={stop: 1}), mail_class=TRANSACTIONAL, journey="dunning")

    assert isinstance(lifecycle, Refused)
    assert isinstance(service, Go) is (stop not in (*ALL, Stop.COMPLAINED_OF_SERVICE_MAIL))


@pytest.mark.parametrize("journey", ["dunning", "win_back", "anything"])
@pytest.mark.parametrize("mail_class", MailClass)
def test_complaint_6_a_hold_and_do_not_contact_stop_every_journey_and_class(
    journey: str, mail_class: MailClass
) -> None:
    for against in (Standing(held="a case"), Standing(do_not_contact=True), Standing(erased=True)):
        assert isinstance(verdict(against, mail_class=mail_class, journey=journey), Refused)


def test_a_hold_says_why() -> None:
    assert verdict(Standing(held="in court")).detail == "in court"
    assert verdict(Standing(held="in court", erased=True)) == Refused(key="k", reason=Reason.ERASED)


def test_row_49_quiet_hours_are_the_customers_own_and_it_says_whose_they_were() -> None:
    tokyo = verdict(zone="Asia/Tokyo")
    fallback = verdict(at_ms=NIGHT, zone="Mars/Olympus")
    profile = verdict(Standing(zone="America/New_York"), at_ms=NIGHT)

    assert (tokyo.reason, tokyo.detail) == (Reason.QUIET_HOURS, "Asia/Tokyo")
    assert tokyo.until_ms == NOON + 11 * HOUR_MS
    assert "UTC, the company's" in fallback.detail
    assert isinstance(profile, Go)


def test_a_budget_that_is_never_free_refuses_and_one_that_will_be_defers() -> None:
    never = replace(CONFIG, contacts=Contacts(caps=(Cap(of="win_back", most=0, days=1),)))
    just = Standing(contacts=(Contact(NOON - HOUR_MS, "other", LIFECYCLE, "upsell"),))

    assert verdict(config=never) == Refused(
        key="k", reason=Reason.BUDGET, detail="at most 0 win_back in 1 days"
    )
    assert verdict(just).until_ms == NOON + 19 * HOUR_MS


@pytest.mark.parametrize(
    ("journey", "capability"),
    [("dunning", "dunning"), ("win_back", "win_back"), ("upsell", "upsell"), ("alerts", "churn_alerts")],
)
def test_a_journey_in_shadow_sends_nothing(journey: str, capability: str) -> None:
    shadow = replace(CONFIG, shadow=Shadow(capabilities=(Capability(capability),)))

    assert verdict(config=shadow, journey=journey).reason is Reason.SHADOW
    assert isinstance(verdict(config=shadow, journey="receipts"), Go)


def row(state: MailState, **more: Any) -> MailRow:
    return MailRow(account="acme", key="k", state=state, token="t", claimed_real_ms=1_000_000, **more)


def answered(found: MailRow, *, real_ms: int = 1_000_000, scale: float = 1.0) -> Any:
    return standing_row(found, as_of_ms=NOON, real_ms=real_ms, scale=scale)


def test_what_was_claimed_before_is_never_sent_again() -> None:
    assert answered(row(MailState.SENT, message_id="m")) == Duplicate(key="k", of="m")
    assert answered(row(MailState.UNKNOWN, why="reply_lost")) == Unknown(key="k", reason=Reason.REPLY_LOST)
    assert answered(row(MailState.REFUSED, why="MessageRejected")) == Refused(
        key="k", reason=Reason.REFUSED_BY_SES, detail="MessageRejected"
    )


def test_a_claim_is_somebody_elses_until_its_lease_is_over_in_real_time() -> None:
    young = answered(row(MailState.CLAIMED), real_ms=1_000_000 + LEASE_MS - 1_000, scale=3600.0)
    old = answered(row(MailState.CLAIMED), real_ms=1_000_000 + LEASE_MS)

    assert young == Deferred(key="k", reason=Reason.IN_FLIGHT, until_ms=NOON + 3_600_000)
    assert old == Abandoned(row(MailState.CLAIMED))
    assert isinstance(answered(row(MailState.CLAIMED), real_ms=1_000_000 + LEASE_MS - 1), Deferred)
    assert isinstance(answered(row(MailState.CLAIMED), real_ms=1_000_000 + 2 * LEASE_MS), Abandoned)


def test_a_lease_is_three_times_as_long_as_the_function_that_sends_may_run() -> None:
    assert SIZES["mail"].timeout_s * 1000 * 3 == LEASE_MS
