"""What a card's decline means for the next try."""

import pytest
from stemtide.dunning import declines
from stemtide.dunning.declines import DAY_MS, HOUR_MS, Decline, decline_of, wait_ms

NEVER = (
    *("incorrect_number", "lost_card", "pickup_card", "stolen_card", "revocation_of_authorization"),
    *("revocation_of_all_authorizations", "highest_risk_level", "transaction_not_allowed"),
)


@pytest.mark.parametrize("code", NEVER)
def test_codes_that_need_a_new_card_are_never_tried_again(code: str) -> None:
    assert decline_of(code) is Decline.NEEDS_CARD


def test_a_payment_that_must_be_confirmed_is_not_tried_again() -> None:
    assert decline_of("authentication_required") is Decline.AUTHENTICATE


@pytest.mark.parametrize(
    "code", ["insufficient_funds", "generic_decline", "do_not_honor", "processing_error", None]
)
def test_a_soft_decline_may_be_tried_later(code: str | None) -> None:
    assert decline_of(code) is Decline.SOFT


@pytest.mark.parametrize("code", ["", "brand_new_code", "STOLEN_CARD", "stolen card"])
def test_a_code_that_nobody_knows_stops(code: str) -> None:
    assert decline_of(code) is Decline.STOP


@pytest.mark.parametrize("advice", ["03", "21", "do_not_try_again", "confirm_card_data"])
@pytest.mark.parametrize("code", ["insufficient_funds", None, "authentication_required", "brand_new_code"])
def test_the_networks_advice_is_stronger_than_the_code(code: str | None, advice: str) -> None:
    assert decline_of(code, advice) is Decline.NEEDS_CARD


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        *(("24", HOUR_MS), ("25", DAY_MS), ("26", 2 * DAY_MS), ("27", 4 * DAY_MS), ("28", 6 * DAY_MS)),
        *(("29", 8 * DAY_MS), ("30", 10 * DAY_MS), ("02", 0), ("31", 0), (None, 0)),
    ],
)
def test_the_networks_advice_says_how_long_to_wait(advice: str | None, expected: int) -> None:
    assert wait_ms(advice) == expected


def test_an_hour_is_an_hour() -> None:
    assert (HOUR_MS, DAY_MS) == (60 * 60 * 1000, 24 * 60 * 60 * 1000)


def test_no_code_is_in_two_lists() -> None:
    lists = [declines.NEVER_AGAIN, declines.LATER, declines.MUST_CONFIRM]

    assert sum(map(len, lists)) == len(frozenset().union(*lists))
