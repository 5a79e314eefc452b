"""Movements, and the sheets of periods that they and the levels make."""

import pytest
from stemtide.billing.months import Period, month_of, months
from stemtide.billing.movements import Kind, Movement, movements
from stemtide.billing.mrr import Level
from stemtide.billing.mrr_sheets import Sheet, sheets
from stemtide.calls import timestamp_ms

Spelt = tuple[int, int | None] | tuple[int, int | None, str]


def level(at_ms: int, mrr: int | None, currency: str = "USD", *, unknown: int = 0) -> Level:
    return Level(from_ms=at_ms, currency=currency, mrr=mrr or 0, subscribed=mrr is not None, unknown=unknown)


def path(*spelt: Spelt) -> tuple[Level, ...]:
    """Levels of (instant, MRR or None without a subscription, currency)."""
    return tuple(level(*one) for one in spelt)


def moved(*spelt: Spelt) -> list[tuple[int, str, int, int]]:
    return [(one.at_ms, one.kind, one.amount, one.customers) for one in movements(path(*spelt))]


def test_an_account_goes_through_every_kind() -> None:
    assert moved((1, 100), (2, 150), (3, 120), (4, None), (5, 80), (6, None)) == [
        (1, "new", 100, 1),
        (2, "expansion", 50, 0),
        (3, "contraction", -30, 0),
        (4, "churn", -120, -1),
        (5, "reactivation", 80, 1),
        (6, "churn", -80, -1),
    ]


def test_a_price_of_nothing_is_still_a_subscription() -> None:
    assert moved((1, 100), (2, 0), (3, 40), (4, 0), (5, None)) == [
        (1, "new", 100, 1),
        (2, "contraction", -100, 0),
        (3, "expansion", 40, 0),
        (4, "contraction", -40, 0),
        (5, "churn", 0, -1),
    ]


def test_another_currency_is_no_movement_of_either() -> None:
    found = list(movements(path((1, 100), (2, 90, "EUR"), (3, None, "EUR"), (4, 70, "JPY"))))

    assert found[1:] == [
        Movement(at_ms=2, kind=Kind.TRANSFER, currency="USD", amount=-100, customers=-1),
        Movement(at_ms=2, kind=Kind.TRANSFER, currency="EUR", amount=90, customers=1),
        Movement(at_ms=3, kind=Kind.CHURN, currency="EUR", amount=-90, customers=-1),
        Movement(at_ms=4, kind=Kind.REACTIVATION, currency="JPY", amount=70, customers=1),
    ]


def test_churn_is_in_the_currency_that_was_paid() -> None:
    assert [one.currency for one in movements(path((1, 100), (2, None, "EUR")))] == ["USD", "USD"]


def test_a_level_that_differs_in_what_is_unknown_only_is_no_movement() -> None:
    found = [level(1, 5), level(2, 5, unknown=1)]

    assert [one.kind for one in movements(found)] == [Kind.NEW]


def sheet(*accounts: tuple[Level, ...], start: int = 10, end: int = 20, currency: str = "USD") -> Sheet:
    (found,) = sheets(accounts, [Period(start_ms=start, end_ms=end)])[currency]
    assert found.reconciles
    return found


def test_a_period_has_its_first_instant_and_not_the_next_ones() -> None:
    found = sheet(path((9, 1)), path((10, 20)), path((19, 300)), path((20, 4000)))

    assert (found.opening, found.moved[Kind.NEW], found.closing) == (1, 320, 321)
    assert (found.customers_opening, found.customers_moved[Kind.NEW], found.customers_closing) == (1, 2, 3)


def test_a_sheet_adds_accounts_up_by_kind() -> None:
    found = sheet(
        path((1, 100), (12, 150)),
        path((1, 50), (12, 40), (13, None)),
        path((1, 7), (2, None), (15, 9)),
        path((11, 3)),
    )

    assert found.moved == {
        Kind.NEW: 3,
        Kind.EXPANSION: 50,
        Kind.CONTRACTION: -10,
        Kind.CHURN: -40,
        Kind.REACTIVATION: 9,
        Kind.TRANSFER: 0,
    }
    assert (found.opening, found.closing) == (150, 162)
    assert (found.customers_opening, found.customers_closing) == (2, 3)
    assert {kind: n for kind, n in found.customers_moved.items() if n} == {
        Kind.NEW: 1,
        Kind.CHURN: -1,
        Kind.REACTIVATION: 1,
    }


def test_each_currency_reconciles_for_itself() -> None:
    account = path((1, 100), (12, 90, "EUR"))

    assert (sheet(account).closing, sheet(account).moved[Kind.TRANSFER]) == (0, -100)
    assert (sheet(account, currency="EUR").opening, sheet(account, currency="EUR").closing) == (0, 90)


def test_customers_without_a_known_price_are_counted_at_the_end() -> None:
    found = sheet(
        (level(1, 0, unknown=1),),
        (level(1, 5, unknown=2),),
        (level(1, 0, unknown=1), level(15, 3)),
        *(path((1, 5)) for _ in range(3)),
    )

    assert found.unknown == 2


