"""Payments that failed in the past, from a file, as failures that a policy can be tried on.

A row tells when the money came in the end: from then on the card works, if the decline was one after which it
may be tried again; else the customer then gives another card, or confirms the payment. That is cautious: the
card may have worked earlier, and nobody answers mails that were never sent.
"""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stemtide.currencies import CODES
from stemtide.dunning.declines import Decline, decline_of

from simulator.dunning.assumptions import FileError
from simulator.dunning.failures import Failure

NEEDED: Final = ("customer", "amount", "currency", "failed_at", "decline_code", "paid_at")
OPTIONAL: Final = ("zone",)
MOST_AMOUNT: Final = 10**15


class _RowError(ValueError):
    """What is wrong with a row, and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


_Row = dict[str, Any] | _RowError
CELLS: Final = _RowError("has another number of cells than the header", 'put text with commas into "..."')
NO_OBJECT: Final = _RowError("is no object", "write a list of objects: [{...}, {...}]")


def read_past(path: Path, *, zone: ZoneInfo) -> list[Failure]:
    """The failed payments of a file, in its order; CSV, or a JSON list of objects.

    Args:
        zone: of customers whose row names none.

    Raises:
        FileError: it cannot be read, or a row cannot be right.
    """
    rows = _json_rows if path.suffix == ".json" else _csv_rows
    found, line = [], 1
    try:
        text = path.read_bytes().decode("utf-8-sig")
        for line, row in rows(text):  # noqa: B007 - the error names the line that was reached
            if isinstance(row, _RowError):
                raise row
            found.append(_failure(row, zone))
    except OSError as error:
        reason, remedy = f"cannot be read ({error.strerror})", "name another file"
    except UnicodeDecodeError:
        reason, remedy = "is not UTF-8", "save it as UTF-8 text"
    except _RowError as error:
        reason, remedy = str(error), error.remedy
    except csv.Error as error:
        reason, remedy = f"not valid CSV: {error}", "write it anew from your spreadsheet, as CSV"
    except json.JSONDecodeError as error:
        line, reason = error.lineno, f"not valid JSON: {error.msg}"
        remedy = "write a list of objects: [{...}, {...}]"
    else:
        if found:
            return found
        reason, remedy = "holds no failed payment", f"write rows with {', '.join(NEEDED)}"
    raise FileError(file=str(path), line=line, reason=reason, remedy=remedy)


def _csv_rows(text: str) -> Iterator[tuple[int, _Row]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise _RowError(
            f"the header lacks {', '.join(missing)}",
            f"begin with the line {','.join(NEEDED)}; {', '.join(OPTIONAL)} may follow",
        )
    for row in reader:
        whole = None not in row and None not in row.values()
        yield reader.line_num, row if whole else CELLS


def _json_rows(text: str) -> Iterator[tuple[int, _Row]]:
    """Each object with the line on which it begins."""
    entries = json.loads(text)
    if not isinstance(entries, list):
        raise _RowError("is no list", "write a list of objects: [{...}, {...}]")
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    for _ in entries:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        line = text.count("\n", 0, at) + 1
        row, at = decoder.raw_decode(text, at)
        yield line, _object(row)


def _object(row: Any) -> _Row:
    if not isinstance(row, dict):
        return NO_OBJECT
    missing = ", ".join(name for name in NEEDED if name not in row)
    return (
        _RowError(f"lacks {missing}", "add it; paid_at is null for what was never paid") if missing else row
    )


def _failure(row: dict[str, Any], zone: ZoneInfo) -> Failure:
    failed_ms = _instant("failed_at", row)
    paid_ms = _instant("paid_at", row) if row["paid_at"] else None
    if failed_ms is None:
        raise _RowError("failed_at is empty", "write when the payment failed first")
    if paid_ms is not None and paid_ms < failed_ms:
        raise _RowError("paid_at is before failed_at", "leave paid_at empty if it was never paid")
    code = str(row["decline_code"]).strip() if row["decline_code"] else None
    soft = decline_of(code) is Decline.SOFT
    return Failure(
        customer=_text("customer", row),
        amount=_amount(row),
        currency=_currency(row),
        failed_ms=failed_ms,
        code=code,
        zone=_zone(row) or zone,
        works_ms=paid_ms if soft else None,
        acts_ms=None if soft else paid_ms,
    )


def _text(name: str, row: dict[str, Any]) -> str:
    found = str(row[name] or "").strip()
    if not found:
        raise _RowError(f"{name} is empty", "fill it in")
    return found


def _amount(row: dict[str, Any]) -> int:
    found = str(row["amount"]).strip()
    if not (found.isascii() and found.isdecimal() and 0 < int(found) < MOST_AMOUNT):
        raise _RowError(
            f"amount {found!r} is no whole number above 0", "write minor units: 9900 for 99.00, without signs"
        )
    return int(found)


def _currency(row: dict[str, Any]) -> str:
    found = _text("currency", row).upper()
    if found not in CODES:
        raise _RowError(f"{found!r} is no currency", "write an ISO 4217 code, e.g. EUR")
    return found


def _zone(row: dict[str, Any]) -> ZoneInfo | None:
    name = row.get("zone")
    if not name:
        return None
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _RowError(f"{name!r} is no time zone", "write an IANA name, e.g. Europe/Berlin") from error


def _instant(name: str, row: dict[str, Any]) -> int | None:
    """Epoch ms of an ISO 8601 date (its midnight UTC) or instant with a zone."""
    if not row[name]:
        return None
    said = str(row[name]).strip()
    remedy = "write 2026-01-31 (UTC) or 2026-01-31T08:00:00Z"
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        raise _RowError(f"{name} {said!r} is no date", remedy) from error
    if found.tzinfo is None:
        if "T" in said or ":" in said:
            raise _RowError(f"{name} {said!r} has no time zone", remedy)
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000)
