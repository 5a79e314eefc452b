"""A quarantined call, put back into the stream."""

from datetime import UTC, datetime, timedelta

import msgspec
from stemtide import limits
from stemtide.calls import Bounds, Call, Rejection, parse_call
from stemtide.envelope import ENVELOPE, RELEASE, Envelope, with_envelope
from stemtide.facts import UnusableFactError, fact_of
from stemtide.store.quarantine import Quarantined, get_payload, get_quarantined, mark_released

from stemtide_cli.errors import CliError
from stemtide_cli.packing import Entry
from stemtide_cli.sender import StreamWriter
from stemtide_cli.stack import Stack

ANY_LATENESS = Bounds(max_lateness=timedelta(days=36_500))


def find(stack: Stack, row_id: str) -> tuple[Quarantined, bytes]:
    """The row of an id and the bytes that were set aside.

    Raises:
        CliError: there is no such row.
    """
    table = stack.table("ingest")
    try:
        row = get_quarantined(table, row_id)
        payload = get_payload(table, stack.client("s3"), stack.buckets["archive"], row_id)
    except ValueError as error:
        raise CliError(str(error), hint="`stemtide quarantine list` shows the ids") from error
    if row is None or payload is None:
        raise CliError(
            f"nothing is quarantined as {row_id!r}", hint="`stemtide quarantine list` shows the ids"
        )
    return row, payload


def release(stack: Stack, row_id: str, *, writer: StreamWriter, now: datetime) -> Call:
    """Put the call back and mark its row; returns the call as it will be counted.

    The put comes before the mark. Interrupted between the two the row can be released again: the same
    message id counts once. The other way round the call would be lost.

    Args:
        now: the arrival that the call's timestamp is checked against.

    Raises:
        CliError: released before, or the call would only be quarantined again.
    """
    row, payload = find(stack, row_id)
    if row.released_at is not None:
        raise CliError(f"{row_id} was released at {row.released_at}", hint="nothing is left to do")
    call, record = prepare(row, payload, now=now)
    writer.open()
    writer.put([Entry(account=call.account, data=record, calls=1)])
    mark_released(stack.table("ingest"), row_id, now.isoformat())
    return call


def prepare(row: Quarantined, payload: bytes, *, now: datetime) -> tuple[Call, bytes]:
    """The call and the record to put for it.

    A call without a timestamp belongs to the day it first arrived: that arrival goes with it.

    Raises:
        CliError: the call can never be counted as it is.
    """
    hint = "correct the producer and send the call again; the quarantined one stays as it is"
    try:
        obj = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CliError(f"this cannot be read ({error}): it would be quarantined again", hint=hint) from error
    call = parse_call(obj, arrival_ms=int(now.timestamp() * 1000), bounds=ANY_LATENESS, late_ok=True)
    if isinstance(call, Rejection):
        raise CliError(f"it would be quarantined again: {call.reason} ({call.detail})", hint=hint)
    try:
        fact_of(obj, known_ms=call.at_ms, at_ms=call.at_ms)
    except UnusableFactError as error:
        raise CliError(f"it would be quarantined again: {error}", hint=hint) from error
    arrival = row.at if obj.get("timestamp") is None else None
    own = obj.get(ENVELOPE)
    facts_only = isinstance(own, dict) and own.get("facts_only") is True
    envelope = Envelope(origin=RELEASE, arrival=arrival, late_ok=True, facts_only=facts_only)
    record = with_envelope(payload, envelope)
    if len(payload) > limits.MAX_RECORD_BYTES:
        raise CliError(f"it would be quarantined again: {len(payload):,} bytes are too large", hint=hint)
    return call, record


def utc_now() -> datetime:
    """This instant."""
    return datetime.now(UTC)
