"""The simulated customer base: reproducible, and its hidden causes show in what is counted."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from stemtide.config import load_config

from simulator.base import DAY_US, Account, Plan, account, accounts
from simulator.calendar import add_months, day_at
from simulator.causes import Cause
from simulator.plans import PLANS
from simulator.rows import EVENTS, INDEX
from simulator.writing import simulate

ROOT = Path(__file__).parents[3]
END = date(2026, 3, 31)
SMALL = Plan(seed=7, accounts=12, days=60, end=END)
YEAR = Plan(seed=7, accounts=150, days=365, end=END)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def base() -> list[Account]:
    return list(accounts(YEAR))


def of(base: list[Account], cause: Cause) -> Iterator[Account]:
    return (each for each in base if each.story.cause is cause)


def daily(each: Account, event: str | None = None) -> np.ndarray:
    """Events by day of the story (sum of weights), of one type or all."""
    rows = each.rows
    kept = np.ones(len(rows), dtype=bool) if event is None else rows.event == INDEX[event]
    days = rows.at[kept] // DAY_US - each.begin
    found: np.ndarray = np.bincount(days, weights=rows.count[kept], minlength=len(each.story.people))
    return found


def around_onset(each: Account, counts: np.ndarray, days: int) -> tuple[float, float] | None:
    """Sums over so many days before and after the onset, None where the account has fewer."""
    onset = each.story.onset
    lived = len(each.story.people) if each.contract.ended is None else each.contract.ended - each.begin
    if onset is None or onset < days or onset + days > lived:
        return None
    return float(counts[onset - days : onset].sum()), float(counts[onset : onset + days].sum())


def ratios(base: list[Account], cause: Cause, event: str | None, days: int = 14) -> list[float]:
    pairs = [around_onset(each, daily(each, event), days) for each in of(base, cause)]
    return [after / before for before, after in filter(None, pairs) if before >= 20]


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    simulate(SMALL, tmp_path / "a")
    simulate(SMALL, tmp_path / "b")

    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert set(digests(tmp_path / "a")) == {
        "events.parquet",
        "subscriptions.csv",
        "accounts.csv",
        "truth.json",
    }


def test_another_seed_gives_another_base(tmp_path: Path) -> None:
    simulate(SMALL, tmp_path / "a")
    simulate(Plan(seed=8, accounts=12, days=60, end=END), tmp_path / "b")

    first, second = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert all(first[name] != second[name] for name in first)


def test_more_accounts_begin_with_the_same_ones() -> None:
    few = account(SMALL, 5)
    many = account(Plan(seed=7, accounts=500, days=60, end=END), 5)

    assert few.customer == many.customer
    assert few.contract == many.contract
    assert np.array_equal(few.rows.at, many.rows.at)


def test_the_written_rows_are_those_of_the_accounts(tmp_path: Path) -> None:
    written = simulate(SMALL, tmp_path)

    counted = duckdb.sql(
        f"SELECT account_id, count(*), sum(count) FROM '{tmp_path}/events.parquet' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    expected = [(a.customer.account, len(a.rows), int(a.rows.count.sum())) for a in accounts(SMALL)]
    assert counted == expected
    assert written.rows == sum(rows for _, rows, _ in expected)


def test_properties_stay_with_their_rows(tmp_path: Path) -> None:
    simulate(YEAR, tmp_path)

    wrong = duckdb.sql(
        f"""SELECT count(*) FROM '{tmp_path}/events.parquet' WHERE
        (event = 'Support Ticket Created') <> (text IS NOT NULL) OR
        (event = 'NPS Submitted') <> (score IS NOT NULL) OR
        (event = 'Payment Failed') <> (value IS NOT NULL) OR
        (ticket_id IS NOT NULL AND split_part(ticket_id, '-', 1) <> 'T' || split_part(account_id, '-', 2))"""
    ).fetchall()
    assert wrong == [(0,)]


def test_rows_lie_in_order_of_time(tmp_path: Path) -> None:
    simulate(SMALL, tmp_path)

    instants = [at for (at,) in duckdb.sql(f"SELECT timestamp FROM '{tmp_path}/events.parquet'").fetchall()]
    assert instants == sorted(instants)


def test_no_event_lies_outside_an_accounts_life(base: list[Account]) -> None:
    for each in base:
        until = YEAR.after if each.contract.ended is None else each.contract.ended
        assert np.all(each.rows.at >= max(each.customer.start, YEAR.first) * DAY_US)
        assert np.all(each.rows.at < until * DAY_US)


def test_terms_follow_each_other_without_a_gap(base: list[Account]) -> None:
    for each in base:
        terms = each.contract.terms
        assert all(a.end == b.start for a, b in itertools.pairwise(terms))
        assert terms[0].start == each.customer.start
        assert terms[-1].end == each.contract.ended or terms[-1].end >= YEAR.after


def test_a_term_ends_its_months_after_its_start(base: list[Account]) -> None:
    plain = [t for a in base for t in a.contract.terms if day_at(a.customer.start).day <= 28]

    assert all(day_at(t.end) == add_months(day_at(t.start), t.months) for t in plain)


def test_every_account_fits_its_plan(base: list[Account]) -> None:
    for term in (term for each in base for term in each.contract.terms):
        limit = PLANS[term.plan].seats
        assert limit is None or term.seats <= limit


def test_the_plans_are_those_of_the_shipped_configuration() -> None:
    shipped = {plan.name: dict(plan.limits) for plan in load_config(ROOT / "stemtide.toml").plans}

    ours = {
        plan.name: {
            meter: limit
            for meter, limit in (("seats", plan.seats), ("api_calls", plan.api_calls))
            if limit is not None
        }
        for plan in PLANS
    }
    assert ours == shipped


def test_weekends_are_quiet(base: list[Account]) -> None:
    found = np.zeros(7)
    for each in base:
        days = each.rows.at // DAY_US
        found += np.bincount((days + 3) % 7, minlength=7)

    assert found[5:].max() < 0.4 * found[:5].min()


def test_christmas_is_quiet(base: list[Account]) -> None:
    def on(day: date) -> int:
        index = (day - date(1970, 1, 1)).days
        return sum(int((each.rows.at // DAY_US == index).sum()) for each in base)

    assert on(date(2025, 12, 25)) < 0.4 * on(date(2025, 12, 11))


def test_people_keep_the_office_hours_of_their_zone(base: list[Account]) -> None:
    def sign_in_hours(zone: str) -> np.ndarray:
        rows = [each.rows for each in base if each.customer.time_zone == zone]
        at = np.concatenate([r.at[r.event == INDEX["Signed In"]] for r in rows])
        return at // (DAY_US // 24) % 24

    assert np.median(sign_in_hours("Europe/Berlin")) in (7, 8, 9)
    assert np.median(sign_in_hours("America/Los_Angeles")) in (16, 17, 18)


def test_use_fades_when_an_account_declines(base: list[Account]) -> None:
    assert np.median(ratios(base, Cause.DECLINING, "Signed In", days=40)) < 0.75


def test_a_silent_account_sends_nothing(base: list[Account]) -> None:
    # The day of onset begins at the zone's midnight: a few events of the evening before may still fall on it.
    found = ratios(base, Cause.SILENT, None, days=10)

    assert found
    assert max(found) < 0.05


def test_api_volume_falls_by_more_than_half(base: list[Account]) -> None:
    found = ratios(base, Cause.API_DROP, "API Call")

    assert found
    assert max(found) < 0.5


def test_use_collapses_when_the_champion_goes(base: list[Account]) -> None:
    assert np.median(ratios(base, Cause.ONE_CHAMPION, "Record Updated", days=21)) < 0.6


def test_a_growing_account_uses_more_and_pays_more(base: list[Account]) -> None:
    grown = [each for each in of(base, Cause.GROWING) if len(each.story.people) > 300]

    for each in grown:
        counts = daily(each, "Signed In")
        assert counts[-90:].sum() > counts[:90].sum() or each.contract.ended is not None
    assert any(each.contract.terms[-1].mrr > each.contract.terms[0].mrr for each in grown)


def test_a_failing_payment_does_not_show_in_use(base: list[Account]) -> None:
    assert 0.6 < np.median(ratios(base, Cause.FAILING_PAYMENT, "Signed In")) < 1.4


def test_those_in_trouble_leave_more_often(base: list[Account]) -> None:
    big = list(accounts(Plan(seed=11, accounts=400, days=200, end=END)))

    def left(*causes: Cause) -> float:
        chosen = [each for each in big if each.story.cause in causes]
        return sum(each.contract.ended is not None for each in chosen) / len(chosen)

    troubled = left(Cause.DECLINING, Cause.ONE_CHAMPION, Cause.SILENT, Cause.FAILING_PAYMENT)
    assert troubled > 2.5 * left(Cause.HEALTHY, Cause.GROWING, Cause.SEASONAL)


def test_some_stories_have_just_begun_when_the_log_ends(base: list[Account]) -> None:
    late = [
        each
        for each in of(base, Cause.API_DROP)
        if each.story.onset is not None and 7 <= len(each.story.people) - each.story.onset <= 11
    ]

    assert len(late) >= 3


def test_truth_names_the_cause_of_every_account(tmp_path: Path) -> None:
    simulate(SMALL, tmp_path)

    truth: dict[str, Any] = json.loads((tmp_path / "truth.json").read_text())
    assert list(truth["accounts"]) == [each.customer.account for each in accounts(SMALL)]
    assert {row["cause"] for row in truth["accounts"].values()} <= set(Cause)


def test_every_event_type_occurs(base: list[Account]) -> None:
    seen = set().union(*(np.unique(each.rows.event).tolist() for each in base))

    assert {EVENTS[index] for index in seen} == set(EVENTS)
