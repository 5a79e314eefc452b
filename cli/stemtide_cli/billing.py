"""`stemtide billing`: what of the payment provider's events waits, why, and how it goes on."""

import time
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text
from stemtide.billing.events import Pending, State
from stemtide.store.billing_events import BillingEvents, pending_in

from stemtide_cli.command import Session, command
from stemtide_cli.errors import CliError
from stemtide_cli.functions import invoke
from stemtide_cli.output import escape

SHOWN = 50
STATES = click.Choice([state.value for state in State])


@click.group()
def billing() -> None:
    """Events of the payment provider: what waits, and making up for what never arrived."""


@click.option("--state", type=STATES, help="Only these: pending, unmapped (nobody's) or failed.")
def list_(session: Session, state: str | None) -> None:
    """List the events that have not been worked off, oldest first, each with the reason.

    Unmapped ones belong to a customer of no account: name the account in the customer's metadata, or the
    customer in the account's trait `stripe_customer_id`. They go on by themselves within the hour.
    """
    events = BillingEvents(session.stack.table("billing"))
    rows = [_row(one) for one in _open(events, state)]
    session.out.result({"events": rows}, lambda console: _show(console, rows))


@click.argument("event_ids", metavar="[EVENT]...", nargs=-1)
@click.option("--state", type=STATES, help="All that are in this state.")
def retry(session: Session, event_ids: tuple[str, ...], state: str | None) -> None:
    """Have events worked off once more, now: those named, or all in a state."""
    if bool(event_ids) is (state is not None):
        raise click.UsageError("name events, or give --state")
    events = BillingEvents(session.stack.table("billing"))
    chosen = list(_named(events, event_ids)) if event_ids else list(_open(events, state))
    now_ms = int(time.time() * 1000)
    again = [one.claim.id for one in chosen if events.again(one.claim, driven_ms=now_ms)]
    session.out.result(
        {"again": again},
        lambda console: console.print(f"{len(again)} events are worked off again: `stemtide billing list`"),
    )


@click.option("--walk", is_flag=True, help="Compare all subscriptions, too, even when it is not their day.")
def reconcile(session: Session, walk: bool) -> None:
    """Ask the provider for what never arrived, as the schedule does, and wait for the answer."""
    found = invoke(session.stack, "billing", {"job": "billing", "walk": walk})
    session.out.result(found, lambda console: _show_reconciled(console, found))


def _open(events: BillingEvents, state: str | None) -> Iterator[Pending]:
    for one in State if state is None else (State(state),):
        yield from events.open(one)


def _named(events: BillingEvents, event_ids: tuple[str, ...]) -> Iterator[Pending]:
    for event_id in event_ids:
        item = events.get(event_id)
        if item is None:
            raise CliError(
                f"no event {event_id} has come in", hint="`stemtide billing list` names those that wait"
            )
        yield pending_in({"open_state": State.PENDING.value, **item})


def _row(one: Pending) -> dict[str, Any]:
    claim = one.claim
    return {
        "id": claim.id,
        "state": one.state.value,
        "type": claim.type,
        "object": claim.object_id,
        "customer": claim.customer,
        "created": as_of_text(claim.created_ms),
        "arrived": as_of_text(claim.arrived_ms),
        "via": claim.via,
        "tries": one.tries,
        "reason": one.reason,
    }


def _show(console: Console, rows: list[dict[str, Any]]) -> None:
    if not rows:
        console.print("no event waits")
        return
    table = Table("event", "state", "type", "customer", "arrived", "why")
    for row in rows[:SHOWN]:
        table.add_row(
            escape(row["id"]),
            row["state"],
            escape(row["type"]),
            escape(row["customer"] or "-"),
            row["arrived"],
            escape(row["reason"] or "-"),
        )
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"... and {len(rows) - SHOWN:,} more: --json has them all")


def _show_reconciled(console: Console, found: dict[str, Any]) -> None:
    if found.get("provider") == "none":
        console.print("no payment provider is configured ([billing] of stemtide.toml)")
        return
    walked = "" if found["walked"] is None else f", {found['walked']:,} subscriptions compared"
    console.print(
        f"{found['listed']:,} events listed, {found['claimed']:,} had not arrived{walked}; "
        f"{found['differed']:,} customers are read anew, {found['again']:,} events handed on again"
    )
    console.print(
        f"waiting: {found['unmapped']:,} are nobody's, {found['failed']:,} cannot be used, "
        f"{found['overdue']:,} for more than a day"
    )


command(billing, "list")(list_)
command(billing, "retry")(retry)
command(billing, "reconcile")(reconcile)
