"""Which card is charged, and what its network has said of it."""

from typing import Any

import pytest
from stemtide.dunning.cards import (
    charged_card,
    decline_words,
    declined_last,
    fingerprint,
    made_ms,
    refused,
    renewed,
    tries_of,
)
from stemtide.dunning.facts import Card

NOW_S = 1_767_603_600  # 2026-01-05 09:00 UTC
NOW_MS = NOW_S * 1000


def method(name: str, card: str | None = None, *, year: int = 2030, month: int = 4, at: int = 0) -> Any:
    details = {"fingerprint": card or f"fp_{name}", "exp_year": year, "exp_month": month}
    return {"id": name, "card": details, "created": at}


def charge(
    card: str | None,
    code: str | None = None,
    *,
    at: int = 0,
    year: int = 2030,
    month: int = 4,
    **outcome: Any,
) -> Any:
    """A charge that was declined with a code; without one it succeeded."""
    details = {"fingerprint": card, "exp_year": year, "exp_month": month}
    return {
        "created": at,
        "status": "succeeded" if code is None else "failed",
        "payment_method_details": {"card": details} if card else {},
        "outcome": {"reason": code, **outcome},
    }


def usual(name: Any) -> Any:
    return {"invoice_settings": {"default_payment_method": name}}


def charged(customer: Any, subscription: Any, *methods: Any, declined: Any = None) -> Card | None:
    return charged_card(customer, subscription, methods, declined=declined or {}, now_ms=NOW_MS)


def test_the_subscriptions_own_card_comes_before_the_customers_usual_one() -> None:
    own, other = method("own"), method("usual")

    expected = Card(method="own", fingerprint="fp_own"), Card(method="usual", fingerprint="fp_usual")
    both = charged(usual("usual"), {"default_payment_method": "own"}, other, own)
    spelt_out = charged(usual({"id": "usual"}), {"default_payment_method": {"id": "own"}}, other, own)
    without = charged(usual("usual"), {"default_payment_method": None}, other, own)

    assert (both, without) == expected
    assert (spelt_out, charged(usual("usual"), None, other, own)) == expected


def test_a_card_that_is_gone_is_not_charged() -> None:
    assert charged(usual(None), None, method("m")) is None
    assert charged({}, {}, method("m")) is None
    assert charged(usual("gone"), {"default_payment_method": "gone"}, method("m")) is None
    assert charged(usual("m"), None, {"id": "m", "created": 0}) is None  # no card


@pytest.mark.parametrize(
    ("added", "declined_at", "expected"), [(100, 100, "usual"), (101, 100, "usual"), (99, 100, "own")]
)
def test_a_usual_card_that_is_newer_than_the_decline_of_the_subscriptions_own_is_charged(
    added: int, declined_at: int, expected: str
) -> None:
    cards = method("own"), method("usual", at=added)
    declined = {"fp_own": charge("fp_own", "lost_card", at=declined_at)}

    found = charged(usual("usual"), {"default_payment_method": "own"}, *cards, declined=declined)
    of_another = charged(
        usual("usual"), {"default_payment_method": "own"}, *cards, declined={"fp_usual": declined["fp_own"]}
    )

    assert found is not None
    assert of_another is not None
    assert (found.method, of_another.method) == (expected, "own")


@pytest.mark.parametrize(
    ("year", "month", "expired"),
    [(2026, 1, False), (2025, 12, True), (2025, 1, True), (2026, 2, False), (2027, 1, False)],
)
def test_a_card_is_good_until_the_end_of_its_month(year: int, month: int, expired: bool) -> None:
    found = charged(usual("m"), None, method("m", year=year, month=month))

    assert found == Card(method="m", fingerprint="fp_m", expired=expired)


def test_a_card_without_a_fingerprint_is_named_by_its_method() -> None:
    bare = {"id": "m", "created": 0, "card": {"exp_year": 2030, "exp_month": 1}}

    assert charged(usual("m"), None, bare) == Card(method="m", fingerprint="m")


