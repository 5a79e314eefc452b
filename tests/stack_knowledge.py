"""What a deployed stack knows, made by hand: of a log's rows, or of rows and facts of a test."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

from stemtide import users
from stemtide.as_of import day_index
from stemtide.calls import DAY_MS
from stemtide.config_schema import Config
from stemtide.facts import Fact
from stemtide.history_rows import DayRow
from stemtide.store.history import Wanted, merged
from stemtide.store.history_objects import HistoryObjects
from stemtide.users import NOBODY

from models.stack_material import Known
from tests.histories import MANY_DAYS, MemoryBucket, history_in


class Event(NamedTuple):
    """One call of a log; `at` an instant in UTC as logs write it."""

    org: str
    who: str
    what: str
    at: str


def events_of(path: Path) -> Iterator[Event]:
    """The events of a CSV file with these columns and others."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield Event(row["org"], row["who"], row["what"], row["at"])


def rows_of(events: Iterable[Event], config: Config) -> list[DayRow]:
    """A row per account and day, counted in plain Python."""
    counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    present: dict[tuple[str, int], set[str]] = defaultdict(set)
    commented: dict[tuple[str, int], set[str]] = defaultdict(set)
    is_comment = config.events.commenting()
    for event in events:
        key = event.org, day_index(date.fromisoformat(event.at[:10]))
        counts[key][event.what] += 1
        present[key].add(event.who)
        if is_comment(event.what):
            commented[key].add(event.who)
    return [
        row(org, day, dict(found), who=present[org, day], commented=commented[org, day])
        for (org, day), found in sorted(counts.items())
    ]


def row(
    account: str,
    day: int,
    by_event: dict[str, int],
    *,
    who: Iterable[str] = ("u",),
    commented: Iterable[str] = (),
    version: int = 1,
) -> DayRow:
    """An account-day with events by type."""
    events, commenters = sum(by_event.values()), _users(commented)
    return DayRow(
        account=account,
        day=day,
        version=version,
        calls=events,
        events=events,
        by_event=by_event,
        users=_users(who),
        commenters=commenters if commented else b"",
        first_ms=day * DAY_MS,
        last_ms=day * DAY_MS,
    )


@contextmanager
def known_of(rows: Iterable[DayRow], facts: Mapping[str, list[Fact]], config: Config) -> Iterator[Known]:
    """The rows in a history, each after an older version of itself, and the facts."""
    bucket = MemoryBucket()
    objects = HistoryObjects(client=bucket, bucket="archive")
    newest = list(rows)
    older = [one._replace(version=one.version - 1, by_event={"Gone": 7}, events=7) for one in newest]
    for folder, listed in (("backfill-1", older), ("backfill-2", newest)):
        if listed:
            objects.put(folder, "0", listed)
    with merged(history_in(bucket), Wanted(first=0, last=MANY_DAYS)) as connection:
        yield Known(connection=connection, facts=facts, config=config)


def _users(names: Iterable[str]) -> bytes:
    return users.encode(users.union(NOBODY, map(users.user_hash, sorted(names))))
