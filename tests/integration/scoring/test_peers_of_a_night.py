"""Who a night's customers are compared with: all of them, known before the first is scored."""

import json

import numpy as np
import pytest
from stemtide.as_of import parse_as_of
from stemtide.calls import DAY_MS
from stemtide.features.cohorts import Cohorts
from stemtide.features.peers import PLACED, RANKED, table_of
from stemtide.features.registry import NAMES
from stemtide.store import peer_tables
from stemtide.store.peer_tables import PeerTables
from stemtide.store.sources import one_by_one

from tests.integration.scoring.conftest import AS_OF, Scoring
from tests.integration.scoring.sweeps import judged, map_over, plan, scored, step, work_off

FAR = 2_000_000_000_000
AS_OF_MS = parse_as_of(AS_OF)
PEERS = 25
LATER = "2026-03-15T10:00:00.000Z"


@pytest.fixture(autouse=True)
def _one_after_the_other(scoring: Scoring, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many accounts at once are too much for moto, whose tables are not safe for threads."""
    monkeypatch.setattr(scoring.functions["score"], "threads", lambda: one_by_one)


def put_peers(scoring: Scoring, *, heard_until: str = "2026-03-14T23:58:00Z") -> None:
    scoring.heard_until(heard_until)
    for number in range(PEERS):
        scoring.put_account(f"p{number:02}", calls=10 * (number + 1))


def rank_of(scoring: Scoring, account: str, *, name: str = "events_rank", as_of: str = AS_OF) -> float:
    [row] = [one for one in scoring.records.scores(account, 0, FAR) if one.as_of_ms == parse_as_of(as_of)]
    assert row.vector is not None
    return float(np.frombuffer(row.vector, "<f8")[NAMES.index(name)])


def test_a_night_ranks_its_customers_among_each_other(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemtide.sweep.BATCH_ACCOUNTS", 7)  # the peers are of four batches
    put_peers(scoring)

    work_off(scoring, plan(scoring))

    ranks = [rank_of(scoring, f"p{number:02}") for number in range(PEERS)]
    assert ranks == sorted(ranks)
    assert ranks[0] < 0.05 < ranks[PEERS // 2] < 0.95 < ranks[-1]
    assert ranks[PEERS // 2] == pytest.approx(0.5, abs=0.01)


def test_what_is_scored_until_the_next_night_is_ranked_among_the_peers_of_the_last(scoring: Scoring) -> None:
    put_peers(scoring)
    scoring.invoke("score", scoring.batch("p24", as_of="2026-03-13T23:59:59.999Z"))
    work_off(scoring, plan(scoring))

    scoring.invoke("score", scoring.batch("p24", as_of=LATER))

    assert np.isnan(rank_of(scoring, "p24", as_of="2026-03-13T23:59:59.999Z")), "no night was before it"
    assert rank_of(scoring, "p24", as_of=LATER) == rank_of(scoring, "p24") > 0.95


def test_a_late_login_in_the_same_delivery_changes_nobody_elses_peers(scoring: Scoring) -> None:
    """It is of before the first night, and has no peers; the other one has those of its own day."""
    put_peers(scoring)
    work_off(scoring, plan(scoring))
    early = "2026-03-13T12:00:00.000Z"
    logins = [
        json.dumps({"account": account, "as_of": at}) for account, at in (("p24", LATER), ("p03", early))
    ]

    scoring.invoke("score", scoring.deliver(*logins, queue=scoring.logins))

    assert rank_of(scoring, "p24", as_of=LATER) == rank_of(scoring, "p24") > 0.95


def test_a_score_of_the_past_is_ranked_by_no_later_night(scoring: Scoring) -> None:
    put_peers(scoring)
    work_off(scoring, plan(scoring))

    scoring.invoke("score", scoring.batch("p24", as_of="2026-03-13T12:00:00.000Z"))

    assert np.isnan(rank_of(scoring, "p24", as_of="2026-03-13T12:00:00.000Z"))


def test_few_customers_are_no_peers_and_are_scored_all_the_same(scoring: Scoring) -> None:
    scoring.heard_until("2026-03-14T23:58:00Z")
    scoring.put_account("a")

    ended = work_off(scoring, plan(scoring))

    assert ended["scored"] == 1
    assert np.isnan(rank_of(scoring, "a"))


def test_a_night_that_the_gate_stops_leaves_no_peers(scoring: Scoring) -> None:
    put_peers(scoring, heard_until="2026-03-14T20:00:00Z")  # four hours before the day's end

    stopped = judged(scoring, plan(scoring))

    assert stopped["key"] == ""
    assert PeerTables(scoring.ingest).read(AS_OF_MS) is None


def test_a_batch_that_is_scored_again_has_the_same_ranks(scoring: Scoring) -> None:
    put_peers(scoring)
    one = judged(scoring, plan(scoring))
    map_over(scoring, one)
    before = [rank_of(scoring, f"p{number:02}") for number in range(PEERS)]

    map_over(scoring, one)
    scored(scoring, one)

    assert [rank_of(scoring, f"p{number:02}") for number in range(PEERS)] == before
    assert step(scoring, "gate", one)["passed"] == one["passed"]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def made(value: float) -> Cohorts:
    x = np.full((30, len(NAMES)), value)
    x[:, NAMES.index("account_age_days")] = 10.0
    return table_of(x, NAMES)


def test_the_table_of_an_instant_is_that_of_the_last_closed_day_with_one(scoring: Scoring) -> None:
    tables = PeerTables(scoring.ingest)
    for ago, value in ((3, 3.0), (1, 1.0)):
        tables.put(AS_OF_MS - ago * DAY_MS, made(value))

    found = [tables.read(AS_OF_MS - ago * DAY_MS) for ago in (4, 3, 2, 1, 0)]

    assert found == [None, made(3.0), made(3.0), made(1.0), made(1.0)]
    assert tables.read(AS_OF_MS - DAY_MS - 1) == made(3.0), "a moment earlier that day was not over"
    assert tables.read(-(10**13)) is None, "before the calendar's first day"
    assert set(made(1.0).values) == set(RANKED.values())
    assert set(made(1.0).everyone) == set(PLACED.values())


def test_a_table_of_more_than_two_closed_days_ago_ranks_nobody(scoring: Scoring) -> None:
    tables = PeerTables(scoring.ingest)
    tables.put(AS_OF_MS, made(1.0))

    found = [tables.read(AS_OF_MS + days * DAY_MS) for days in range(5)]

    assert found == [made(1.0), made(1.0), made(1.0), None, None]


def test_a_new_table_is_known_within_a_minute_and_asked_for_once_a_minute(scoring: Scoring) -> None:
    clock = Clock()
    tables = PeerTables(scoring.ingest, monotonic=clock)
    assert tables.at(AS_OF_MS) is None
    PeerTables(scoring.ingest).put(AS_OF_MS, made(1.0))

    clock.now += 59
    before = tables.at(AS_OF_MS)
    clock.now += 1

    assert (before, tables.at(AS_OF_MS)) == (None, made(1.0))
    PeerTables(scoring.ingest).put(AS_OF_MS, made(2.0))
    assert tables.at(AS_OF_MS) == made(1.0)
    assert tables.read(AS_OF_MS) == made(2.0)


def test_few_days_are_remembered_the_longest_known_forgotten_first(scoring: Scoring) -> None:
    tables = PeerTables(scoring.ingest, monotonic=Clock())
    for ago in range(peer_tables.REMEMBERED_DAYS + 1):
        tables.at(AS_OF_MS - ago * DAY_MS)
    PeerTables(scoring.ingest).put(AS_OF_MS - 2 * DAY_MS, made(1.0))

    assert tables.at(AS_OF_MS) == made(1.0), "asked anew"
    assert tables.at(AS_OF_MS - 2 * DAY_MS) is None, "remembered"
