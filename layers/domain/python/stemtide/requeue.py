"""Records of a dead letter, as they are put back into the stream."""

from typing import Final

import msgspec

from stemtide import limits
from stemtide.calls import iso_of
from stemtide.envelope import ENVELOPE, NO_ENVELOPE, Envelope, own_bytes, with_envelope
from stemtide.kinesis_event import Delivered
from stemtide.ports import OutRecord

ORIGIN: Final = "requeue"
_outer = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_envelope = msgspec.json.Decoder(Envelope).decode


def put_back(record: Delivered) -> OutRecord:
    """The record to put for a dead one: same key, same calls, and the arrival that it had.

    By that arrival it is judged as it would have been then: how late it is, which day a call without a
    timestamp belongs to, since when a fact is known. Nothing else changes; what is no JSON object, too
    large, or holds an envelope that is none, stays byte for byte and is set aside with its reason.
    """
    return OutRecord(key=record.key, data=_arrived(record.data, record.arrival_ms))


def _arrived(data: bytes, arrival_ms: int) -> bytes:
    if own_bytes(data) > limits.MAX_RECORD_BYTES:
        return data
    try:
        raw = _outer(data).get(ENVELOPE)
        own = NO_ENVELOPE if raw is None else _envelope(raw)
        envelope = msgspec.structs.replace(
            own, origin=own.origin or ORIGIN, arrival=own.arrival or iso_of(arrival_ms)
        )
        return with_envelope(data, envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data
