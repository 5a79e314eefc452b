"""What a script may say of a payment attempt."""

from typing import Any

import pytest

from payments.outcomes import SUCCEED, Outcome, parsed

LOST = Outcome(fault="lost_reply")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("succeed", SUCCEED),
        ({"outcome": "succeed"}, SUCCEED),
        ("lost_card", Outcome(decline_code="lost_card")),
        ("card_declined", Outcome(decline_code="generic_decline")),
        ({"outcome": "decline", "decline_code": "lost_card"}, Outcome(decline_code="lost_card")),
        (
            {"decline_code": "brand_new", "advice_code": "try_again_later"},
            Outcome(decline_code="brand_new", advice_code="try_again_later"),
        ),
        ("lost_reply", LOST),
        ({"lost_reply": True}, LOST),
        (
            {"outcome": "lost_reply", "decline_code": "lost_card"},
            Outcome(fault="lost_reply", decline_code="lost_card"),
        ),
        ("500", Outcome(fault="500", happens=False)),
        (500, Outcome(fault="500", happens=False)),
        ({"500": True, "when": "after"}, Outcome(fault="500")),
        ({"outcome": "500", "when": "before"}, Outcome(fault="500", happens=False)),
    ],
)
def test_an_outcome_may_be_said_in_a_word_or_an_object(said: Any, meant: Outcome) -> None:
    assert parsed(said, place="outcomes[0]") == meant


@pytest.mark.parametrize(
    ("code", "error_code"),
    [
        ("expired_card", "expired_card"),
        ("insufficient_funds", "card_declined"),
        ("brand_new", "card_declined"),
    ],
)
def test_a_decline_has_the_error_code_that_stripe_gives_it(code: str, error_code: str) -> None:
    assert parsed({"decline_code": code}, place="x").error_code == error_code
