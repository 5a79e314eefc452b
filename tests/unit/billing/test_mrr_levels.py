"""What an account pays as a function of time: terms, add-ons, renewals, gaps, trials, traits, currencies."""

import pytest
from stemtide.as_of import parse_as_of
from stemtide.billing.mrr import Level, levels, settled
from stemtide.calls import iso_of, timestamp_ms
from stemtide.facts import Fact, fact_of

from tests.customer_facts import subscription, traits

END = parse_as_of("2027-12-31")
Told = list[tuple[str, int | None]]


def told(found: tuple[Level, ...]) -> Told:
    """Instant (without zeros at its end) and MRR; None without a subscription."""
    return [
        (
            iso_of(one.from_ms).removesuffix("Z").removesuffix(":00.000").removesuffix("T00:00"),
            one.mrr if one.subscribed else None,
        )
        for one in found
    ]


def raw(*facts: Fact, as_of: str = "2027-12-31") -> Told:
    return told(levels(facts, parse_as_of(as_of), currency="USD"))


def counted(*facts: Fact, as_of: str = "2027-12-31") -> Told:
    return told(settled(levels(facts, parse_as_of(as_of), currency="USD")))


def term(number: int, start: str, mrr: int | None = 100, months: int | None = 1, **said: object) -> Fact:
    return subscription("Started", f"t-{number}", f"{start}T00:00:00Z", mrr=mrr, term_months=months, **said)


def change(number: int, at: str, mrr: int | None, **said: object) -> Fact:
    return subscription("Changed", f"c-{number}", at, mrr=mrr, **said)


def test_a_term_that_runs_out_ends_by_itself() -> None:
    assert raw(term(1, "2026-01-10")) == [("2026-01-10", 100), ("2026-02-10", None)]
    assert raw(term(1, "2026-01-10"), as_of="2026-02-09") == [("2026-01-10", 100)]
    assert raw(term(1, "2026-01-10", months=None)) == [("2026-01-10", 100)]


def test_what_happens_at_the_instant_itself_counts() -> None:
    fact = term(1, "2026-01-10")
    ends_ms = timestamp_ms("2026-02-10T00:00:00Z")

    assert told(levels([fact], ends_ms, currency="USD"))[1:] == [("2026-02-10", None)]
    assert told(levels([fact], ends_ms - 1, currency="USD"))[1:] == []


def test_what_was_not_known_yet_does_not_count() -> None:
    late = subscription("Ended", "e", "2026-03-05T00:00:00Z", "2026-04-02T00:00:00Z")
    facts = (term(1, "2026-01-10", months=None), late)

    assert raw(*facts, as_of="2026-04-01") == [("2026-01-10", 100)]
    assert raw(*facts, as_of="2026-04-02") == [("2026-01-10", 100), ("2026-03-05", None)]


def test_a_renewal_without_a_gap_is_nothing_and_add_ons_are_added() -> None:
    facts = (
        term(1, "2026-01-10"),
        term(2, "2026-02-10"),
        term(3, "2026-01-20", mrr=30, months=None, plan="sms", addon=True),
    )

    assert raw(*facts) == [("2026-01-10", 100), ("2026-01-20", 130), ("2026-03-10", 30)]


def test_two_plans_beside_each_other_are_added() -> None:
    facts = (term(1, "2026-01-10", months=12), term(2, "2026-01-12", mrr=50, months=12, plan="other"))

    assert raw(*facts, as_of="2026-06-30") == [("2026-01-10", 100), ("2026-01-12", 150)]


