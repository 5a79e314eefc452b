"""What `stemtide catalog` reads of a stack: the usage table as a whole, and the archive for users."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

from stemtide.as_of import last_closed_day
from stemtide.calls import Bounds, day_number
from stemtide.catalog import UsageTally
from stemtide.config_schema import Config
from stemtide.event_users import EventUsers
from stemtide.recount import ArchivedCall, calls_of
from stemtide.store.account_list import list_accounts
from stemtide.store.archive_objects import ArchiveDays
from stemtide.store.pace import Threads
from stemtide.store.table_scan import SEGMENTS
from stemtide.store.usage_scan import scan_usage

from stemtide_cli.ahead import one_ahead
from stemtide_cli.stack import Stack

READ_AT_ONCE: Final = 2_000
"""Archived records of a lane that are read at a time: at most some MB of calls."""
BAR: Final = 24
"""Width of the progress bar, in characters."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Event days (since 1970-01-01) that are looked at, None: open; `closed` is the day at whose end
    activity is looked at."""

    first: int | None
    last: int | None
    closed: int


def range_of(stack: Stack, first: int | None, last: int | None, *, now_ms: int) -> Range:
    """The range with its last closed day: that of `last` or, without one, of the latest known usage.

    So a log of the past shows who was active when it ended, not that all have been silent since.
    """
    closed = last_closed_day(now_ms)
    if last is not None:
        return Range(first=first, last=last, closed=min(last, closed))
    latest = max((day for _, day in list_accounts(stack.table("accounts")) if day), default=None)
    known = closed if latest is None else min(closed, day_number(latest))
    return Range(first=first, last=last, closed=known)


def read_usage(stack: Stack, within: Range, progress: Progress) -> UsageTally:
    """All of the usage table, added up."""
    tally = UsageTally(first=within.first, last=within.last, closed=within.closed)
    segments = 1 if stack.is_local else SEGMENTS  # the local cloud knows none
    pages = scan_usage(
        stack.client("dynamodb"), stack.tables["usage"], side_by_side=Threads(), segments=segments
    )
    for page in one_ahead(pages):
        for item in page:
            tally.add(*item)
        progress(f"usage: {tally.items:,} items")
    return tally


def read_users(stack: Stack, within: Range, config: Config, progress: Progress) -> EventUsers:
    """The users of each event type, from all that has arrived since the range's first day."""
    client = stack.client("s3")
    archive = ArchiveDays(client=client, bucket=stack.buckets["archive"], side_by_side=Threads())
    found = EventUsers(first=within.first, last=within.last)
    days = [day for day in archive.days() if within.first is None or _may_hold(day, within.first)]
    bounds = Bounds(max_lateness=timedelta(days=config.ingest.max_lateness_days))
    calls = 0
    for number, day in enumerate(days):
        for part in one_ahead(_parts(archive, day, bounds)):
            found.add(part)
            calls += len(part)
            progress(f"archive {bar(number, len(days))} {day}, {calls:,} calls")
    return found


def bar(done: int, total: int) -> str:
    """How much of a whole is done, drawn and in numbers."""
    filled = BAR * done // max(1, total)
    return f"{'█' * filled}{'░' * (BAR - filled)} {done:,}/{total:,}"


def _may_hold(arrival_day: str, first: int) -> bool:
    """Whether events of `first` or later may have arrived on a day: a clock may be ahead over midnight."""
    return day_number(arrival_day) >= first - 1


def _parts(archive: ArchiveDays, day: str, bounds: Bounds) -> Iterator[list[ArchivedCall]]:
    """The accepted calls of an arrival day, some at a time."""
    for lane, run in groupby(archive.records(day), key=itemgetter(0)):
        while part := [record for _, record in islice(run, READ_AT_ONCE)]:
            yield [call for calls in calls_of(lane, part, bounds=bounds).values() for call in calls]
