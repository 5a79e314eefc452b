"""Rows of every account of a stack, read account by account, many at a time."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import click
from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.store.account_list import list_accounts
from stemtide.store.pace import Threads

from stemtide_cli.errors import CliError
from stemtide_cli.instants import now_ms
from stemtide_cli.model_options import DAY, day_number

T = TypeVar("T")

AT_A_TIME = 256
DAYS = 30
"""Up to the last day, where nobody says from when."""
FROM = click.option(
    "--from", "first", type=DAY, metavar="DAY", help=f"First UTC day; {DAYS} days by default."
)
TO = click.option("--to", "last", type=DAY, metavar="DAY", help="Last UTC day, included; today by default.")


def instants(first: datetime | None, last: datetime | None) -> tuple[int, int]:
    """The first and the last millisecond of the days asked for.

    Raises:
        CliError: they are the wrong way round.
    """
    end = day_number(last)
    end = now_ms() // DAY_MS if end is None else end
    begin = day_number(first)
    begin = end - DAYS + 1 if begin is None else begin
    if begin > end:
        raise CliError("--from lies after --to", hint="swap them")
    return begin * DAY_MS, end_of_day_ms(end)


def each_account(table: Any, read: Callable[[str], T], say: Callable[[str], None]) -> Iterator[T]:
    """What `read` finds of each account that has a record.

    Args:
        table: boto3 Table resource of the accounts table.
        say: is told how far it is.
    """
    threads, done = Threads(), 0
    accounts = iter(sorted(account for account, _ in list_accounts(table)))
    while some := list(islice(accounts, AT_A_TIME)):
        yield from threads(read, some)
        done += len(some)
        say(f"read {done:,} accounts")
