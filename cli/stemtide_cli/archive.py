"""`stemtide archive`: usage rebuilt from what came in."""

from datetime import datetime
from typing import Any

import click
from rich.console import Console
from stemtide.canonical import hash_of
from stemtide.store.canonical_items import read_projections

from stemtide_cli.command import Session, command
from stemtide_cli.recompute import ACCOUNT, FIRST, LAST, run_recompute, show
from stemtide_cli.stack import Stack


@click.group()
def archive() -> None:
    """What came in, as it came, by day of arrival."""


@FIRST
@LAST
@ACCOUNT
@click.option("--hash-only", is_flag=True, help="Replay nothing: only hash the usage that the table holds.")
def replay(
    session: Session,
    first: datetime | None,
    last: datetime | None,
    account: str | None,
    hash_only: bool,
) -> bool:
    """Rebuild usage from the whole archive, or from what arrived --from to --to.

    Days that the table lacks are made, others set right as by `stemtide recompute`. Into an empty table the
    whole archive gives the same usage; the hash, of every day's counts, users and times, shows it.
    Exit code 1: items stay as they are, or it failed.
    """
    given = {
        "from": first.date().isoformat() if first else None,
        "to": last.date().isoformat() if last else None,
        "account": account,
        "quiet": True,  # old days are nobody's first use of a day
    }
    if first and last and last < first:
        raise click.UsageError("--to is before --from")
    result: dict[str, Any] = {"state": "succeeded"}
    if not hash_only:
        with session.out.progress() as progress:
            result = run_recompute(session.stack, given, progress)
    result |= usage_hash(session.stack, account)
    session.out.result(result, lambda console: _show(console, result))
    return bool(result["state"] == "succeeded")


def usage_hash(stack: Stack, account: str | None = None) -> dict[str, Any]:
    """The hash of the usage table (of one account): account-days with usage, their calls, the hash."""
    found = hash_of(read_projections(stack.table("usage"), account=account))
    return {"items": found.items, "calls": found.calls, "hash": found.hash}


def _show(console: Console, result: dict[str, Any]) -> None:
    if "run" in result:
        show(console, result)
    console.print(
        f"usage: {result['items']:,} account-days, {result['calls']:,} calls, hash {result['hash']}"
    )


command(archive, "replay")(replay)
