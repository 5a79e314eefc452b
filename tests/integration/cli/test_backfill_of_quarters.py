"""A backfill notes when there were events, as the stream does; a few accounts make no dead day whole."""

import time
from pathlib import Path

import duckdb
import pytest
from stemtide.calls import DAY_MS, day_of_index
from stemtide.event_days import EventDays, hole, quarters_of
from stemtide.store.event_days import EventDayNotes, read_event_days
from stemtide.store.records import Records
from stemtide_cli.backfill_quarters import LoadedDay, standing_for_all

from tests.integration.cli.backfills import arguments
from tests.integration.cli.conftest import Deployment

TODAY = int(time.time()) // 86_400
LIMIT = 2 * 3_600_000


def write(folder: Path, *, accounts: int, days: range) -> list[int]:
    """A log of accounts that are used every 40 minutes on so many days ago; its instants (epoch ms)."""
    folder.mkdir(parents=True, exist_ok=True)
    at = [
        (TODAY - ago) * DAY_MS + minute * 60_000 + account
        for ago in days
        for minute in range(0, 1440, 40)
        for account in range(accounts)
    ]
    duckdb.execute(
        f"""COPY (SELECT make_timestamp(ms * 1000) AS timestamp, 'org-' || (ms % 60000) AS account_id,
                         'user-1' AS user_id, 'event_1' AS event, 1.0 AS value
                  FROM (SELECT unnest({at}) AS ms)) TO '{folder / "events.parquet"}' (FORMAT parquet)"""
    )
    return at


def noted(deployment: Deployment) -> EventDays:
    return read_event_days(deployment.cloud.ingest, TODAY * DAY_MS)


def live(deployment: Deployment, *ago: int) -> None:
    """Days on which the stream told of events around the clock."""
    notes = EventDayNotes(deployment.cloud.ingest, monotonic=lambda: 0.0)
    notes.note((TODAY - one) * 96 + number for one in ago for number in range(96))


def test_a_backfill_notes_the_quarters_of_what_it_loads(deployment: Deployment, tmp_path: Path) -> None:
    at = write(tmp_path / "log", accounts=3, days=range(1, 20))

    deployment.run(*arguments(tmp_path / "log"))

    assert set(noted(deployment).quarters) == quarters_of(at)
    before = deployment.cloud.ingest.scan()["Items"]
    deployment.run(*arguments(tmp_path / "log"))
    assert len(deployment.cloud.ingest.scan()["Items"]) == len(before)


def test_a_dry_run_notes_nothing_and_what_comes_after_the_cutover_is_the_streams(
    deployment: Deployment, tmp_path: Path
) -> None:
    at = write(tmp_path / "log", accounts=3, days=range(1, 9))

    deployment.run(*arguments(tmp_path / "log", "--dry-run"))
    before = noted(deployment).quarters
    deployment.run(*arguments(tmp_path / "log", "--until", day_of_index(TODAY - 4)))

    assert before == ()
    assert set(noted(deployment).quarters) == quarters_of(one for one in at if one < (TODAY - 3) * DAY_MS)


@pytest.mark.parametrize(("accounts", "whole"), [(1, False), (10, True)])
def test_a_dead_day_is_whole_when_all_were_loaded_and_not_when_one_of_ten_was(
    deployment: Deployment, tmp_path: Path, accounts: int, whole: bool
) -> None:
    """Ten customers in use until two days ago; yesterday nobody told of them."""
    live(deployment, *range(2, 40))
    records = Records(deployment.cloud.accounts)
    for number in range(10):
        records.touch(f"org-{number}", day_of_index(TODAY - 2))
    write(tmp_path / "log", accounts=accounts, days=range(1, 9))

    deployment.run(*arguments(tmp_path / "log"))

    assert (hole(noted(deployment), TODAY - 1, limit_ms=LIMIT) is None) == whole


def test_who_is_in_use_elsewhere_in_time_says_nothing_of_a_day() -> None:
    day = LoadedDay(day=1000, quarters=frozenset({1}), accounts=2)

    def stands(*last: int) -> bool:
        return standing_for_all([day], [None, *(day_of_index(one) for one in last)]) == [day]

    assert stands()
    assert stands(*[1000] * 8)
    assert not stands(*[1000] * 9)
    assert not stands(*[972] * 9)
    assert stands(*[971] * 9, *[1029] * 9)
    assert stands(*range(980, 1020))
