"""Who has an offer: a customer's one right to it, held by one play until it cools off."""

import msgspec
import pytest
from stemtide.calls import DAY_MS
from stemtide.plays.ports import OfferClaim
from stemtide.store.plays import OfferTable

from tests.plays import START

CLAIM = OfferClaim(
    customer="cus_1",
    play="a" * 24,
    percent=20,
    months=3,
    code="BACK-7F3KQ",
    claimed_ms=START,
    expires_ms=START + 14 * DAY_MS,
    free_ms=START + 365 * DAY_MS,
)


def claim(play: str, *, at_ms: int = START, **changes: object) -> OfferClaim:
    """Another claim of the customer's offer, cooling off for a year."""
    timed = {"claimed_ms": at_ms, "expires_ms": at_ms + 14 * DAY_MS, "free_ms": at_ms + 365 * DAY_MS}
    return msgspec.structs.replace(CLAIM, play=play, **{**timed, **changes})


def test_the_first_play_has_the_offer_and_no_other(offers: OfferTable) -> None:
    first = offers.claim(CLAIM, now_ms=START)
    second = offers.claim(claim("b" * 24), now_ms=START)

    assert (first, second) == (CLAIM, None)


def test_the_same_play_gets_what_it_has_claimed_whatever_it_asks_for_by_now(offers: OfferTable) -> None:
    offers.claim(CLAIM, now_ms=START)

    again = offers.claim(claim("a" * 24, at_ms=START + DAY_MS, percent=25), now_ms=START + DAY_MS)

    assert again == CLAIM


@pytest.mark.parametrize(("days", "has_it"), [(364.9, False), (365, True), (500, True)])
def test_another_play_has_the_next_offer_once_the_last_has_cooled_off(
    offers: OfferTable, days: float, *, has_it: bool
) -> None:
    offers.claim(CLAIM, now_ms=START)
    at_ms = START + round(days * DAY_MS)

    found = offers.claim(claim("b" * 24, at_ms=at_ms), now_ms=at_ms)

    assert (found is not None) is has_it


def test_a_play_whose_offer_has_gone_to_another_never_gets_it_back(offers: OfferTable) -> None:
    offers.claim(CLAIM, now_ms=START)
    later = START + 400 * DAY_MS
    offers.claim(claim("b" * 24, at_ms=later), now_ms=later)

    assert offers.claim(claim("a" * 24, at_ms=later + 1), now_ms=later + 1) is None


def test_customers_do_not_share_an_offer(offers: OfferTable) -> None:
    offers.claim(CLAIM, now_ms=START)
    other = claim("b" * 24, customer="cus_2")

    assert offers.claim(other, now_ms=START) == other
