"""The keys of the history's objects: what they tell about the rows inside."""

from typing import Final

from stemtide.calls import day_of_index
from stemtide.recompute import Task

PREFIX: Final = "history/rows/"
"""In the archive bucket."""
BACKFILL: Final = "backfill-"
"""Begins the folder of a backfill's rows; the others are the arrival days (UTC) of recomputes."""


def key_of(folder: str, name: str, digest: str) -> str:
    """The key of an object with this content."""
    return f"{PREFIX}{folder}/{name}-{digest}.parquet"


def may_hold(key: str, *, first_day: int, account: str | None) -> bool:
    """Whether an object may have rows of a day from `first_day` on, and of the account (None: of any).

    A call comes at most minutes before its time, so what arrived on a day is of the day after at the latest.
    A backfill's part may have anything.
    """
    folder, name = key.removeprefix(PREFIX).split("/")
    if folder.startswith(BACKFILL):
        return True
    if folder < day_of_index(max(0, first_day - 1)):
        return False
    bucket, _, of, _ = name.split("-")
    return account is None or Task(first=0, last=0, bucket=int(bucket), of=int(of)).wants(account)