@pytest.mark.parametrize(
    ("outcome", "failure_code", "words"),
    [
        ({"reason": "lost_card"}, "card_declined", ("lost_card", None)),
        ({"reason": None}, "card_declined", ("card_declined", None)),
        ({}, None, (None, None)),
        (None, "expired_card", ("expired_card", None)),
        ({"network_advice_code": "24"}, None, (None, "24")),
        ({"advice_code": "try_again_later"}, None, (None, "try_again_later")),
        ({"network_advice_code": "02", "advice_code": "do_not_try_again"}, None, (None, "do_not_try_again")),
        ({"network_advice_code": "03", "advice_code": "try_again_later"}, None, (None, "03")),
        ({"network_advice_code": "27", "advice_code": "try_again_later"}, None, (None, "27")),
        (
            {"network_advice_code": "27", "advice_code": "confirm_card_data"},
            None,
            (None, "confirm_card_data"),
        ),
    ],
)
def test_of_what_the_network_says_the_strongest_counts(
    outcome: Any, failure_code: str | None, words: tuple[str | None, str | None]
) -> None:
    assert decline_words({"outcome": outcome, "failure_code": failure_code}) == words


def test_a_charge_of_another_sort_names_no_card() -> None:
    assert fingerprint(charge(None)) is fingerprint({}) is None
    assert fingerprint({"payment_method_details": None}) is None
    assert fingerprint({"payment_method_details": {"card": None}}) is None
    assert fingerprint(charge("fp")) == "fp"


def test_the_last_word_about_a_card_counts() -> None:
    charges = [
        charge("back", "lost_card", at=1),
        charge("gone", None, at=1),
        charge(None, "lost_card", at=2),
        charge("gone", "do_not_honor", at=3),
        charge("back", None, at=4),
        charge("gone", "lost_card", at=5),
    ]

    found = declined_last(charges)

    assert {name: made_ms(one) for name, one in found.items()} == {"gone": 5000}
    assert refused(found, ()) == ("gone",)


@pytest.mark.parametrize(
    ("code", "never"),
    [
        ("lost_card", True),
        ("expired_card", True),
        ("authentication_required", True),
        ("a_code_of_tomorrow", True),
        ("insufficient_funds", False),
    ],
)
def test_a_card_is_refused_unless_its_decline_was_soft(code: str, never: bool) -> None:
    found = {"b": charge("b", code), "a": charge("a", code)}

    assert refused(found, ()) == (("a", "b") if never else ())
    assert refused(found, {"a"}) == (("b",) if never else ())


@pytest.mark.parametrize(
    ("declined", "held", "expected"),
    [
        (charge("fp", "expired_card"), method("m", "fp", year=2033), {"fp"}),
        (charge("fp", "expired_card"), method("m", "fp", month=5), {"fp"}),
        (charge("fp", "expired_card"), method("m", "fp", year=2029), {"fp"}),  # it was mistyped
        (charge("fp", "incorrect_cvc"), method("m", "fp", year=2033), {"fp"}),
        (charge("fp", "do_not_honor", advice_code="confirm_card_data"), method("m", "fp", year=2033), {"fp"}),
        (charge("fp", "expired_card", advice_code="do_not_try_again"), method("m", "fp", year=2033), set()),
        (charge("fp", "expired_card"), method("m", "fp"), set()),
        (charge("fp", "expired_card"), method("m", "other", year=2033), set()),
        (charge("fp", "lost_card"), method("m", "fp", year=2033), set()),
        (charge("fp", "do_not_honor"), method("m", "fp", year=2033), set()),
        (charge("fp", "expired_card"), {"id": "m"}, set()),
    ],
)
def test_a_card_that_was_issued_anew_overcomes_what_was_said_of_its_data(
    declined: Any, held: Any, expected: set[str]
) -> None:
    assert renewed({"fp": declined}, [held]) == expected


def test_a_cards_tries_are_all_its_charges() -> None:
    charges = [charge("fp", "lost_card", at=1), charge("other", at=2), charge("fp", at=3), charge("a", at=4)]

    assert tries_of(Card(method="m", fingerprint="fp"), charges) == (1000, 3000)
    assert tries_of(None, charges) == ()
