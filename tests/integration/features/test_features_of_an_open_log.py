"""Histories of a log out of core, and their features, against SQL over the log itself."""

from pathlib import Path

import duckdb
import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.config import load_config
from stemtide.features.history import AccountHistory
from stemtide.features.registry import NAMES
from stemtide.profile import Profile, Standing
from stemtide_cli.log import open_log
from stemtide_cli.mapping import find_mapping, load_mapping

from models.histories import feature_matrix, read_histories
from tests.features_oracle import oracle, same
from tests.open_logs import open_log_folder

ROOT = Path(__file__).parents[3]
CONFIG = load_config(ROOT / "stemtide.toml")
FIRST_DAY = 18_993
"""1 January 2022 in days since 1970."""
SLICE_DAYS = 120
PROFILE = Profile(seats=10, limits={"seats": 12, "api_calls": 100})


def histories_of(name: str, tmp_path: Path, *, until_ms: int | None = None) -> dict[str, AccountHistory]:
    path = find_mapping(name)
    events = load_mapping(path).events
    log = open_log(events, folder=open_log_folder(name), mapping_path=path, spill=tmp_path)
    return read_histories(log, CONFIG, until_ms=until_ms)


def globs(patterns: tuple[str, ...]) -> str:
    return " OR ".join(f"lower(event) GLOB '{pattern.lower()}'" for pattern in patterns)


def test_a_slice_of_crm_gives_what_sql_gives(tmp_path: Path) -> None:
    last = FIRST_DAY + SLICE_DAYS
    histories = histories_of("crm", tmp_path, until_ms=end_of_day_ms(last))
    pairs = [(account, day) for account in sorted(histories)[::4] for day in range(last - 80, last + 1, 16)]
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE e AS SELECT account_id AS account,"
            " date_diff('day', DATE '1970-01-01', CAST(timestamp AS DATE)) AS day, user_id AS usr, event,"
            " count(*) AS n"
            f" FROM '{open_log_folder('crm') / 'events.parquet'}' GROUP BY ALL"
        )
        connection.execute(
            "CREATE TABLE q AS SELECT unnest(?) AS account, unnest(?) AS day",
            [[a for a, _ in pairs], [d for _, d in pairs]],
        )
        expected = oracle(
            connection,
            core=f"({globs(CONFIG.events.core_actions)})",
            api=f"({globs(CONFIG.events.api_calls)})",
            login=f"({globs(CONFIG.events.logins)})",
            comment=f"({globs(CONFIG.events.comments)})",
            feature=f"NOT ({globs(CONFIG.events.logins)})",
        )

    asked = [(account, end_of_day_ms(day)) for account, day in pairs]
    found = feature_matrix(histories, lambda *_: Standing(profile=PROFILE), asked)

    assert len(pairs) > 200
    apart = [
        (pair, name, row[NAMES.index(name)], value)
        for pair, row in zip(pairs, found.tolist(), strict=True)
        for name, value in expected[pair].items()
        if not same(name, row[NAMES.index(name)], value)
    ]
    assert apart == []


@pytest.mark.parametrize("name", ["oulad", "nova", "social"])
def test_every_countable_event_of_a_log_is_in_a_history(name: str, tmp_path: Path) -> None:
    path = find_mapping(name)
    events = load_mapping(path).events
    log = open_log(events, folder=open_log_folder(name), mapping_path=path, spill=tmp_path)
    with duckdb.connect() as connection:
        counted = connection.execute(
            "SELECT account, CAST(sum(coalesce(weight, 1)) AS BIGINT), count(DISTINCT instant // 86400000000)"
            f" FROM ({log.query}) WHERE skip IS NULL AND instant IS NOT NULL GROUP BY account"
        ).fetchall()

    histories = read_histories(log, CONFIG)

    ours = {name: (int(h.counters[:, 0].sum()), len(h.days)) for name, h in histories.items()}
    assert ours == {account: (events_of, days) for account, events_of, days in counted}
