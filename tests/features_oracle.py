"""The features once more, in DuckDB's SQL over single events, written from docs/features.md.

`e` has a row per account, day, user, event type and number of events; `q` the (account, day) asked for.
`ago` are days since a call, `act` days since a use.
"""

import math
from collections.abc import Iterable

import duckdb

CORE = "event IN ('Report Created', 'Invite Sent')"
API = "event = 'API Call'"
INVITE = "event = 'Invite Sent'"
LOGIN = "event = 'login'"
COMMENT = "event = 'comment_added'"
USE = """NOT (event = 'group' OR starts_with(event, 'Subscription ') OR starts_with(event, 'Support Ticket ')
  OR starts_with(event, 'NPS '))"""
"""What is no word of some system about the account."""
FEATURE = f"event NOT IN ('login', 'page') AND {USE}"

_QUERY = """
WITH seen AS (SELECT account, min(day) AS first FROM e GROUP BY account),
k AS (
  SELECT q.account, q.day AS d, greatest(0, least(90, coalesce(q.day - s.first + 1, 0))) AS h,
    greatest(0, least(392, coalesce(q.day - s.first + 1, 0))) AS hl
  FROM q LEFT JOIN seen s USING (account)
),
x AS (
  SELECT k.account, k.d, k.h, k.d - e.day AS ago, e.usr, e.event,
    CASE WHEN {use} THEN e.n END AS n, CASE WHEN {use} THEN k.d - e.day END AS act
  FROM k LEFT JOIN e ON e.account = k.account AND e.day <= k.d AND e.day > k.d - 90
),
y AS (
  SELECT k.account, k.d, k.hl, k.d - e.day AS ago, e.usr, e.event,
    CASE WHEN {use} THEN e.n END AS n, CASE WHEN {use} THEN k.d - e.day END AS act
  FROM k LEFT JOIN e ON e.account = k.account AND e.day <= k.d AND e.day > k.d - 392
),
ydau AS (
  SELECT account, d, ago, count(DISTINCT usr) AS users FROM y GROUP BY ALL
),
yu AS (
  SELECT account, d, coalesce(sum(users) FILTER (ago < 90), 0) AS yu90,
    coalesce(sum(users) FILTER (ago < 180), 0) AS yu180, coalesce(sum(users) FILTER (ago < 360), 0) AS yu360,
    coalesce(sum(users) FILTER (ago < 28), 0) AS yu28, coalesce(sum(users) FILTER (ago >= 364), 0) AS yu28b
  FROM ydau GROUP BY ALL
),
ys AS (
  SELECT account, d, any_value(hl) AS hl,
    coalesce(sum(n) FILTER (ago < 180), 0) AS n180, coalesce(sum(n) FILTER (ago < 360), 0) AS n360,
    coalesce(sum(n) FILTER (ago < 28), 0) AS n28, coalesce(sum(n) FILTER (ago >= 364), 0) AS n28b,
    count(DISTINCT act) FILTER (ago < 180) AS d180, count(DISTINCT act) FILTER (ago < 360) AS d360,
    coalesce(sum(n) FILTER (ago < 360 AND {core}), 0) AS c360,
    coalesce(sum(n) FILTER (ago < 360 AND {api}), 0) AS a360,
    coalesce(sum(n) FILTER (ago < 360 AND {login}), 0) AS l360,
    coalesce(sum(n) FILTER (ago < 360 AND {invite}), 0) AS i360
  FROM y GROUP BY account, d
),
came AS (
  SELECT account, d, usr, count(DISTINCT ago) FILTER (ago < 30) AS days30, count(DISTINCT ago) AS days90,
    min(ago) AS latest
  FROM x WHERE usr IS NOT NULL GROUP BY ALL
),
top AS (
  SELECT account, d, nullif(max(days30), 0) AS top30, nullif(sum(days30), 0) AS all30,
    arg_min(latest, days90 * -1000 + latest) AS champion_away
  FROM came GROUP BY ALL
),
mix AS (
  SELECT account, d, event, coalesce(sum(n) FILTER (ago < 30), 0) AS now,
    coalesce(sum(n) FILTER (ago >= 30), 0) AS earlier
  FROM x WHERE act IS NOT NULL GROUP BY ALL
),
mixed AS (
  SELECT account, d, sum(now * now) / nullif(power(sum(now), 2), 0) AS concentration,
    sum(abs(now / all_now - earlier / all_earlier)) / 2 AS shift
  FROM (SELECT *, nullif(sum(now) OVER w, 0) AS all_now, nullif(sum(earlier) OVER w, 0) AS all_earlier
        FROM mix WINDOW w AS (PARTITION BY account, d)) GROUP BY ALL
),
dau AS (
  SELECT account, d, ago, count(DISTINCT usr) AS users FROM x GROUP BY ALL
),
du AS (
  SELECT account, d, sum(users) FILTER (ago < 7) AS u7, sum(users) FILTER (ago < 14) AS u14,
    sum(users) FILTER (ago < 30) AS u30, sum(users) FILTER (ago < 60) AS u60, sum(users) AS u90
  FROM dau GROUP BY ALL
),
weeks AS (
  SELECT k.account, k.d, w.week, coalesce(sum(e.n), 0) AS n, coalesce(any_value(u.users), 0) AS users
  FROM k CROSS JOIN (SELECT unnest(range(0, 12)) AS week) w
  LEFT JOIN x e ON e.account = k.account AND e.d = k.d AND e.ago // 7 = w.week
  LEFT JOIN (SELECT account, d, ago // 7 AS week, sum(users) AS users FROM dau GROUP BY ALL) u
    ON u.account = k.account AND u.d = k.d AND u.week = w.week
  WHERE w.week = 0 OR w.week <= (k.h - 7) / 7
  GROUP BY ALL
),
dev AS (
  SELECT account, d, count(*) - 1 AS known_weeks,
    any_value(n) FILTER (week = 0) AS n0, avg(n) FILTER (week > 0) AS nm, var_pop(n) FILTER (week > 0) AS nv,
    any_value(users) FILTER (week = 0) AS w0, avg(users) FILTER (week > 0) AS wm,
    var_pop(users) FILTER (week > 0) AS wv
  FROM weeks GROUP BY ALL
),
steps AS (
  SELECT account, d, count(gap) AS gaps, avg(gap) AS gap_mean, stddev_pop(gap) AS gap_sd FROM (
    SELECT account, d, act - lag(act) OVER (PARTITION BY account, d ORDER BY act) AS gap
    FROM (SELECT DISTINCT account, d, act FROM x WHERE act IS NOT NULL)
  ) GROUP BY ALL
),
gaps AS (
  SELECT account, d, max(gap) AS gap FROM (
    SELECT k.account, k.d, t.ago - 1 - coalesce(lead_ago, -1) AS gap FROM k JOIN (
      SELECT account, d, ago, lag(ago) OVER (PARTITION BY account, d ORDER BY ago) AS lead_ago
      FROM (SELECT DISTINCT account, d, act AS ago FROM x WHERE act < 30
            UNION SELECT account, d, least(h, 30) AS ago FROM k)
    ) t USING (account, d)
  ) GROUP BY ALL
),
s AS (
  SELECT account, d, any_value(h) AS h,
    coalesce(sum(n) FILTER (ago < 7), 0) AS n7,
    coalesce(sum(n) FILTER (ago BETWEEN 7 AND 13), 0) AS p7,
    coalesce(sum(n) FILTER (ago < 14), 0) AS n14,
    coalesce(sum(n) FILTER (ago < 30), 0) AS n30,
    coalesce(sum(n) FILTER (ago < 60), 0) AS n60,
    coalesce(sum(n), 0) AS n90,
    coalesce(sum(n) FILTER ({api}), 0) AS a90,
    coalesce(sum(n) FILTER ({login}), 0) AS l90,
    coalesce(sum(n) FILTER (ago < 30 AND {invite}), 0) AS i30,
    coalesce(sum(n) FILTER (ago < 14 AND {core}), 0) AS c14,
    coalesce(sum(n) FILTER (ago < 60 AND {core}), 0) AS c60,
    coalesce(sum(n) FILTER ({core}), 0) AS c90,
    coalesce(sum(n) FILTER (ago < 30 AND {api}), 0) AS a30,
    coalesce(sum(n) FILTER (ago BETWEEN 30 AND 59 AND {api}), 0) AS ap30,
    count(DISTINCT act) FILTER (ago < 60) AS d60,
    count(DISTINCT usr) FILTER (ago < 30 AND {comment}) AS w30,
    count(DISTINCT event) FILTER ({feature}) AS f90,
    coalesce(sum(n) FILTER (ago < 7 AND {core}), 0) AS c7,
    coalesce(sum(n) FILTER (ago < 30 AND {core}), 0) AS c30,
    coalesce(sum(n) FILTER (ago < 7 AND {api}), 0) AS a7,
    coalesce(sum(n) FILTER (ago BETWEEN 7 AND 13 AND {api}), 0) AS ap7,
    coalesce(sum(n) FILTER (ago < 7 AND {login}), 0) AS l7,
    coalesce(sum(n) FILTER (ago < 30 AND {login}), 0) AS l30,
    min(ago) FILTER ({login}) AS since_login, min(act) AS since_event,
    count(DISTINCT act) FILTER (ago < 7) AS d7, count(DISTINCT act) FILTER (ago < 14) AS d14,
    count(DISTINCT act) FILTER (ago < 30) AS d30, count(DISTINCT act) AS d90,
    count(DISTINCT event) FILTER (ago < 30 AND {feature}) AS f30,
    count(DISTINCT event) FILTER (ago BETWEEN 30 AND 59 AND {feature}) AS f60,
    count(DISTINCT usr) FILTER (ago < 30) AS u30d,
    count(DISTINCT usr) FILTER (ago BETWEEN 30 AND 59) AS u60d
  FROM x GROUP BY account, d
)
SELECT s.account, s.d,
  coalesce(u7, 0) / nullif(least(h, 7), 0) AS avg_dau_7d,
  coalesce(u14, 0) / nullif(least(h, 14), 0) AS avg_dau_14d,
  coalesce(u30, 0) / nullif(least(h, 30), 0) AS avg_dau_30d,
  coalesce(u60, 0) / nullif(least(h, 60), 0) AS avg_dau_60d,
  coalesce(u90, 0) / nullif(h, 0) AS avg_dau_90d,
  CASE WHEN h >= 60 THEN (coalesce(u30, 0) / 30) / nullif(u90 / h, 0) END AS usage_trend_ratio_30d_90d,
  c7 / nullif(least(h, 7), 0) AS avg_core_actions_7d,
  c30 / nullif(least(h, 30), 0) AS avg_core_actions_30d,
  n14 / nullif(least(h, 14), 0) AS avg_events_14d,
  n60 / nullif(least(h, 60), 0) AS avg_events_60d,
  n90 / nullif(h, 0) AS avg_events_90d,
  CASE WHEN h >= 14 THEN (n7 / 7) / nullif(n30 / least(h, 30), 0) END AS events_trend_ratio_7d_30d,
  CASE WHEN h >= 60 THEN (n30 / 30) / nullif(n90 / h, 0) END AS events_trend_ratio_30d_90d,
  CASE WHEN known_weeks >= 4 AND nm > 0 THEN (n0 - nm) / sqrt(nv + nm) END AS events_deviation,
  CASE WHEN known_weeks >= 4 AND wm > 0 THEN (w0 - wm) / sqrt(wv + wm) END AS users_deviation,
  CASE WHEN h >= 35 THEN (a7 / 7) / nullif((a90 - a7) / (h - 7), 0) END AS api_against_usual,
  CASE WHEN h >= 35 AND since_login IS NOT NULL THEN (l7 / 7) / nullif((l90 - l7) / (h - 7), 0) END
    AS logins_against_usual,
  CASE WHEN h >= 60 THEN f30 / nullif(f90, 0) END AS feature_breadth,
  CASE WHEN h > 0 THEN i30 END AS invites_sent_30d,
  gap_mean AS usual_gap,
  CASE WHEN gaps >= 2 THEN gap_sd / gap_mean END AS gap_variation,
  since_event / gap_mean AS recency_in_gaps,
  CASE WHEN h >= 14 THEN (coalesce(u7, 0) / 7) / nullif(u30 / least(h, 30), 0) END
    AS usage_trend_ratio_7d_30d,
  CASE WHEN h >= 14 THEN (c7 / 7) / nullif(c30 / least(h, 30), 0) END AS action_trend_ratio,
  n7 / nullif(least(h, 7), 0) AS avg_events_7d,
  n30 / nullif(least(h, 30), 0) AS avg_events_30d,
  CASE WHEN h >= 14 THEN (n7 - p7) / nullif(p7, 0) END AS events_change_7d,
  CASE WHEN h > 0 THEN a7 END AS api_calls_7d,
  CASE WHEN h >= 14 THEN (a7 - ap7) / nullif(ap7, 0) END AS api_change_7d,
  CASE WHEN h > 0 THEN d7 END AS active_days_7d, CASE WHEN h > 0 THEN d14 END AS active_days_14d,
  CASE WHEN h > 0 THEN d30 END AS active_days_30d, CASE WHEN h > 0 THEN d90 END AS active_days_90d,
  CASE WHEN h > 0 AND (d90 = 0 OR since_login IS NOT NULL) THEN l7 END AS logins_7d,
  CASE WHEN h >= 14 AND since_login IS NOT NULL THEN (l7 / 7) / nullif(l30 / least(h, 30), 0) END
    AS login_trend,
  CASE WHEN h > 0 THEN f30 END AS features_adopted,
  CASE WHEN h >= 60 THEN f30 - f60 END AS features_adopted_change,
  c30 / nullif(n30, 0) AS core_action_share,
  CASE WHEN h > 0 THEN u30d / 10 END AS seat_utilization,
  CASE WHEN h > 0 THEN u30d END AS users_30d,
  CASE WHEN h >= 60 THEN (u30d - u60d) / nullif(u60d, 0) END AS users_change,
  CASE WHEN h > 0 THEN coalesce(since_login, CASE WHEN d90 = 0 THEN h END) END AS days_since_last_login,
  CASE WHEN h > 0 THEN coalesce(since_event, h) END AS days_since_last_event,
  CASE WHEN h > 0 THEN gap END AS longest_gap_30d,
  c14 / nullif(least(h, 14), 0) AS avg_core_actions_14d,
  c60 / nullif(least(h, 60), 0) AS avg_core_actions_60d,
  c90 / nullif(h, 0) AS avg_core_actions_90d,
  CASE WHEN h >= 60 THEN (c30 / 30) / nullif(c90 / h, 0) END AS core_actions_trend_ratio_30d_90d,
  a30 / nullif(least(h, 30), 0) AS avg_api_calls_30d,
  a90 / nullif(h, 0) AS avg_api_calls_90d,
  CASE WHEN h >= 60 THEN (a30 / 30) / nullif(a90 / h, 0) END AS api_trend_ratio_30d_90d,
  CASE WHEN h > 0 THEN d60 END AS active_days_60d,
  CASE WHEN h > 0 THEN w30 END AS users_commenting,
  top30 / all30 AS top_user_share,
  CASE WHEN h > 0 THEN champion_away END AS champion_last_seen,
  CASE WHEN h >= 60 THEN (u30d - u60d) / 10 END AS seat_utilization_change,
  concentration AS event_concentration,
  shift AS event_mix_shift,
  CASE WHEN hl >= 90 THEN yu180 / least(hl, 180) END AS avg_dau_180d,
  CASE WHEN hl >= 180 THEN yu360 / least(hl, 360) END AS avg_dau_360d,
  CASE WHEN hl >= 90 THEN n180 / least(hl, 180) END AS avg_events_180d,
  CASE WHEN hl >= 180 THEN n360 / least(hl, 360) END AS avg_events_360d,
  CASE WHEN hl >= 90 THEN d180 END AS active_days_180d,
  CASE WHEN hl >= 180 THEN d360 END AS active_days_360d,
  CASE WHEN hl >= 180 THEN (n90 / 90) / nullif(n360 / least(hl, 360), 0) END AS events_trend_ratio_90d_360d,
  CASE WHEN hl >= 180 THEN (yu90 / 90) / nullif(yu360 / least(hl, 360), 0) END AS usage_trend_ratio_90d_360d,
  CASE WHEN hl >= 392 THEN n28 / nullif(n28b, 0) END AS events_against_last_year,
  CASE WHEN hl >= 392 THEN yu28 / nullif(yu28b, 0) END AS users_against_last_year,
  CASE WHEN h > 0 THEN least(n360, 100000) END AS total_events,
  CASE WHEN h > 0 THEN d360 END AS total_active_days,
  CASE WHEN h > 0 THEN least(c360, 100000) END AS total_core_actions,
  CASE WHEN h > 0 THEN least(a360, 100000) END AS total_api_calls,
  CASE WHEN h > 0 THEN least(l360, 100000) END AS total_logins,
  CASE WHEN h > 0 THEN least(i360, 100000) END AS total_invites,
  CASE WHEN h > 0 THEN u30d / 12 END AS seats_limit_use,
  CASE WHEN h >= 60 THEN CASE WHEN u30d >= 12 THEN 0 WHEN u30d > u60d
    THEN least(365, ceil((12 - u30d) * 30 / (u30d - u60d))) ELSE 365 END END AS seats_days_to_limit,
  CASE WHEN h > 0 THEN a30 / 100 END AS api_calls_limit_use,
  CASE WHEN h >= 60 THEN CASE WHEN a30 >= 100 THEN 0 WHEN a30 > ap30
    THEN least(365, ceil((100 - a30) * 30 / (a30 - ap30))) ELSE 365 END END AS api_calls_days_to_limit,
  h AS history_days
FROM s LEFT JOIN ys USING (account, d) LEFT JOIN yu USING (account, d) LEFT JOIN top USING (account, d)
  LEFT JOIN mixed USING (account, d) LEFT JOIN du USING (account, d) LEFT JOIN gaps USING (account, d)
  LEFT JOIN dev USING (account, d) LEFT JOIN steps USING (account, d) ORDER BY ALL
"""