@pytest.mark.parametrize(("opening", "closing"), [(101, 100), (100, 101)])
def test_a_sheet_that_does_not_add_up_says_so(opening: int, closing: int) -> None:
    assert not Sheet(opening=opening, closing=closing).reconciles
    assert not Sheet(customers_opening=opening, customers_closing=closing).reconciles
    assert Sheet(opening=5, closing=5, customers_opening=2, customers_closing=2).reconciles


@pytest.mark.parametrize(
    ("spelt", "gone", "gone_mrr", "lowest", "closing"),
    [
        (((1, 100),), 0, 0, 100, 100),
        (((1, 100), (12, 130)), 0, 0, 100, 130),
        (((1, 100), (12, 70)), 0, 0, 70, 70),
        (((1, 100), (12, 130), (13, 100)), 0, 0, 100, 100),
        (((1, 100), (12, 40), (13, 110)), 0, 0, 40, 110),
        (((1, 100), (12, None)), 1, 100, 0, 0),
        (((1, 100), (12, None), (13, 80)), 1, 100, 0, 80),
        (((1, 100), (12, None), (13, 80), (14, None), (15, 60)), 1, 100, 0, 60),
        (((1, 100), (12, 130), (13, None)), 1, 100, 0, 0),
        (((1, 100), (12, None), (13, 80, "EUR")), 1, 100, 0, 0),
        (((1, 100), (12, None), (13, 80, "ZAR")), 1, 100, 0, 0),
        (((1, 100), (9, 60), (20, None)), 0, 0, 60, 60),
    ],
)
def test_what_became_of_a_customer_of_the_opening(
    spelt: tuple[Spelt, ...], gone: int, gone_mrr: int, lowest: int, closing: int
) -> None:
    found = sheet(path(*spelt)).retention

    assert (found.customers, found.mrr) == (1, sheet(path(*spelt)).opening)
    assert (found.gone, found.gone_mrr, found.lowest, found.closing) == (gone, gone_mrr, lowest, closing)


@pytest.mark.parametrize(
    "spelt",
    [
        ((11, 100), (12, 50)),
        ((1, 100), (2, None), (11, 70)),
        ((1, 100), (11, 90, "EUR"), (12, None, "EUR")),
        ((1, 100), (11, 90, "ZAR")),
        ((1, 100), (11, 150), (12, 90, "EUR"), (13, 90)),
    ],
)
def test_no_rate_has_who_was_no_customer_or_changed_currency(spelt: tuple[Spelt, ...]) -> None:
    found = sheet(path(*spelt)).retention

    assert (found.customers, found.mrr, found.gone, found.lowest, found.closing) == (0, 0, 0, 0, 0)
    assert (found.logo_churn, found.revenue_churn, found.grr, found.nrr) == (None, None, None, None)


def test_rates_are_parts_of_the_opening() -> None:
    found = sheet(
        path((1, 1000), (12, None)),
        path((1, 200), (12, 100)),
        path((1, 300), (12, 700)),
        path((1, 500)),
        path((12, 9999)),
    ).retention

    assert (found.logo_churn, found.revenue_churn) == (0.25, 0.5)
    assert (found.grr, found.nrr) == (0.45, 0.65)


def month(first: str, last: str, as_of: str) -> list[tuple[str, int]]:
    found = months(first, last, as_of_ms=timestamp_ms(as_of))
    return [(month_of(one.start_ms), one.end_ms) for one in found]


def test_months_end_where_the_next_begins_and_the_last_with_what_is_known() -> None:
    assert month("2023-12", "2024-02", "2024-06-01T00:00:00Z") == [
        ("2023-12", timestamp_ms("2024-01-01T00:00:00Z")),
        ("2024-01", timestamp_ms("2024-02-01T00:00:00Z")),
        ("2024-02", timestamp_ms("2024-03-01T00:00:00Z")),
    ]
    assert month("2024-02", "2024-05", "2024-03-10T12:00:00Z") == [
        ("2024-02", timestamp_ms("2024-03-01T00:00:00Z")),
        ("2024-03", timestamp_ms("2024-03-10T12:00:00Z") + 1),
    ]
    assert month("2024-03", "2024-03", "2024-03-01T00:00:00Z") == [
        ("2024-03", timestamp_ms("2024-03-01T00:00:00Z") + 1)
    ]
    assert month("2024-03", "2024-04", "2024-02-29T23:59:59.999Z") == []
    assert month("2024-03", "2024-02", "2025-01-01T00:00:00Z") == []


def test_a_month_that_is_over_at_its_last_millisecond_is_whole() -> None:
    assert month("2024-02", "2024-02", "2024-02-29T23:59:59.999Z") == [
        ("2024-02", timestamp_ms("2024-03-01T00:00:00Z"))
    ]