@pytest.mark.parametrize(
    ("starts", "last"),
    [
        (("2026-01-31", "2026-02-28"), "2026-03-31"),
        (("2026-01-30", "2026-02-28", "2026-03-30"), "2026-04-30"),
        (("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"), "2026-05-31"),
        (("2024-01-29", "2024-02-29"), "2024-03-29"),
        (("2024-01-31", "2024-02-29"), "2024-03-31"),
        (("2026-02-28",), "2026-03-28"),
        (("2026-01-28", "2026-02-28"), "2026-03-28"),
        (("2026-04-29", "2026-05-29"), "2026-06-29"),
    ],
)
def test_the_billing_day_is_that_of_the_terms_before_where_a_month_was_too_short(
    starts: tuple[str, ...], last: str
) -> None:
    facts = [term(number, start) for number, start in enumerate(starts)]

    assert raw(*facts) == [(starts[0], 100), (last, None)]


def test_a_term_that_followed_nothing_of_its_product_has_its_own_billing_day() -> None:
    facts = (
        term(1, "2026-01-31"),
        term(2, "2026-03-31"),
        term(3, "2026-04-30", mrr=30, plan="sms", addon=True),
    )

    assert raw(*facts) == [
        ("2026-01-31", 100),
        ("2026-02-28", None),
        ("2026-03-31", 100),
        ("2026-04-30", 30),
        ("2026-05-30", None),
    ]


def test_a_longer_term_keeps_the_billing_day_and_what_is_said_ends_it_before() -> None:
    facts = (term(1, "2026-01-31"), term(2, "2026-02-28", months=6))
    ended = subscription("Ended", "e", "2026-08-30T00:00:00Z")

    assert raw(*facts)[-1] == ("2026-08-31", None)
    assert raw(*facts, ended)[-1] == ("2026-08-30", None)


def test_plans_hand_their_billing_day_on_to_one_another_and_add_ons_to_themselves() -> None:
    plans = (term(1, "2026-01-31"), term(2, "2026-02-28", plan="other"))
    add_ons = (
        term(1, "2026-01-31", plan="sms", addon=True),
        term(2, "2026-02-28", plan="mail", addon=True),
    )
    beside = (term(1, "2026-01-31"), term(2, "2026-02-28", plan="sms", addon=True))

    assert raw(*plans)[-1] == ("2026-03-31", None)
    assert raw(*add_ons)[-1] == ("2026-03-28", None)
    assert raw(*beside)[-1] == ("2026-03-28", None)


def test_a_change_after_the_end_that_it_gives_the_term_ends_it() -> None:
    facts = (
        term(1, "2026-01-01", months=None),
        change(1, "2026-02-10T00:00:00Z", 70, term_months=1),
    )

    assert raw(*facts) == [("2026-01-01", 100), ("2026-02-10", None)]


def test_another_plan_of_the_same_price_is_no_change() -> None:
    facts = (term(1, "2026-01-10", months=12), change(1, "2026-03-01T00:00:00Z", 100, plan="other"))

    assert raw(*facts, as_of="2026-06-30") == [("2026-01-10", 100)]


def test_a_plan_without_a_price_counts_nothing_and_is_counted() -> None:
    facts = (
        term(1, "2026-01-10", mrr=None, months=12),
        term(2, "2026-02-10", mrr=30, months=12, plan="sms", addon=True),
    )

    found = settled(levels(facts, parse_as_of("2026-06-30"), currency="USD"))

    assert [(one.mrr, one.subscribed, one.unknown) for one in found] == [(0, True, 1), (30, True, 1)]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-02-10T01:00:00.000Z", [("2026-01-10", 100)]),
        (
            "2026-02-10T01:00:00.001Z",
            [("2026-01-10", 100), ("2026-02-10", None), ("2026-02-10T01:00:00.001", 100)],
        ),
    ],
)
def test_an_absence_of_an_hour_is_none_and_a_longer_one_is(at: str, expected: Told) -> None:
    again = subscription("Started", "t-2", at, mrr=100)

    assert counted(term(1, "2026-01-10"), again) == expected


@pytest.mark.parametrize("at", ["2026-02-10T00:30:00Z", "2026-02-10T01:00:00Z"])
def test_an_absence_is_none_whatever_changed_shortly_before(at: str) -> None:
    facts = (
        term(1, "2026-01-10"),
        change(1, "2026-02-09T23:20:00Z", 150),
        subscription("Started", "t-2", at, mrr=150),
    )

    assert counted(*facts) == [("2026-01-10", 100), ("2026-02-09T23:20", 150)]


