"""The result of `stemtide mrr`."""

from typing import Any

from stemtide.as_of import as_of_text
from stemtide.billing.months import Period, month_of, months
from stemtide.billing.movements import Kind
from stemtide.billing.mrr import levels, settled
from stemtide.billing.mrr_sheets import Sheet, sheets
from stemtide.currencies import minor_digits
from stemtide.subscriptions import add_months

from stemtide_cli.errors import CliError
from stemtide_cli.mrr_reading import Knowledge

CUSTOMER_KINDS = (Kind.NEW, Kind.CHURN, Kind.REACTIVATION, Kind.TRANSFER)
"""The movements that change how many customers there are."""


def result_of(
    known: Knowledge, *, first: str | None, last: str | None, as_of_ms: int | None
) -> dict[str, Any]:
    """The months by currency, and all of them as one period.

    Args:
        first: YYYY-MM; None: the month of the first movement.
        last: None: that of the instant.
        as_of_ms: as of when; None: all that is known.

    Raises:
        CliError: the first month had not begun by then, or there was no customer.
    """
    as_of_ms = known.until_ms if as_of_ms is None else as_of_ms
    accounts = [
        found
        for said in known.facts.values()
        if (found := settled(levels(said, as_of_ms, currency=known.currency)))
    ]
    if not accounts:
        raise CliError(
            f"nobody is known to have been a customer until {as_of_text(as_of_ms)}",
            hint="ask for a later --as-of; plans count from when they have a price",
        )
    first = first or month_of(min(found[0].from_ms for found in accounts))
    asked = list(months(first, last or month_of(as_of_ms), as_of_ms=as_of_ms))
    if not asked:
        raise CliError(
            f"{first} had not begun by {as_of_text(as_of_ms)}, the end of what is told",
            hint="ask for an earlier --from",
        )
    whole = Period(start_ms=asked[0].start_ms, end_ms=asked[-1].end_ms)
    found = sheets(accounts, [*asked, whole])
    return {
        "as_of": as_of_text(as_of_ms),
        "from": month_of(asked[0].start_ms),
        "to": month_of(asked[-1].start_ms),
        "reconciles": all(sheet.reconciles for own in found.values() for sheet in own),
        "currencies": [_of_currency(name, asked, own) for name, own in found.items()],
        "notes": [*known.notes, *_notes(known, last, as_of_ms)],
    }


def _of_currency(currency: str, asked: list[Period], own: list[Sheet]) -> dict[str, Any]:
    *by_month, total = own
    return {
        "currency": currency,
        "minor_digits": minor_digits(currency),
        "months": [
            {
                "month": month_of(period.start_ms),
                "complete": period.end_ms == add_months(period.start_ms, 1),
                **_figures(sheet),
            }
            for period, sheet in zip(asked, by_month, strict=True)
        ],
        "total": _figures(total),
    }


def _figures(sheet: Sheet) -> dict[str, Any]:
    """Minor units, signed, so that the opening and all movements add up to the closing."""
    moved = {kind.value: sheet.moved[kind] for kind in Kind}
    customers = {kind.value: sheet.customers_moved[kind] for kind in CUSTOMER_KINDS}
    return {
        "opening": sheet.opening,
        **moved,
        "closing": sheet.closing,
        "customers": {
            "opening": sheet.customers_opening,
            **customers,
            "closing": sheet.customers_closing,
            "price_unknown": sheet.unknown,
        },
        "logo_churn": sheet.retention.logo_churn,
        "revenue_churn": sheet.retention.revenue_churn,
        "grr": sheet.retention.grr,
        "nrr": sheet.retention.nrr,
    }


def _notes(known: Knowledge, last: str | None, as_of_ms: int) -> list[str]:
    notes = []
    if last is not None and last > month_of(as_of_ms):
        notes.append(f"the months after {month_of(as_of_ms)} are left out: told is what was known by --as-of")
    if as_of_ms > known.until_ms:
        notes.append(
            f"nothing is known of subscriptions after {as_of_text(known.until_ms)}: terms that ran out since"
            " count as churn, whether they were renewed or not"
        )
    return notes
