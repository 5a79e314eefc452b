"""The vector read from the tables equals the one from the log, bit for bit."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from stemtide.as_of import end_of_day_ms, instant_ms, last_closed_day
from stemtide.config import bundled_config
from stemtide.facts import Fact, standing_at
from stemtide.features.history import AccountHistory
from stemtide.features.profile_columns import Basis
from stemtide.store.records import Records
from stemtide.store.usage_blocks import UsageBlocks
from stemtide.store.usage_reader import UsageReader
from stemtide.store.vectors import read_vector
from stemtide_cli.log import open_log
from stemtide_cli.mapping import Events

from models.histories import feature_matrix, read_histories
from tests.stream_cloud import Cloud, started
from tests.streams import ARRIVAL, call, event, record

MAPPING = Events(
    file="events.csv",
    timestamp="at",
    account="account",
    user="user",
    event="event",
    weight="n",
    properties=[],
)
FACTS = (
    Fact(
        id="a" * 12, known_ms=0, at_ms=0, kind="traits", data={"plan": "business", "created_at": "2025-01-02"}
    ),
    Fact(
        id="b" * 12,
        known_ms=0,
        at_ms=0,
        kind="started",
        data={"plan": "business", "mrr": 19900, "term_start": "2025-10-01", "term_months": 6},
    ),
)
TYPES = (
    *("Report Created", "API Call", "login", "page", "Board Viewed", "Support Ticket Created"),
    "comment_added",
)
Row = tuple[datetime, str, str, str, int]
"""(at, account, user, event type, weight)"""


@dataclass(frozen=True, eq=False)
class Both:
    """The same events in the tables and in a log folder."""

    cloud: Cloud
    folder: Path

    def fill(self, rows: list[Row]) -> None:
        rows.sort(key=lambda row: row[0])
        with (self.folder / "events.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["at", "account", "user", "event", "n"])
            writer.writerows([at.isoformat(), *rest] for at, *rest in rows)
        records = [_record(place, *row) for place, row in enumerate(rows)]
        for start in range(0, len(records), 500):
            answer = self.cloud.deliver(event(*records[start : start + 500]))
            assert answer == {"batchItemFailures": []}

    def online(self, account: str, as_of_ms: int) -> bytes:
        records = Records(self.cloud.accounts)
        vector = read_vector(self.reader(), records, account, as_of_ms, Basis.of(bundled_config()))
        return vector.values.tobytes()

    def reader(self) -> UsageReader:
        blocks = UsageBlocks(self.cloud.accounts)
        return UsageReader.of_table(self.cloud.usage, blocks=blocks, events=bundled_config().events)

    @cache  # noqa: B019 - as long as one test
    def histories(self) -> dict[str, AccountHistory]:
        spill = self.folder / "spill"
        log = open_log(MAPPING, folder=self.folder, mapping_path=self.folder / "m.toml", spill=spill)
        return read_histories(log, bundled_config())

    def offline(self, account: str, as_of_ms: int) -> bytes:
        facts = Records(self.cloud.accounts).facts(account)
        values = feature_matrix(
            self.histories(),
            lambda _, at_ms: standing_at(facts, at_ms),
            [(account, as_of_ms)],
            basis=Basis.of(bundled_config()),
        )
        return values.tobytes()


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Both]:
    with started(monkeypatch) as cloud:
        yield Both(cloud, tmp_path)


def _record(place: int, at: datetime, account: str, user: str, name: str, weight: int) -> dict[str, Any]:
    content = call(
        f"m-{place}",
        timestamp=at.isoformat().replace("+00:00", "Z"),
        event=name,
        userId=user,
        context={"groupId": account},
        properties={"count": weight, "ticket_id": f"t-{place}"},
    )
    return record(content, at=place, key=account)


def some_rows(seed: int, *, accounts: int = 3, days: int = 170) -> list[Row]:
    rng = random.Random(seed)
    return [
        (
            ARRIVAL - timedelta(days=rng.randrange(days), seconds=rng.randrange(1, 80_000)),
            f"a{rng.randrange(accounts)}",
            f"u{rng.randrange(12)}",
            rng.choice(TYPES),
            rng.randrange(1, 9),
        )
        for _ in range(600)
    ]


def test_a_closed_day_has_one_vector_online_and_offline(both: Both) -> None:
    both.fill(some_rows(7))
    Records(both.cloud.accounts).put_facts("a1", FACTS)

    for ago in (0, 1, 17, 45, 100, 119, 130):
        as_of_ms = instant_ms(ARRIVAL - timedelta(days=ago))
        end_ms = end_of_day_ms(last_closed_day(as_of_ms))
        for account in ("a0", "a1", "a2", "nobody"):
            online = both.online(account, as_of_ms)
            assert online == both.offline(account, as_of_ms)
            assert online == both.online(account, end_ms)


def test_days_with_more_users_than_an_item_holds_are_counted_the_same(both: Both) -> None:
    """40 users move to an item of their own, 1,100 become an estimate, over the window as well."""
    start = datetime(2026, 3, 8, 9, tzinfo=UTC)
    rows = [
        (start + timedelta(days=day, seconds=number), "busy", f"u{day * 300 + number}", "Board Viewed", 1)
        for day, users in enumerate((40, 1100, 5))
        for number in range(users)
    ]
    both.fill(rows)
    as_of_ms = instant_ms(datetime(2026, 3, 12, tzinfo=UTC))

    assert both.online("busy", as_of_ms) == both.offline("busy", as_of_ms)


def test_event_types_beyond_the_cap_are_the_same_ones(both: Both) -> None:
    cap = bundled_config().ingest.max_event_types
    start = datetime(2026, 3, 8, 9, tzinfo=UTC)
    names = [f"Type {number * 7919 % 1000}" for number in range(cap + 9)] * 2
    rows = [
        (start + timedelta(seconds=number // 3), "broad", "ann", name, 1) for number, name in enumerate(names)
    ]
    both.fill(rows)
    as_of_ms = instant_ms(datetime(2026, 3, 9, tzinfo=UTC))

    assert both.online("broad", as_of_ms) == both.offline("broad", as_of_ms)
