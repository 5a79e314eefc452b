"""`stemtide contacts`: whom mail may reach, what was sent, and what people decide about it."""

from typing import Any

import click
from rich.console import Console
from stemtide.as_of import as_of_text
from stemtide.config import bundled_config
from stemtide.mail.message import AddressError, address_key
from stemtide.mail.ports import Note, Stop
from stemtide.store.contacts import Contacts

from stemtide_cli.command import Session, command
from stemtide_cli.errors import CliError
from stemtide_cli.model_clock import model_now
from stemtide_cli.output import escape

WHO = click.argument("who", metavar="WHO")
ACCOUNT = click.option("--account", "is_account", is_flag=True, help="It is an account, though it has an @.")
SHOWN = 20
"""Of the timeline."""
NAMED = ("journey", "step", "template")
LIFTED = (Stop.SUPPRESSED, Stop.BOUNCED, Stop.COMPLAINED, Stop.COMPLAINED_OF_SERVICE_MAIL)
"""What a person may take back. An opt-out is its owner's, and an erasure is for good."""


@click.group()
def contacts() -> None:
    """Whom mail may reach: holds, suppressed addresses, campaigns, what was sent."""


@WHO
@ACCOUNT
def show(session: Session, who: str, *, is_account: bool) -> None:
    """Show what stands against mails to WHO, an account or an address, and what happened last."""
    store = store_of(session)
    if _is_address(who, is_account=is_account):
        stops = store.addresses.stops(_key(who))
        result: dict[str, Any] = {
            "address_key": _key(who),
            "stops": {stop.value: as_of_text(at_ms) for stop, at_ms in stops.items()},
        }
    else:
        hold = store.hold_of(who)
        result = {
            "account": who,
            "held": hold.get("held"),
            "erased": "erased_ms" in hold,
            "contacts": [_told(note) for note in store.notes(who, limit=SHOWN)],
        }
    session.out.result(result, lambda console: _show(console, result))


@click.argument("account")
@click.option("--why", required=True, help="The reason, which the account's timeline tells.")
def hold(session: Session, account: str, why: str) -> None:
    """Let no mail go to an account until it is released."""
    changed = store_of(session).hold(account, why=why, at_ms=model_now(session))
    _say(session, f"{account} is held" if changed else f"{account} was held before", changed=changed)


@click.argument("account")
def release(session: Session, account: str) -> None:
    """End the hold of an account."""
    changed = store_of(session).release(account, at_ms=model_now(session))
    _say(session, f"{account} is released" if changed else f"{account} is not held", changed=changed)


@WHO
@ACCOUNT
def erase(session: Session, who: str, *, is_account: bool) -> None:
    """Never mail WHO again, an account (and every address it was mailed at) or an address.

    An import does not bring it back.

    No address is stored anywhere: what stays is a key that does not tell it.
    """
    store, at_ms = store_of(session), model_now(session)
    if _is_address(who, is_account=is_account):
        changed = store.addresses.stop(_key(who), Stop.ERASED, at_ms=at_ms)
        _say(
            session, "the address is erased" if changed else "the address was erased before", changed=changed
        )
        return
    addresses = store.erase(who, at_ms=at_ms)
    _say(session, f"{who} is erased, with {addresses} addresses", addresses=addresses)


@click.argument("address")
def suppress(session: Session, address: str) -> None:
    """Send no mail to an address, of whatever kind."""
    changed = store_of(session).addresses.stop(_key(address), Stop.SUPPRESSED, at_ms=model_now(session))
    _say(session, "suppressed" if changed else "it was suppressed before", changed=changed)


@click.argument("address")
def unsuppress(session: Session, address: str) -> None:
    """Let mail reach an address again after a bounce, a complaint or `suppress`.

    An opt-out is for its owner to take back, and what was erased stays erased.
    """
    addresses, key = store_of(session).addresses, _key(address)
    lifted = [stop.value for stop in LIFTED if addresses.lift(key, stop)]
    left = [stop.value for stop in addresses.stops(key)]
    said = f"taken back: {', '.join(lifted) or 'nothing'}" + (f"; left: {', '.join(left)}" if left else "")
    _say(session, said, lifted=lifted, left=left)


def campaigns(session: Session) -> None:
    """List the campaigns: mails, bounces and complaints, and which are paused."""
    store, at_ms = store_of(session).campaigns, model_now(session)
    days = bundled_config().mail.pause.window_days
    found = [store.read(name, at_ms=at_ms, window_days=days) for name in store.names()]
    rows = [
        {
            "campaign": one.name,
            "paused": one.paused,
            "since": None if one.paused_ms is None else as_of_text(one.paused_ms),
            **one.counts._asdict(),
        }
        for one in found
    ]
    session.out.result({"days": days, "campaigns": rows}, lambda console: _show_campaigns(console, rows))


@click.argument("campaign")
def resume(session: Session, campaign: str) -> None:
    """Let a paused campaign go on, counting its bounces and complaints anew."""
    changed = store_of(session).campaigns.resume(campaign)
    _say(session, f"{campaign} goes on" if changed else f"{campaign} is not paused", changed=changed)


def store_of(session: Session) -> Contacts:
    """The contacts table of the stack."""
    tables = session.stack.tables
    if "contacts" not in tables:
        raise CliError("the stack has no contacts table", hint="deploy it again: `make up` or `make deploy`")
    return Contacts(session.stack.table("contacts"), accounts_table=tables["accounts"])


def _is_address(who: str, *, is_account: bool) -> bool:
    return "@" in who and not is_account


def _key(address: str) -> str:
    try:
        return address_key(address)
    except AddressError as error:
        raise CliError(f"{address!r}: {error}", hint="give one address, such as ada@example.com") from None


def _told(note: Note) -> dict[str, Any]:
    return {
        "at": as_of_text(note.at_ms),
        "kind": note.kind,
        "about": note.about or None,
        "reason": note.reason,
        "facts": dict(note.facts),
    }


def _say(session: Session, text: str, **facts: Any) -> None:
    session.out.result({"result": text, **facts}, lambda console: console.print(escape(text)))


def _show(console: Console, result: dict[str, Any]) -> None:
    if "stops" in result:
        for stop, at in result["stops"].items():
            console.print(f"[bold]{stop}[/] since {at}")
        if not result["stops"]:
            console.print("nothing stops mail to this address")
        return
    if result["erased"]:
        console.print("[bold]erased[/]")
    if result["held"] is not None:
        console.print(f"[bold]held[/]: {escape(result['held'])}")
    for row in result["contacts"]:
        reason = f" ({escape(row['reason'])})" if row["reason"] else ""
        named = " ".join(
            str(row["facts"][name]) for name in ("journey", "step", "template") if name in row["facts"]
        )
        console.print(f"{row['at']} {row['kind']}{reason} {escape(named)}")


def _show_campaigns(console: Console, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        state = (
            f"[bold]paused[/] since {row['since']}: {escape(row['paused'])}" if row["paused"] else "running"
        )
        counts = f"{row['mails']:,} mails, {row['bounces']:,} bounces, {row['complaints']:,} complaints"
        console.print(f"{escape(row['campaign'])}: {counts}; {state}")
    if not rows:
        console.print("no mail was sent yet")


for _name, _function in {
    "show": show,
    "hold": hold,
    "release": release,
    "erase": erase,
    "suppress": suppress,
    "unsuppress": unsuppress,
    "campaigns": campaigns,
    "resume": resume,
}.items():
    command(contacts, _name)(_function)
