"""The envelope: what only Stemtide's own writers say of a call, beside the call's own fields."""

from typing import Any, Final

import msgspec

from stemtide import limits
from stemtide.calls import Bounds, Reason, Rejection, show, timestamp_ms

ENVELOPE: Final = "_stemtide"


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What only Stemtide's own writers say of a call: origin, first arrival (ISO), whether it may be late.

    `facts_only`: the call tells of the customer and is no usage. A log's subscriptions are replayed so: a
    renewal is no activity.
    """

    origin: str | None = None
    arrival: str | None = None
    late_ok: bool = False
    facts_only: bool = False


NO_ENVELOPE: Final = Envelope()
RELEASE: Final = "release"
"""Origin of a call that a person put back from the quarantine; it keeps it when it is forwarded."""
_ENVELOPE_KEY: Final = f',"{ENVELOPE}":'.encode()
_decode: Final = msgspec.json.Decoder(Envelope).decode
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Arrived(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a call arrived: when (epoch ms), under which key, how late it may be, what its envelope says."""

    at_ms: int
    key: str
    bounds: Bounds
    envelope: Envelope = NO_ENVELOPE

    def under(self, raw: msgspec.Raw | msgspec.UnsetType) -> "Arrived":
        """The same with an envelope's say.

        Raises:
            msgspec.DecodeError: not an envelope.
            ValueError: its arrival is no instant.
        """
        if isinstance(raw, msgspec.UnsetType):
            return self
        own, outer = _decode(raw), self.envelope
        at_ms = self.at_ms if own.arrival is None else timestamp_ms(own.arrival)
        envelope = Envelope(
            origin=own.origin or outer.origin,
            arrival=own.arrival or outer.arrival,
            late_ok=own.late_ok or outer.late_ok,
            facts_only=own.facts_only or outer.facts_only,
        )
        return Arrived(at_ms=at_ms, key=self.key, bounds=self.bounds, envelope=envelope)


def with_envelope(call: bytes, envelope: Envelope) -> bytes:
    """The JSON object `call` with the envelope set; everything else stays byte for byte as it was."""
    fields: dict[str, Any] = _fields(call)
    return msgspec.json.encode({**fields, ENVELOPE: envelope})


def own_bytes(data: bytes) -> int:
    """A record's size without the envelope that `with_envelope` put at its end."""
    if len(data) <= limits.MAX_RECORD_BYTES:
        return len(data)
    start = data.find(_ENVELOPE_KEY, len(data) - limits.ENVELOPE_ROOM)
    return len(data) if start < 0 else start + 1


def bad_envelope(error: Exception) -> Rejection:
    """Why a call is refused whose envelope is none."""
    detail = f"{ENVELOPE} is reserved and this is not one of ours: {show(str(error))}"
    return Rejection(Reason.RESERVED_KEY, detail)
