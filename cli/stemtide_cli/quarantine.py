"""`stemtide quarantine`: what was set aside, why, and putting it back."""

from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from stemtide.calls import Reason
from stemtide.store.quarantine import list_quarantined

from stemtide_cli import api, releasing
from stemtide_cli.command import Session, command
from stemtide_cli.errors import CliError
from stemtide_cli.output import escape
from stemtide_cli.sender import writer_to


@click.group()
def quarantine() -> None:
    """Calls that could not be counted, each with its reason."""


@click.option(
    "--day", type=click.DateTime(formats=["%Y-%m-%d"]), metavar="DAY", help="Only this UTC day of arrival."
)
@click.option("--reason", type=click.Choice([str(reason) for reason in Reason]), help="Only this reason.")
@click.option("--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="Rows to show.")
@click.option("--cursor", help="Where the page before ended.")
def list_(session: Session, day: Any, reason: str | None, limit: int, cursor: str | None) -> None:
    """List the quarantined calls, newest day of arrival first."""
    on = day.date().isoformat() if day else None
    if "admin" in session.stack.api_tokens:
        query = {"day": on, "reason": reason, "limit": limit, "cursor": cursor}
        page = api.get(session.stack, "/v1/ingest/quarantine", role="admin", query=query)
    else:
        table = session.stack.table("ingest")
        try:
            found = list_quarantined(table, day=on, reason=reason, limit=limit, cursor=cursor)
        except ValueError as error:
            raise CliError(str(error), hint="--cursor takes what the page before ended with") from error
        page = {"quarantined": [asdict(row) for row in found.rows], "cursor": found.cursor}
    session.out.result(page, lambda console: _show_list(console, page))


@click.argument("row_id", metavar="ID")
def show(session: Session, row_id: str) -> None:
    """Show one quarantined call with its whole payload."""
    row, payload = releasing.find(session.stack, row_id)
    data = asdict(row) | {"payload": payload.decode(errors="backslashreplace")}
    session.out.result(data, lambda console: _show_one(console, data))


@click.argument("row_id", metavar="ID")
def release(session: Session, row_id: str) -> None:
    """Put a quarantined call back into the stream, however late it is, and mark it as released."""
    writer = writer_to(session.stack, session.out.say)
    call = releasing.release(session.stack, row_id, writer=writer, now=releasing.utc_now())
    data = {"released": row_id, "account": call.account, "message_id": call.message_id, "event": call.name}
    session.out.result(
        data, lambda console: console.print(f"released {escape(call.name)} of {escape(call.account)}")
    )


def _show_list(console: Console, page: dict[str, Any]) -> None:
    if not page["quarantined"]:
        console.print("nothing is quarantined here")
        return
    for row in page["quarantined"]:
        released = " (released)" if row.get("released_at") else ""
        account = f" of {row['account']}" if row.get("account") else ""
        console.print(
            f"{row['at']} [bold]{row['reason']}[/]{released}{escape(account)}: {escape(row['detail'])}"
        )
        console.print(f"  {row['id']}", soft_wrap=True)
    if page.get("cursor"):
        console.print(f"more: --cursor {page['cursor']}")


def _show_one(console: Console, row: dict[str, Any]) -> None:
    for name, value in row.items():
        if value is not None and name != "payload":
            console.print(f"[bold]{name}[/]: {escape(str(value))}")
    console.print(escape(row["payload"]))


command(quarantine, "list")(list_)
command(quarantine, "show")(show)
command(quarantine, "release")(release)
