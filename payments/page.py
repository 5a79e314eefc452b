"""The page for people: customers, invoices, codes, events, with buttons to fail, pay or void an invoice."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from payments import money
from payments.page_assets import SCRIPT, STYLE
from payments.store import Object
from payments.world import World

ROWS: Final = 100
TONES: Final = {
    "active": "good",
    "paid": "good",
    "succeeded": "good",
    "open": "warn",
    "past_due": "bad",
    "unpaid": "bad",
    "failed": "bad",
    "uncollectible": "bad",
    "incomplete": "bad",
}


def rendered(world: World, webhooks: Object, query: Mapping[str, Any]) -> str:
    """The whole page; `customer` in the query narrows it to one."""
    chosen = query.get("customer")
    chosen = chosen if isinstance(chosen, str) and world.store.find("customer", chosen) else None
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Payments (local)</title><style>{STYLE}</style></head><body>
<header><h1>Payments <small>local stand-in</small></h1>
<p>{_time(world.now)} <span class="quiet">model time</span></p><button data-reload>Refresh</button></header>
{_summary(world, webhooks)}
<main>{"".join(part(world, chosen) for part in (_invoices, _customers, _codes, _events))}</main>
<p id="said" role="status"></p><script>{SCRIPT}</script></body></html>"""


def _summary(world: World, webhooks: Object) -> str:
    invoices = world.store.all("invoice")
    figures = {
        "customers": len(world.store.all("customer")),
        "open invoices": sum(1 for invoice in invoices if invoice["status"] == "open"),
        "paid invoices": sum(1 for invoice in invoices if invoice["status"] == "paid"),
        "webhooks delivered": webhooks["delivered"],
        "webhooks waiting": f"{webhooks['pending']}{' (held)' if webhooks['holding'] else ''}",
    }
    cells = "".join(
        f"<div><b>{escape(str(value))}</b>{escape(name)}</div>" for name, value in figures.items()
    )
    return f'<section class="figures">{cells}</section>'


def _customers(world: World, chosen: str | None) -> str:
    rows = []
    for customer in world.store.all("customer")[: -ROWS - 1 : -1]:
        if chosen not in (None, customer["id"]):
            continue
        held = world.store.of("subscription", "customer", customer["id"])
        states = " ".join(_badge(subscription["status"]) for subscription in held) or "–"  # noqa: RUF001
        name = customer["name"] or customer["email"] or customer["id"]
        link = f'<a href="/?customer={escape(customer["id"])}">{escape(name)}</a>'
        mail = escape(customer["email"] or "")
        cells = f"<td class=wrap>{link}<br>{_id(customer)}</td><td class=wrap>{mail}</td><td>{states}</td>"
        rows.append(f"<tr>{cells}</tr>")
    title = "Customers" if chosen is None else 'Customer <a class="quiet" href="/">show all</a>'
    return _table(title, ("Name", "Mail", "Subscriptions"), rows)


def _invoices(world: World, chosen: str | None) -> str:
    found = world.store.all("invoice") if chosen is None else world.store.of("invoice", "customer", chosen)
    rows = [_invoice(world, invoice) for invoice in found[: -ROWS - 1 : -1]]
    return _table("Invoices", ("Invoice", "Customer", "Due", "Status", "Attempts", ""), rows, wide=True)


def _invoice(world: World, invoice: Object) -> str:
    customer = world.store.need("customer", invoice["customer"])
    due = money.shown(invoice["amount_due"], invoice["currency"])
    left = invoice["amount_remaining"]
    rest = "" if left in (0, invoice["amount_due"]) else f"<br>{money.shown(left, invoice['currency'])} left"
    number, name = (
        escape(invoice["number"] or "draft"),
        customer["name"] or customer["email"] or customer["id"],
    )
    return (
        f"<tr><td>{number}<br>{_id(invoice)}</td><td class=wrap>{escape(name)}</td><td>{due}{rest}</td>"
        f"<td>{_badge(invoice['status'])}</td><td>{invoice['attempt_count']}</td><td>{_buttons(invoice)}</td></tr>"
    )


def _buttons(invoice: Object) -> str:
    offered = {
        "draft": ("fail", "pay"),
        "open": ("fail", "pay", "void"),
        "uncollectible": ("pay", "void"),
        "paid": ("refund", "dispute") if invoice["amount_paid"] else (),
    }.get(invoice["status"], ())
    return " ".join(
        f'<button data-invoice="{escape(invoice["id"])}" data-act="{act}">{act}</button>' for act in offered
    )


def _codes(world: World, chosen: str | None) -> str:
    rows = []
    for code in world.store.all("promotion_code")[: -ROWS - 1 : -1]:
        if chosen not in (None, code["customer"]):
            continue
        coupon = world.store.need("coupon", code["promotion"]["coupon"])
        ends = "–" if code["expires_at"] is None else _time(code["expires_at"])  # noqa: RUF001
        rows.append(
            f"<tr><td>{escape(code['code'])}<br>{_id(code)}</td><td class=wrap>{escape(_worth(coupon))}<br>"
            f"{_id(coupon)}</td><td>{_id({'id': code['customer'] or 'anybody'})}</td><td>{ends}</td>"
            f"<td>{_badge(_state(code, coupon, world.now))}</td></tr>"
        )
    return _table("Promotion codes", ("Code", "Takes off", "For", "Until", "State"), rows)


def _worth(coupon: Object) -> str:
    share, amount = coupon["percent_off"], coupon["amount_off"]
    off = f"{share:g} %" if amount is None else money.shown(amount, coupon["currency"])
    months = coupon["duration_in_months"]
    return f"{off}, {coupon['duration'] if months is None else f'{months} months'}"


def _state(code: Object, coupon: Object, at: int) -> str:
    if code["times_redeemed"]:
        return "redeemed"
    ends = [end for end in (code["expires_at"], coupon["redeem_by"]) if end is not None]
    if any(end <= at for end in ends):
        return "expired"
    return "active" if code["active"] and coupon["valid"] else "off"


def _events(world: World, chosen: str | None) -> str:
    rows = []
    for event in reversed(world.store.all("event")):
        about = event["data"]["object"]
        if chosen is not None and chosen not in (about.get("customer"), about["id"]):
            continue
        shown = escape(json.dumps(event["data"], indent=1))
        rows.append(
            f"<tr><td>{_time(event['created'])}</td><td><details><summary>{escape(event['type'])}</summary>"
            f"<pre>{shown}</pre></details></td><td>{_id(about)}</td></tr>"
        )
        if len(rows) == ROWS:
            break
    return _table("Events", ("When", "What", "About"), rows)


def _table(title: str, heads: tuple[str, ...], rows: list[str], *, wide: bool = False) -> str:
    names = "".join(f"<th>{head}</th>" for head in heads)
    body = "".join(rows) or f'<tr><td colspan="{len(heads)}" class="quiet">nothing yet</td></tr>'
    return (
        f'<section{" class=wide" if wide else ""}><h2>{title}</h2><div class="scroll"><table>'
        f"<thead><tr>{names}</tr></thead>"
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _badge(status: str) -> str:
    return f'<span class="badge {TONES.get(status, "")}">{escape(status)}</span>'


def _id(obj: Object) -> str:
    return f"<code>{escape(str(obj.get('id', '')))}</code>"


def _time(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