def test_a_late_renewal_that_changed_nothing_takes_no_part_in_what_comes_after_it() -> None:
    facts = (
        term(1, "2026-01-10"),
        subscription("Started", "t-2", "2026-02-10T00:30:00Z", mrr=100),
        change(1, "2026-02-10T01:20:00Z", 150),
        change(2, "2026-02-10T02:10:00Z", 200),
    )

    assert counted(*facts) == [("2026-01-10", 100), ("2026-02-10T01:20", 200)]


def test_an_absence_at_the_end_of_what_is_told_is_one() -> None:
    facts = (term(1, "2026-01-10", months=None), subscription("Ended", "e", "2026-02-01T12:00:00Z"))

    assert counted(*facts, as_of="2026-02-01T12:00:00Z") == [("2026-01-10", 100), ("2026-02-01T12:00", None)]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("2026-02-01T13:00:00.000Z", [("2026-01-10", 100), ("2026-02-01T12:00", 300)]),
        (
            "2026-02-01T13:00:00.001Z",
            [("2026-01-10", 100), ("2026-02-01T12:00", 200), ("2026-02-01T13:00:00.001", 300)],
        ),
    ],
)
def test_changes_within_an_hour_of_the_first_are_one_at_its_instant(second: str, expected: Told) -> None:
    facts = (
        term(1, "2026-01-10", months=None),
        change(1, "2026-02-01T12:00:00Z", 200),
        change(2, second, 300),
    )

    assert counted(*facts) == expected


def test_the_hour_begins_with_the_first_change_and_not_anew_with_each() -> None:
    facts = (
        term(1, "2026-01-10", months=None),
        *(change(n, f"2026-02-01T{12 + n * 40 // 60}:{n * 40 % 60:02}:00Z", 200 + n) for n in range(4)),
    )

    assert counted(*facts) == [
        ("2026-01-10", 100),
        ("2026-02-01T12:00", 201),
        ("2026-02-01T13:20", 203),
    ]


def test_what_is_taken_back_within_an_hour_never_happened() -> None:
    back = (
        term(1, "2026-01-10", months=None),
        change(1, "2026-02-01T12:00:00Z", 900),
        change(2, "2026-02-01T12:59:00Z", 100),
    )
    gone = (
        subscription("Started", "s", "2026-02-01T12:00:00Z", mrr=100),
        subscription("Ended", "e", "2026-02-01T12:30:00Z"),
    )

    assert counted(*back) == [("2026-01-10", 100)]
    assert counted(*gone) == []


def test_a_trial_counts_from_when_it_is_paid_for_and_a_free_plan_after_it_still_does() -> None:
    facts = (
        term(1, "2026-01-01", mrr=0, months=None),
        change(1, "2026-01-15T00:00:00Z", 100),
        change(2, "2026-03-01T00:00:00Z", 0),
        subscription("Ended", "e", "2026-05-01T00:00:00Z"),
        subscription("Started", "t-2", "2026-06-01T00:00:00Z", mrr=0),
    )

    assert raw(*facts)[0] == ("2026-01-01", 0)
    assert counted(*facts) == [("2026-01-15", 100), ("2026-03-01", 0), ("2026-05-01", None)]


def test_traits_count_while_no_subscription_was_ever_told() -> None:
    said = (
        traits("m-1", "2026-01-01T00:00:00Z", name="Acme"),
        traits("m-2", "2026-01-05T00:00:00Z", plan="pro"),
        traits("m-3", "2026-01-06T00:00:00Z", mrr=100),
        traits("m-4", "2026-02-01T00:00:00Z", plan=None),
    )

    assert raw(*said) == [("2026-01-05", 0), ("2026-01-06", 100), ("2026-02-01", None)]
    assert raw(*said, term(1, "2026-03-01")) == [("2026-03-01", 100), ("2026-04-01", None)]


