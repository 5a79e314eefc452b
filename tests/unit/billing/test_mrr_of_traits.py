"""What `group` traits say of plan, price and currency."""

from stemtide.as_of import parse_as_of
from stemtide.billing.mrr import levels, settled
from stemtide.calls import iso_of, timestamp_ms
from stemtide.facts import Fact, fact_of

from tests.customer_facts import traits
from tests.mrr_levels import raw, term


def currencies(*facts: Fact) -> list[tuple[str, str]]:
    return [
        (iso_of(one.from_ms)[:10], one.currency)
        for one in levels(facts, parse_as_of("2026-12-31"), currency="USD")
    ]


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


def test_a_price_without_a_plan_is_a_subscription_unless_it_is_nothing() -> None:
    assert raw(traits("m-1", "2026-01-01T00:00:00Z", mrr=70)) == [("2026-01-01", 70)]
    assert raw(traits("m-1", "2026-01-01T00:00:00Z", mrr=0)) == []
    assert raw(
        traits("m-1", "2026-01-01T00:00:00Z", mrr=70), traits("m-2", "2026-02-01T00:00:00Z", mrr=None)
    ) == [("2026-01-01", 70), ("2026-02-01", None)]


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
