"""Histories of all accounts of a log, out of core, and their features by the kernel that serves.

A history equals the one that the usage table gives after a replay of the log: the same days, counts and
users' hashes, and event types beyond a day's cap in `other`, in the order in which they came.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from stemtide.as_of import end_of_day_ms, last_closed_day
from stemtide.config_schema import Config
from stemtide.features.history import AccountHistory, Counts, Meanings, assemble
from stemtide.features.kernel import Row, compute, no_history
from stemtide.features.occurrences import Ints, Occurrences, Presence
from stemtide.features.profile_columns import NO_BASIS, Basis
from stemtide.features.view import Floats
from stemtide.profile import Standing
from stemtide.users import EXACT_USERS, NOBODY, count, union, unpack
from stemtide_cli.log import Log, connect, readable

from models.log_days import Days, Presences, Tables, load_tables

ACCOUNTS_AT_A_TIME: Final = 1024
"""Bounds memory: their days, event types and users are arrays while the histories are made."""


def read_histories(log: Log, config: Config, *, until_ms: int | None = None) -> dict[str, AccountHistory]:
    """The history of every account with countable events, by account.

    Args:
        log: an opened log of events.
        config: what the events mean.
        until_ms: events after this instant (epoch ms) are left out.

    Raises:
        CliError: the log cannot be read.
    """
    with readable(log.path), connect(log.spill) as connection:
        tables = load_tables(connection, log, config=config, until_ms=until_ms)
        meanings = Meanings.of(tables.events, config.events)
        return {
            history.account: history
            for first in range(0, len(tables.accounts), ACCOUNTS_AT_A_TIME)
            for history in _histories(tables, meanings, first, first + ACCOUNTS_AT_A_TIME)
        }


def feature_matrix(
    histories: Mapping[str, AccountHistory],
    standing_at: Callable[[str, int], Standing],
    pairs: Sequence[tuple[str, int]],
    *,
    basis: Basis = NO_BASIS,
) -> Floats:
    """Feature values [pairs, features] of (account, as_of in epoch ms).

    Args:
        histories: by account; one that is missing has no usage.
        standing_at: what facts say of an account as of an instant, of what was known by then.
        pairs: what is asked for; each is answered as of the end of its last closed day.
        basis: what the configuration adds.
    """
    nothing = no_history(basis.shape)
    rows = []
    for account, as_of_ms in pairs:
        day = last_closed_day(as_of_ms)
        standing = standing_at(account, end_of_day_ms(day))
        rows.append(Row(histories.get(account, nothing), standing, day))
    return compute(rows, basis=basis)


def _histories(tables: Tables, meanings: Meanings, first: int, end: int) -> Iterator[AccountHistory]:
    """The histories of the accounts with these codes."""
    days, presences = tables.days(first, end), tables.presences(first, end)
    for code in range(first, min(end, len(tables.accounts))):
        yield _history(tables.accounts[code], days.of(code), presences.of(code), meanings)


def _history(account: str, days: Days, presences: Presences, meanings: Meanings) -> AccountHistory:
    numbers, place = np.unique(days.day, return_inverse=True)
    counts = Counts(days=numbers, place=place, event=days.event, count=days.count)
    distinct, everybody = _presence(presences)
    _, commenters = _presence(presences.of_comments())
    return assemble(account, counts, distinct, everybody, commenters, meanings, first_day=int(numbers[0]))


def _presence(presences: Presences) -> tuple[Ints, Presence]:
    """The distinct users of each day on which there were any, and who they were."""
    numbers, starts, sizes = np.unique(presences.day, return_index=True, return_counts=True)
    if sizes.max(initial=0) <= EXACT_USERS:
        return sizes, Presence(occurrences=Occurrences(presences.day, presences.user))
    present = np.split(presences.user, starts[1:])
    crowded = {
        int(day): union(NOBODY, unpack(users.astype(">u8").tobytes()))
        for day, users in zip(numbers, present, strict=True)
    }
    few = np.repeat(sizes <= EXACT_USERS, sizes)
    return (
        np.array([count(users) for users in crowded.values()], dtype=np.int64),
        Presence(occurrences=Occurrences(presences.day[few], presences.user[few]), crowded=crowded),
    )
