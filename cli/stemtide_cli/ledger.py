"""`stemtide ledger`: what dunning and plays did, and whether their ledgers tell everything."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import click
import msgspec
from rich.console import Console
from stemtide.as_of import as_of_text, day_index, end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.store.episode_audit import gaps
from stemtide.store.episode_ledger import LedgerRow
from stemtide.store.episode_rows import AllEpisodes
from stemtide.store.pace import Threads

from stemtide_cli.account_rows import DAYS, FROM, TO
from stemtide_cli.command import Session
from stemtide_cli.episodes import table_of
from stemtide_cli.ledger_tables import entries_table
from stemtide_cli.model_clock import days_asked
from stemtide_cli.output import escape

LOOKS = 2
"""Of an episode whose ledger seems to have a gap: a step may be writing it."""


@FROM
@TO
@click.option("--account", help="Only this account's.")
def ledger(session: Session, first: datetime | None, last: datetime | None, account: str | None) -> bool:
    """List every charge, mail, offer and skip of these days, and check that no episode's ledger has a gap.

    All episodes are checked, with --account those of the account: exit code 1 if one is not whole.
    """
    from stemtide.http.episode_bodies import ledger_entry

    begin, end = days_asked(session, first, last, by_default=DAYS)
    table = table_of(session)
    own = [one.id for one in table.of_account(account)] if account else None
    rows = list(_of_all(table, begin, end) if own is None else _of_some(table, own, begin, end))
    ids = set(table.ids() if own is None else own) | {row.episode for row in rows}
    found = {
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "entries": [msgspec.to_builtins(ledger_entry(*row)) for row in rows],
        "episodes_checked": len(ids),
        "gaps": [one for one in Threads()(lambda each: _checked(table, each), sorted(ids)) if one["gaps"]],
    }
    session.out.result(found, lambda console: _show(console, found))
    return not found["gaps"]


def _of_all(table: AllEpisodes, begin: date, end: date) -> Iterator[LedgerRow]:
    for day in range(day_index(begin), day_index(end) + 1):
        yield from (LedgerRow(*row) for row in table.ledger_of(as_of_text(day * DAY_MS)[:10]))


def _of_some(table: AllEpisodes, ids: Iterable[str], begin: date, end: date) -> list[LedgerRow]:
    first_ms, last_ms = day_index(begin) * DAY_MS, end_of_day_ms(day_index(end))
    read = ((one, table.read(one)) for one in ids)
    rows = [
        LedgerRow(found[0].account, one, entry)
        for one, found in read
        if found is not None
        for entry in found[1]
        if first_ms <= entry.at_ms <= last_ms
    ]
    return sorted(rows, key=lambda row: (row.entry.at_ms, row.episode, row.entry.seq))


def _checked(table: AllEpisodes, episode_id: str) -> dict[str, Any]:
    """What an episode's ledger lacks."""
    account, lacks = None, ("entries without an episode",)
    for _ in range(LOOKS):
        found = table.read(episode_id)
        if found is None:
            continue
        account, lacks = found[0].account, gaps(*found)
        if not lacks:
            break
    return {"episode": episode_id, "account": account, "gaps": list(lacks)}


def _show(console: Console, found: dict[str, Any]) -> None:
    if found["entries"]:
        console.print(entries_table(found["entries"]))
    else:
        console.print(f"nothing was entered from {found['from']} to {found['to']}")
    for one in found["gaps"]:
        who = f"episode {one['episode']} of {escape(one['account'] or 'nobody')}"
        console.print(f"[bold red]not whole[/]: {who}: {escape('; '.join(one['gaps']))}")
    if not found["gaps"]:
        console.print(f"{found['episodes_checked']:,} episodes checked: every ledger is whole")
