"""What `stemtide status` tells of billing: events of the provider that wait, and the last reconcile."""

from typing import Any

from rich.console import Console
from stemtide.as_of import as_of_text
from stemtide.billing.events import State
from stemtide.store.billing_events import BillingEvents
from stemtide.store.billing_progress import BillingProgress

from stemtide_cli.stack import Stack


def billing_of(stack: Stack) -> dict[str, Any] | None:
    """How many events wait in each state, since when the oldest does, and the last reconcile (None: there was
    none yet); None for a stack without a billing table."""
    if "billing" not in stack.tables:
        return None
    table = stack.table("billing")
    kept = BillingEvents(table)
    arrived = {state.value: [one.claim.arrived_ms for one in kept.open(state)] for state in State}
    oldest_ms = min((at_ms for instants in arrived.values() for at_ms in instants), default=None)
    progress = BillingProgress(table).read()
    walked_ms = None if progress is None else progress.walked_ms
    return {
        **{state: len(instants) for state, instants in arrived.items()},
        "waiting_since": None if oldest_ms is None else as_of_text(oldest_ms),
        "last_reconcile": None if progress is None else as_of_text(progress.events_until_s * 1000),
        "subscriptions_compared": None if walked_ms is None else as_of_text(walked_ms),
    }


def show_billing(console: Console, found: dict[str, Any] | None) -> None:
    """The same for people."""
    if found is None:
        console.print("billing: this stack has no table for it")
        return
    waits = (
        f"{found['pending']:,} events wait, {found['unmapped']:,} are of nobody's customer, "
        f"{found['failed']:,} cannot be used"
    )
    since = "" if found["waiting_since"] is None else f", the oldest since {found['waiting_since']}"
    more = " (`stemtide billing list`)" if found["unmapped"] or found["failed"] else ""
    console.print(f"billing: {waits}{since}{more}")
    compared = found["subscriptions_compared"]
    said = found["last_reconcile"] or "none yet"
    console.print(f"last reconcile: {said}" + ("" if compared is None else f", subscriptions: {compared}"))
