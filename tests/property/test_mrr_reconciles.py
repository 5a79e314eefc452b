"""Whatever is told of accounts, in whatever order: every month's movements make its closing."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stemtide.billing.months import Period, months
from stemtide.billing.movements import movements
from stemtide.billing.mrr import ONE_MOVEMENT_MS, Level, levels, settled
from stemtide.billing.mrr_sheets import Sheet, sheets
from stemtide.facts import Fact, terms_known

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ORIGIN = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
END = int(datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC).timestamp()) * 1000 + 999
FIRST, LAST = "2026-02", "2026-06"


def instant(month: int, day: int, twenty_minutes: int) -> int:
    at = datetime(2026, month, day, tzinfo=UTC)
    return int(at.timestamp()) * 1000 + twenty_minutes * 20 * MINUTE


INSTANTS = st.builds(instant, st.integers(1, 6), st.sampled_from([1, 2, 3, 14, 28]), st.integers(0, 71))
"""On few days, so that changes often meet; none after the 28th: for those billed then see the tables."""
DATA = st.fixed_dictionaries(
    {"plan": st.sampled_from(["basic", "pro", "sms"])},
    optional={
        "mrr": st.sampled_from([0, 1, 100, 100, 250]),
        "term_months": st.integers(1, 3),
        "addon": st.booleans(),
    },
)
TRAITS = st.fixed_dictionaries(
    {},
    optional={
        "currency": st.sampled_from(["USD", "EUR", None]),
        "plan": st.sampled_from(["basic", None]),
        "mrr": st.sampled_from([0, 100, None]),
    },
)


def fact(number: int, at_ms: int, delay: int, kind: str, data: dict[str, Any], said: dict[str, Any]) -> Fact:
    return Fact(
        id=f"{number:012x}",
        known_ms=at_ms + delay * DAY,
        at_ms=at_ms,
        kind=kind,
        data=said if kind == "traits" else data,
    )


FACTS = st.builds(
    fact,
    st.integers(0, 10**6),
    INSTANTS,
    st.sampled_from([0, 0, 0, 20]),
    st.sampled_from(["started", "started", "changed", "ended", "traits"]),
    DATA,
    TRAITS,
)
ACCOUNTS = st.lists(FACTS, max_size=10)
COMPANIES = st.lists(ACCOUNTS, min_size=1, max_size=4)
MANY = settings(max_examples=200, deadline=None)


def paths(company: list[list[Fact]], as_of_ms: int = END) -> list[tuple[Level, ...]]:
    return [settled(levels(facts, as_of_ms, currency="GBP")) for facts in company]


def by_month(company: list[list[Fact]]) -> tuple[dict[str, list[Sheet]], dict[str, Sheet]]:
    """The sheets of the months by currency, and those of all of them as one period."""
    asked = list(months(FIRST, LAST, as_of_ms=END))
    whole = Period(start_ms=asked[0].start_ms, end_ms=asked[-1].end_ms)
    found = sheets(paths(company), [*asked, whole])
    return {name: own[:-1] for name, own in found.items()}, {name: own[-1] for name, own in found.items()}


@MANY
@given(COMPANIES)
def test_every_month_reconciles_and_begins_with_the_closing_before(company: list[list[Fact]]) -> None:
    found, _ = by_month(company)

    for own in found.values():
        assert all(sheet.reconciles for sheet in own)
        for before, after in pairwise(own):
            assert (after.opening, after.customers_opening) == (before.closing, before.customers_closing)


@MANY
@given(COMPANIES)
def test_the_months_add_up_to_the_time_they_make(company: list[list[Fact]]) -> None:
    found, whole = by_month(company)

    for currency, own in found.items():
        total = whole[currency]
        assert total.reconciles
        assert (total.opening, total.closing) == (own[0].opening, own[-1].closing)
        for kind in total.moved:
            assert total.moved[kind] == sum(sheet.moved[kind] for sheet in own)
            assert total.customers_moved[kind] == sum(sheet.customers_moved[kind] for sheet in own)


@MANY
@given(COMPANIES)
def test_rates_stay_within_their_bounds(company: list[list[Fact]]) -> None:
    found, whole = by_month(company)

    for sheet in (*(one for own in found.values() for one in own), *whole.values()):
        kept = sheet.retention
        assert 0 <= kept.lowest <= kept.mrr - kept.gone_mrr <= kept.mrr <= sheet.opening
        assert kept.lowest <= kept.closing <= sheet.closing
        assert 0 <= kept.gone <= kept.customers <= sheet.customers_opening
        assert kept.grr is None or kept.grr <= 1


@MANY
@given(ACCOUNTS, st.data())
def test_the_order_of_what_is_told_and_repetitions_change_nothing(
    facts: list[Fact], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(facts + facts[:3]))

    assert paths([other]) == paths([facts])


@MANY
@given(ACCOUNTS, st.integers(0, 180))
def test_what_became_known_later_changes_nothing_as_of_before(facts: list[Fact], day: int) -> None:
    as_of_ms = ORIGIN + day * DAY
    known = [fact for fact in facts if fact.known_ms <= as_of_ms]

    found = levels(facts, as_of_ms, currency="GBP")

    assert found == levels(known, as_of_ms, currency="GBP")
    assert levels(known, END, currency="GBP")[: len(found)] == found


@MANY
@given(ACCOUNTS, INSTANTS)
def test_what_is_paid_is_the_sum_of_the_running_terms(facts: list[Fact], at_ms: int) -> None:
    told = [fact for fact in facts if fact.kind != "traits"]
    known = [fact for fact in told if fact.known_ms <= END]

    running = terms_known(known, END).running(at_ms)
    now = next((one for one in reversed(levels(told, END, currency="GBP")) if one.from_ms <= at_ms), None)

    assert (now is not None and now.subscribed) is bool(running)
    assert (0 if now is None else now.mrr) == sum(term.mrr or 0 for term in running)
    assert (0 if now is None else now.unknown) == sum(term.mrr is None for term in running)


@MANY
@given(ACCOUNTS, INSTANTS)
def test_what_counts_is_what_is_paid_except_within_an_hour_of_a_change(facts: list[Fact], at_ms: int) -> None:
    found = levels(facts, END, currency="GBP")
    assume(not any(abs(at_ms - one.from_ms) <= ONE_MOVEMENT_MS for one in found))

    def now(of: tuple[Level, ...]) -> int:
        return next((one.mrr for one in reversed(of) if one.from_ms <= at_ms), 0)

    assert now(settled(found)) == now(found)


@MANY
@given(ACCOUNTS)
def test_what_counts_changes_at_most_once_an_hour_and_is_gone_for_longer(facts: list[Fact]) -> None:
    found = paths([facts])[0]

    assert all(after.from_ms - one.from_ms > ONE_MOVEMENT_MS for one, after in pairwise(found))
    assert all(after.differs(one) for one, after in pairwise(found))
    assert settled(found) == found


PRICES = st.lists(st.integers(0, 9), min_size=1, max_size=8)


def told(prices: list[int]) -> list[Fact]:
    """A subscription that gets another price every three hours."""
    return [
        Fact(
            id=f"{number:012x}",
            known_ms=ORIGIN + 3 * number * HOUR,
            at_ms=ORIGIN + 3 * number * HOUR,
            kind="changed",
            data={"plan": "pro", "mrr": price},
        )
        for number, price in enumerate(prices)
    ]


@MANY
@given(PRICES, st.data())
def test_a_change_told_as_two_within_the_hour_is_the_same_movement(
    prices: list[int], data: st.DataObject
) -> None:
    facts = told(prices)
    place = data.draw(st.integers(0, len(facts) - 1))
    later = data.draw(st.integers(1, ONE_MOVEMENT_MS))
    between = data.draw(st.integers(0, 9))
    assume(place == 0 or between != prices[place - 1])  # else only the second is a change
    change = facts[place]
    first = Fact(
        id="f" * 12,
        known_ms=change.known_ms,
        at_ms=change.at_ms,
        kind=change.kind,
        data={"plan": "pro", "mrr": between},
    )
    second = Fact(
        id=change.id,
        known_ms=change.known_ms + later,
        at_ms=change.at_ms + later,
        kind=change.kind,
        data=change.data,
    )

    [whole] = paths([facts])
    [parts] = paths([[*facts[:place], first, second, *facts[place + 1 :]]])

    assert parts == whole
    assert list(movements(parts)) == list(movements(whole))
