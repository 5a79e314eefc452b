"""`stemtide episodes`: what dunning and plays do about whom, and what they did."""

from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from stemtide.store.episode_rows import AllEpisodes

from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.ledger_tables import entries_table, row_money
from stemtide_cli.output import escape


@click.argument("account", required=False)
@click.option("--id", "episode_id", metavar="EPISODE", help="One episode with everything it did.")
def episodes(session: Session, account: str | None, episode_id: str | None) -> None:
    """Show the runs of dunning and plays that go on, those of ACCOUNT (newest first), or one with its ledger.

    A play in which nothing is done any more is listed until its outcome is known.
    """
    if account and episode_id:
        raise click.UsageError("give ACCOUNT or --id")
    table = table_of(session)
    if episode_id:
        one = read_episode(table, episode_id)
        session.out.result(one, lambda console: _show_one(console, one))
        return
    from stemtide.http.episode_bodies import summary

    found = table.of_account(account) if account else list(table.running())
    rows = [msgspec.to_builtins(summary(one)) for one in found]
    session.out.result({"episodes": rows}, lambda console: _show(console, rows, account))


def table_of(session: Session) -> AllEpisodes:
    """The runs of every journey, see `kept_in`."""
    return AllEpisodes(kept_in(session))


def kept_in(session: Session) -> Any:
    """The episodes table of the stack (boto3 Table resource).

    Raises:
        CliError: the stack has none.
    """
    if "episodes" not in session.stack.tables:
        raise CliError("the stack has no episodes table", hint="deploy it again: `make up` or `make deploy`")
    return session.stack.table("episodes")


def read_episode(table: AllEpisodes, episode_id: str) -> dict[str, Any]:
    """An episode as `GET /v1/episodes/{id}` shows it.

    Raises:
        CliError: there is none of this id.
    """
    from stemtide.http.episode_bodies import whole_episode

    found = table.read(episode_id)
    if found is None:
        raise CliError(f"there is no episode {episode_id!r}", hint="`stemtide episodes ACCOUNT` lists them")
    body: dict[str, Any] = msgspec.to_builtins(whole_episode(*found))
    return body


def _show(console: Console, rows: list[dict[str, Any]], account: str | None) -> None:
    if not rows:
        console.print(f"no episode of {escape(account)}" if account else "no episode is running")
        return
    table = Table("id", "journey", "account", "customer", "opened", "state", "outcome", "next", "at")
    for row in rows:
        table.add_row(
            row["id"],
            row["journey"],
            escape(row["account"]),
            escape(row["customer"] or ""),
            row["opened"],
            _state(row),
            row["outcome"] or "",
            escape(row["next_action"] or ""),
            row["next_at"] or "",
        )
    console.print(table)


def _show_one(console: Console, one: dict[str, Any]) -> None:
    whose = ", ".join(filter(None, (one["account"], one["customer"])))
    console.print(f"[bold]{one['id']}[/] ({one['journey']}) of {escape(whose)}: {_state(one)}")
    if one["outcome"]:
        told = f"{one['outcome']} ({one['outcome_reason']}) at {one['outcome_at']}"
        console.print(f"outcome: {escape(told)}, cost {row_money(one, 'cost') or 'none'}")
    console.print(_about(one))
    if one["next_action"]:
        console.print(f"next: {escape(one['next_action'])} at {one['next_at']}")
    for attempt in one["attempts"]:
        why = attempt["code"] or attempt["reason"]
        told = f" ({escape(why)})" if why else ""
        console.print(f"{attempt['at']} charge of {row_money(attempt)}: {attempt['outcome']}{told}")
    for offer in one["offers"]:
        console.print(f"{offer['at']} offer {_offered(offer)}")
    console.print(entries_table(one["ledger"]))
    for gap in one["gaps"]:
        console.print(f"[bold red]gap[/]: {escape(gap)}")


def _about(one: dict[str, Any]) -> str:
    """What opened it, and by which policy."""
    if one["failed"] is not None:
        return (
            f"invoice {escape(one['invoice'])}, failed {one['failed']}, opened {one['opened']}\n"
            f"policy {escape(one['policy'])}, collection owner {one['owner']}"
        )
    why = f"cause {one['cause']}" if one["cause"] else f"tier {one['tier']}"
    lot = ", held out: gets nothing" if one["held_out"] else ""
    return f"{why} since {one['started']}, opened {one['opened']}\npolicy {escape(one['policy'])}{lot}"


def _offered(offer: dict[str, Any]) -> str:
    terms = ""
    if offer["percent"] is not None:
        terms = f" of {offer['percent']} % for {offer['months']} months, at most {row_money(offer, 'cost')}"
    code = f", code {escape(offer['code'])} until {offer['expires']}" if offer["code"] else ""
    why = f" ({escape(offer['reason'])})" if offer["reason"] else ""
    return f"{offer['state']}{terms}{code}{why}"


def _state(row: dict[str, Any]) -> str:
    if row["state"] == "running":
        return "running"
    return escape(f"{row['ending']} ({row['ending_reason']})")
