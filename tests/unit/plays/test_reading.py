"""The facts of a decision, from what provider and tables say."""

from typing import Any

import msgspec
import pytest
from stemtide.calls import DAY_MS
from stemtide.dunning.ledger import Entry, Kind
from stemtide.mail.outcomes import Reason
from stemtide.plays.facts import OfferState
from stemtide.plays.play import Play
from stemtide.plays.reading import Seen, facts_of
from stemtide.profile import Profile, Term
from stemtide.scoring.assessment import Assessment, Basis, Tier
from stemtide.shadow import MODEL

from tests.plays import RETENTION, START, WIN_BACK

CUSTOMER = {"id": "cus_1", "email": "ada@acme.example"}
SECONDS = START // 1000


def subscription(name: str, status: str = "active", created: int = SECONDS, **more: Any) -> dict[str, Any]:
    return {"id": name, "status": status, "created": created, "ended_at": None, "discounts": [], **more}


ENDED = subscription("sub_1", "canceled", SECONDS - 100 * 86_400, ended_at=SECONDS)


def facts(play: Play, *subscriptions: dict[str, Any], entries: list[Entry] | None = None, **seen: Any) -> Any:
    known = {"customer": CUSTOMER, "subscriptions": subscriptions, **seen}
    return facts_of(play, entries or [], Seen(**known), now_ms=START + DAY_MS)


def test_who_subscribes_again_has_come_back_even_in_the_second_it_left() -> None:
    assert facts(WIN_BACK, ENDED).turned_ms is None
    assert facts(WIN_BACK, ENDED, subscription("sub_2")).turned_ms == START
    assert facts(WIN_BACK, ENDED, subscription("sub_2", created=SECONDS + 60)).turned_ms == START + 60_000


def test_who_came_back_and_left_again_had_come_back() -> None:
    found = facts(WIN_BACK, ENDED, subscription("sub_2", "canceled", SECONDS + 60, ended_at=SECONDS + 90))

    assert (found.turned_ms, found.gone) == (START + 60_000, None)


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired"])
def test_a_subscription_whose_first_payment_was_never_made_is_no_return(status: str) -> None:
    assert facts(WIN_BACK, ENDED, subscription("sub_2", status)).turned_ms is None


def test_who_has_another_subscription_from_before_never_left() -> None:
    found = facts(WIN_BACK, ENDED, subscription("sub_0", created=SECONDS - 500))

    assert (found.turned_ms, found.gone) == (None, "still_subscribed")


@pytest.mark.parametrize(("days", "gone"), [(5, "subscribed_elsewhere"), (-100, None)])
def test_who_subscribes_again_as_another_customer_of_the_provider_is_not_asked_back(
    days: int, gone: str | None
) -> None:
    term = Term(plan="business", start_ms=START + days * DAY_MS)
    profile = Profile(plan="business", subscribed=True, terms=(term,))

    assert facts(WIN_BACK, ENDED, profile=profile).gone == gone


def test_an_account_at_risk_has_left_when_its_last_subscription_ended() -> None:
    later = subscription("sub_2", "canceled", ended_at=SECONDS + 30)

    assert facts(RETENTION, ENDED, later).turned_ms == START + 30_000
    assert facts(RETENTION, ENDED, subscription("sub_2", "past_due")).turned_ms is None


def test_without_a_provider_what_was_told_of_its_terms_says_when_it_left() -> None:
    alone = msgspec.structs.replace(RETENTION, customer=None)

    left, stays = (facts(alone, customer=None, left_ms=said).turned_ms for said in (START + 5, None))

    assert (left, stays) == (START + 5, None)
    assert facts(RETENTION, subscription("sub_1"), left_ms=START + 5).turned_ms is None  # the provider knows


def test_who_had_left_before_the_play_began_was_never_to_be_kept() -> None:
    long_gone = subscription("sub_1", "canceled", SECONDS - 9_000, ended_at=SECONDS - 5_000)

    assert facts(RETENTION, long_gone).gone == "had_left"


@pytest.mark.parametrize(
    ("seen", "gone"),
    [
        ({"customer": None}, "customer_deleted"),
        ({"customer": {"id": "cus_1", "deleted": True}}, "customer_deleted"),
        ({"refusal": Reason.ERASED}, "erased"),
    ],
)
@pytest.mark.parametrize("play", [WIN_BACK, RETENTION])
def test_of_whom_nothing_can_be_known_any_more(play: Play, seen: dict[str, Any], gone: str) -> None:
    assert facts(play, subscription("sub_0", created=SECONDS - 500), **seen).gone == gone


