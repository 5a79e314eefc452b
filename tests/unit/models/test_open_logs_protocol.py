"""The protocol on the open logs: who is looked at and what happened equal a recount in SQL."""

from collections import Counter
from pathlib import Path

import duckdb
import pytest
from stemtide.config import bundled_config

from models import dataset
from models.material import read_material
from models.train import day_text
from tests.open_logs import open_log_folder

SOCIAL = """
    WITH t AS (SELECT account_id a, start_date s, start_date + to_months(bill_period_months::INTEGER) e
               FROM read_csv('{folder}/subscriptions.csv')),
         first AS (SELECT min(timestamp)::DATE lo FROM '{folder}/events.parquet'),
         days AS (SELECT lo + (30 + 7 * i)::INTEGER AS d FROM first, range(100) r(i)),
         terms AS (SELECT a, min(s) first, max_by(e, s) last_end FROM t GROUP BY a)
    SELECT d, a, last_end > d AND last_end <= d + 30 FROM days, terms
    WHERE d + 30 <= (SELECT max(s) FROM t) AND d - first >= 14
      AND EXISTS (FROM t WHERE t.a = terms.a AND t.s <= d AND t.e > d)"""
NOVA = """
    WITH v AS (SELECT DISTINCT account_id a, timestamp::DATE AS v FROM '{folder}/events.parquet'
               WHERE account_id IS NOT NULL),
         b AS (SELECT min(timestamp)::DATE lo, max(timestamp)::DATE hi FROM '{folder}/events.parquet'),
         days AS (SELECT lo + (30 * i)::INTEGER AS d FROM b, range(100) r(i)
                  WHERE lo + (30 * i)::INTEGER + 90 <= hi)
    SELECT d, a, count(*) FILTER (v > d AND v <= d + 90) = 0 FROM days, v GROUP BY d, a
    HAVING count(*) FILTER (v <= d AND v > d - 90) > 0 AND count(*) FILTER (v <= d AND v > d - 720) >= 2"""
OULAD = """
    WITH zero AS (SELECT course, max(day) hi, make_date(left(right(course, 5), 4)::INTEGER,
                    CASE right(course, 1) WHEN 'B' THEN 2 ELSE 10 END, 1) z
                  FROM '{folder}/clicks.parquet' GROUP BY course),
         e AS (SELECT course || ':' || student_id a, *, date_unregistration AS gone
               FROM read_csv('{folder}/enrolments.csv', nullstr = '')),
         v AS (SELECT DISTINCT course || ':' || student_id a, day v FROM '{folder}/clicks.parquet'),
         rows AS (SELECT e.*, z, 14 + 7 * i AS t FROM e JOIN zero USING (course), range(60) r(i)
                  WHERE 14 + 7 * i + 28 <= hi AND date_registration <= 14 + 7 * i
                    AND (gone IS NULL OR gone > 14 + 7 * i))
    SELECT z + t::INTEGER, a,
           count(*) FILTER (v > t AND v <= t + 28) = 0 OR coalesce(any_value(gone) <= t + 28, false)
    FROM rows JOIN v USING (a) GROUP BY z, t, a HAVING count(*) FILTER (v <= t AND v > t - 28) > 0"""


@pytest.mark.parametrize(
    ("name", "target", "recount"),
    [("social", "churn", SOCIAL), ("nova", "silent", NOVA), ("oulad", "silent", OULAD)],
    ids=["social", "nova", "oulad"],
)
def test_rows_and_labels_of_an_open_log_equal_a_recount(name: str, target: str, recount: str) -> None:
    folder: Path = open_log_folder(name)
    mapping, material = read_material(name, folder, bundled_config())

    rows = Counter(
        (day_text(day), account, label)
        for day, account, label in dataset.labelled(mapping, material, mapping.targets[target])
    )

    found = duckdb.execute(recount.format(folder=folder)).fetchall()
    assert len(found) > 1000
    assert rows == Counter((str(day)[:10], account, bool(label)) for day, account, label in found)
