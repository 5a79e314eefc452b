"""The months of an open log are, to the cent and by kind, what SQL makes of its terms day by day."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from click.testing import CliRunner
from stemtide_cli.main import main

from tests.open_logs import open_log_folder

KINDS = ("new", "expansion", "contraction", "churn", "reactivation")
PAID = """
WITH terms AS (
    SELECT account_id AS account, CAST(round(mrr * 100) AS BIGINT) AS cents, start_date AS first,
        least(end_date, coalesce(lead(start_date) OVER (
            PARTITION BY account_id, CASE WHEN product IN ('meetings', 'search_unlimited') THEN product END
            ORDER BY start_date), end_date)) AS ends
    FROM read_csv('{folder}/subscriptions.csv')
), days AS (
    SELECT account,
        CAST(unnest(generate_series(DATE '{first}', DATE '{last}', INTERVAL 1 DAY)) AS DATE) AS day
    FROM (SELECT DISTINCT account FROM terms)
), paid AS (
    SELECT d.account, d.day, coalesce(sum(t.cents), 0) AS mrr
    FROM days d LEFT JOIN terms t ON t.account = d.account AND t.first <= d.day AND d.day < t.ends
    GROUP BY ALL
)
"""
MOVED = """
, steps AS (
    SELECT *, lag(mrr, 1, 0) OVER series AS before,
        coalesce(max(mrr) OVER (series ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) > 0 AS known
    FROM paid WINDOW series AS (PARTITION BY account ORDER BY day)
)
SELECT strftime(day, '%Y-%m') AS month,
    CASE WHEN mrr = 0 THEN 'churn' WHEN before > 0 AND mrr > before THEN 'expansion'
        WHEN before > 0 THEN 'contraction' WHEN known THEN 'reactivation' ELSE 'new' END AS kind,
    CAST(sum(mrr - before) AS BIGINT) AS cents, count(*) AS n
FROM steps WHERE mrr <> before GROUP BY ALL
"""
KEPT = """
, months AS (
    SELECT account, strftime(day, '%Y-%m') AS month, arg_max(mrr, day) AS closing, min(mrr) AS lowest
    FROM paid GROUP BY ALL
), opened AS (
    SELECT *, lag(closing, 1, 0) OVER (PARTITION BY account ORDER BY month) AS opening FROM months
)
SELECT month, CAST(sum(opening) AS BIGINT), CAST(sum(closing) AS BIGINT),
    count_if(opening > 0), count_if(closing > 0), count_if(opening > 0 AND lowest = 0),
    CAST(sum(CASE WHEN lowest = 0 THEN opening ELSE 0 END) AS BIGINT),
    CAST(sum(least(lowest, opening)) AS BIGINT),
    CAST(sum(CASE WHEN opening > 0 THEN closing ELSE 0 END) AS BIGINT)
FROM opened GROUP BY ALL ORDER BY month
"""


class Log(NamedTuple):
    """An open log and the days on which its terms are known."""

    name: str
    first: str
    last: str
    months: int


CRM = Log("crm", "2022-01-01", "2023-03-31", 15)
SOCIAL = Log("social", "2020-01-01", "2020-07-01", 7)


def with_terms(folder: Path, target: Path, where: str) -> Path:
    """The log with some of its terms only."""
    target.mkdir()
    for name in ("events.parquet", "accounts.csv"):
        (target / name).symlink_to(folder / name)
    terms = f"SELECT * FROM read_csv('{folder}/subscriptions.csv') WHERE {where}"
    duckdb.execute(f"COPY ({terms}) TO '{target}/subscriptions.csv' (HEADER)")
    return target


def with_gaps(target: Path) -> Path:
    """Crm without some terms of those billed on a day that each month has: they leave and come back."""
    some = "md5_number_lower(concat(account_id, start_date)) % 6 = 0"
    add_ons = "md5_number_lower(concat(account_id, start_date, product)) % 9 = 0"
    where = f"day(start_date) > 27 OR NOT ({some} OR {add_ons})"
    return with_terms(open_log_folder(CRM.name), target, where)


@pytest.fixture(params=[CRM, SOCIAL, "with_gaps"], ids=["crm", "social", "crm_with_gaps"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Log, Path]:
    if request.param == "with_gaps":
        return CRM, with_gaps(tmp_path / "gaps")
    return request.param, open_log_folder(request.param.name)


def sql(log: Log, folder: Path, question: str) -> list[Any]:
    paid = PAID.format(folder=folder, first=log.first, last=log.last)
    return duckdb.execute(paid + question).fetchall()


def told(log: Log, folder: Path, *more: str) -> dict[str, Any]:
    arguments = ["mrr", "--mapping", log.name, "--data", str(folder), "--json", *more]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_every_month_is_that_of_the_days_in_sql(log: tuple[Log, Path]) -> None:
    oracle = {(month, kind): (cents, n) for month, kind, cents, n in sql(*log, MOVED)}
    sheets = sql(*log, KEPT)

    found = told(*log)

    [own] = found["currencies"]
    assert found["reconciles"] is True
    assert own["currency"] == "USD"
    assert len(own["months"]) == log[0].months
    for month, (name, opening, closing, *counts) in zip(own["months"], sheets, strict=True):
        customers_opening, customers_closing, gone, gone_cents, lowest, closed = counts
        assert (month["month"], month["opening"], month["closing"]) == (name, opening, closing)
        assert month["opening"] + sum(month[kind] for kind in KINDS) == month["closing"]
        for kind in KINDS:
            cents, n = oracle.get((name, kind), (0, 0))
            assert month[kind] == cents, (name, kind)
            assert abs(month["customers"].get(kind, 0)) == (n if kind in month["customers"] else 0), (
                name,
                kind,
            )
        assert month["customers"]["opening"] == customers_opening
        assert month["customers"]["closing"] == customers_closing
        rates = (month["logo_churn"], month["revenue_churn"], month["grr"], month["nrr"])
        if opening:
            assert rates == (
                gone / customers_opening,
                gone_cents / opening,
                lowest / opening,
                closed / opening,
            )
        else:
            assert rates == (None, None, None, None)


def test_the_oracle_has_seen_every_kind(tmp_path: Path) -> None:
    kinds = Counter[str]()
    for _, kind, _, n in sql(CRM, with_gaps(tmp_path / "gaps"), MOVED):
        kinds[kind] += n

    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 30, kinds


def test_a_past_instant_is_told_as_if_nothing_had_come_after_it(tmp_path: Path) -> None:
    folder = open_log_folder(CRM.name)
    past = with_terms(folder, tmp_path / "past", "start_date <= DATE '2022-09-30'")

    then = told(CRM, folder, "--as-of", "2022-09-30")

    assert then["currencies"] == told(CRM, past)["currencies"]
    assert then["currencies"][0]["months"] == told(CRM, folder, "--to", "2022-09")["currencies"][0]["months"]