@pytest.mark.parametrize(
    ("reason", "win_back", "retention"),
    [
        (Reason.OPTED_OUT, "opted_out", None),
        (Reason.COMPLAINED, "complained", None),
        (Reason.BOUNCED, "bounced", None),
        (Reason.HELD, "held", "held"),
        (Reason.DO_NOT_CONTACT, "do_not_contact", "do_not_contact"),
        (Reason.SHADOW, "shadow", "shadow"),
        (None, None, None),
    ],
)
def test_what_stops_mail_stops_win_back_and_only_what_is_about_the_account_stops_retention(
    reason: Reason | None, win_back: str | None, retention: str | None
) -> None:
    assert facts(WIN_BACK, ENDED, refusal=reason).stops == win_back
    assert facts(RETENTION, subscription("sub_1"), refusal=reason).stops == retention


def test_the_offer_is_as_its_ledger_tells_and_taken_when_a_subscription_has_its_code() -> None:
    told = {"percent": 20, "months": 3, "amount": 2_940, "currency": "EUR"}
    entries = [
        Entry(seq=1, at_ms=START, kind=Kind.OFFER_CLAIMED, **told),
        Entry(
            seq=2,
            at_ms=START,
            kind=Kind.OFFER,
            provider_id="promo_1",
            code="BACK-X",
            expires_ms=START + 9,
            **told,
        ),
    ]
    with_code = subscription("sub_2", discounts=[{"id": "di_1", "promotion_code": "promo_1"}])
    other = subscription("sub_2", discounts=[{"id": "di_1", "promotion_code": "promo_2"}])

    found = facts(WIN_BACK, ENDED, with_code, entries=entries)

    assert found.redeemed
    assert (found.offer.state, found.offer.cost, found.offer.code) == (OfferState.MADE, 2_940, "BACK-X")
    assert not facts(WIN_BACK, ENDED, other, entries=entries).redeemed
    assert facts(WIN_BACK, ENDED, entries=entries[:1]).offer.state is OfferState.CLAIMED


def test_an_offer_was_taken_if_its_code_says_so_when_the_discount_has_run_out() -> None:
    told = {"percent": 20, "months": 3, "amount": 2_940, "currency": "EUR"}
    made = [Entry(seq=1, at_ms=START, kind=Kind.OFFER, provider_id="promo_1", code="BACK-X", **told)]
    taken, other = {"id": "promo_1", "times_redeemed": 1}, {"id": "promo_2", "times_redeemed": 1}
    unused = {"id": "promo_1", "times_redeemed": 0}

    found = [
        facts(RETENTION, subscription("sub_1"), entries=made, codes=[one]).redeemed
        for one in (taken, other, unused)
    ]

    assert found == [True, False, False]


@pytest.mark.parametrize(
    ("email", "refusal", "expected"),
    [
        ("ada@acme.example", None, None),
        ("ada@acme.example", Reason.OPTED_OUT, "opted_out"),
        (None, None, "no_address"),
        (None, Reason.HELD, "held"),
    ],
)
def test_whom_no_mail_reaches_is_told_with_the_reason(
    email: str | None, refusal: Reason | None, expected: str | None
) -> None:
    customer = {"id": "cus_1", "email": email}

    assert facts(RETENTION, subscription("sub_1"), customer=customer, refusal=refusal).unmailed == expected


def test_only_an_account_at_risk_has_its_score_among_the_facts() -> None:
    scored = Assessment(basis=Basis.MODEL, completeness=1.0, score=80, tier=Tier.CRITICAL)

    at_risk, left = facts(RETENTION, assessment=scored), facts(WIN_BACK, assessment=scored)

    assert (at_risk.score, at_risk.tier) == (80, Tier.CRITICAL)
    assert (left.score, left.tier) == (None, None)


def test_nothing_rests_on_the_score_of_a_model_in_shadow() -> None:
    scored = Assessment(basis=Basis.MODEL, completeness=1.0, score=80, tier=Tier.CRITICAL)
    in_shadow = msgspec.structs.replace(scored, shadow=(MODEL,))
    beside = msgspec.structs.replace(scored, shadow=("upsell",))

    assert facts(RETENTION, assessment=in_shadow).score is None
    assert facts(RETENTION, assessment=beside).score == 80


def test_what_was_done_here_is_no_news_and_what_others_do_is() -> None:
    entries = [Entry(seq=1, at_ms=START, kind=Kind.MAIL, step="hello")]

    before = facts(WIN_BACK, ENDED).seen()

    assert facts(WIN_BACK, ENDED, entries=entries).seen() == before
    assert facts(WIN_BACK, ENDED, refusal=Reason.OPTED_OUT).seen() != before
    assert facts(WIN_BACK, ENDED, subscription("sub_2")).seen() != before
    assert facts(WIN_BACK, ENDED, in_dunning=True).seen() != before