def oracle(
    connection: duckdb.DuckDBPyConnection,
    *,
    core: str = CORE,
    api: str = API,
    login: str = LOGIN,
    invite: str = INVITE,
    feature: str = FEATURE,
    comment: str = COMMENT,
) -> dict[tuple[str, int], dict[str, float]]:
    """Feature values by (account, day) of `e` and `q`; seats are 10, limits 12 seats and 100 API calls."""
    meanings = {"core": core, "api": api, "login": login, "invite": invite, "comment": comment}
    found = connection.execute(_QUERY.format(feature=feature, use=USE, **meanings))
    names = [column[0] for column in found.description][2:]
    return {
        (account, day): dict(zip(names, map(_number, row), strict=True))
        for account, day, *row in found.fetchall()
    }


def tables(
    rows: Iterable[tuple[str, int, str, str, int]], asked: Iterable[tuple[str, int]]
) -> duckdb.DuckDBPyConnection:
    """A connection with `e` and `q` filled."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("CREATE TABLE e (account VARCHAR, day INTEGER, usr VARCHAR, event VARCHAR, n BIGINT)")
    connection.execute("CREATE TABLE q (account VARCHAR, day INTEGER)")
    for table, content in (("e", list(rows)), ("q", list(asked))):
        if content:
            columns = [list(column) for column in zip(*content, strict=True)]
            marks = ", ".join("unnest(?)" for _ in columns)
            connection.execute(f"INSERT INTO {table} SELECT {marks}", columns)
    return connection


WITH_ROOTS = frozenset(
    {"events_deviation", "users_deviation", "gap_variation", "recency_in_gaps", "event_mix_shift"}
)
"""What goes through a root or two divisions, which the two come to on different ways."""


def same(name: str, ours: float, theirs: float) -> bool:
    """Equal, both unknown, or apart by what a second rounding may do."""
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    apart = 1e-9 if name in WITH_ROOTS else 1e-14
    return math.isclose(ours, theirs, rel_tol=apart, abs_tol=apart if name in WITH_ROOTS else 0)


def _number(value: object) -> float:
    return math.nan if value is None else float(str(value))