def test_a_plan_that_traits_name_without_a_price_has_an_unknown_one() -> None:
    def found(*facts: Fact) -> list[tuple[int, bool, int]]:
        told = settled(levels(facts, parse_as_of("2026-12-31"), currency="USD"))
        return [(one.mrr, one.subscribed, one.unknown) for one in told]

    named = traits("m-1", "2026-01-05T00:00:00Z", plan="pro")
    priced = traits("m-2", "2026-01-06T00:00:00Z", mrr=1)
    gone = traits("m-3", "2026-01-07T00:00:00Z", plan=None)

    assert found(named, priced, gone) == [(0, True, 1), (1, True, 0), (0, False, 0)]


def test_what_else_is_told_of_an_account_changes_nothing() -> None:
    ticket = fact_of(
        {
            "type": "track",
            "event": "Support Ticket Created",
            "messageId": "x",
            "properties": {"ticket_id": "1", "plan": "x", "mrr": 9, "currency": "EUR"},
        },
        known_ms=timestamp_ms("2026-01-05T00:00:00Z"),
        at_ms=timestamp_ms("2026-01-05T00:00:00Z"),
    )
    assert ticket is not None

    said = traits("m-1", "2026-01-06T00:00:00Z", plan="pro", mrr=100)

    assert raw(ticket, said) == [("2026-01-06", 100)]
    assert currencies(ticket, said) == [("2026-01-06", "USD")]


def test_an_absence_pays_nothing() -> None:
    facts = (
        term(1, "2026-01-01", mrr=0, months=1),
        term(2, "2026-03-01", mrr=1),
        term(3, "2026-03-01", mrr=None, plan="sms", addon=True),
    )

    for found in (levels(facts, END, currency="USD"), settled(levels(facts, END, currency="USD"))):
        assert [(one.mrr, one.unknown) for one in found if not one.subscribed] == [(0, 0)] * (len(found) // 2)
    assert counted(*facts) == [("2026-03-01", 1), ("2026-04-01", None)]


def test_a_price_without_a_plan_is_a_subscription_unless_it_is_nothing() -> None:
    assert raw(traits("m-1", "2026-01-01T00:00:00Z", mrr=70)) == [("2026-01-01", 70)]
    assert raw(traits("m-1", "2026-01-01T00:00:00Z", mrr=0)) == []
    assert raw(
        traits("m-1", "2026-01-01T00:00:00Z", mrr=70), traits("m-2", "2026-02-01T00:00:00Z", mrr=None)
    ) == [("2026-01-01", 70), ("2026-02-01", None)]


def currencies(*facts: Fact) -> list[tuple[str, str]]:
    return [
        (iso_of(one.from_ms)[:10], one.currency)
        for one in levels(facts, parse_as_of("2026-12-31"), currency="USD")
    ]


def test_the_currency_is_what_was_said_last_and_before_the_first_word_what_was_said_first() -> None:
    subscribed = term(1, "2026-01-10", months=None)
    euros = traits("m-1", "2026-03-01T00:00:00Z", currency="EUR")
    yen = traits("m-2", "2026-05-01T00:00:00Z", currency="JPY")

    assert currencies(subscribed) == [("2026-01-10", "USD")]
    assert currencies(traits("m-0", "2026-01-02T00:00:00Z", currency="EUR"), subscribed) == [
        ("2026-01-10", "EUR")
    ]
    assert currencies(subscribed, euros) == [("2026-01-10", "EUR")]
    assert currencies(subscribed, euros, yen) == [("2026-01-10", "EUR"), ("2026-05-01", "JPY")]
    taken_back = traits("m-3", "2026-06-01T00:00:00Z", currency=None)
    assert currencies(subscribed, euros, taken_back)[1:] == [("2026-06-01", "USD")]
    other = traits("m-4", "2026-06-01T00:00:00Z", name="Acme")
    assert currencies(subscribed, euros, other) == [("2026-01-10", "EUR")]
