"""From the bytes of one stream record to its calls: accepted, rejected or to be put under their own key.

The thorough reading: each call is decoded in full and judged by `parse_call`, which alone finds the reason
why one cannot be counted. Most records never come here, `stemtide.quick` reads them.
"""

import msgspec

from stemtide import limits
from stemtide.calls import (
    Call,
    Reason,
    Rejection,
    iso_of,
    parse_call,
    show,
)
from stemtide.envelope import (
    ENVELOPE,
    RELEASE,
    Arrived,
    Envelope,
    bad_envelope,
    own_bytes,
    with_envelope,
)
from stemtide.facts import Fact, UnusableFactError, fact_of, is_fact


class Foreign(msgspec.Struct, frozen=True):
    """A call that came under another account's partition key: the record that carries it to its own."""

    account: str
    data: bytes


class Rejected(msgspec.Struct, frozen=True):
    """A call (or, at index 0, a whole record) that cannot be counted, with what was readable of it."""

    index: int
    rejection: Rejection
    payload: bytes
    account: str | None = None
    message_id: str | None = None


class Decoded(msgspec.Struct):
    """The calls of one record; `total` is how many it counts for (one if it cannot be read).

    `calls` are usage and `facts` what is said of an account; most facts are both, and `silent` counts those
    that are no usage.
    """

    total: int
    calls: list[Call]
    rejected: list[Rejected] = []
    foreign: list[Foreign] = []
    facts: list[tuple[str, Fact]] = []
    silent: int = 0


class _Outer(msgspec.Struct, gc=False):
    envelope: msgspec.Raw | msgspec.UnsetType = msgspec.field(name=ENVELOPE, default=msgspec.UNSET)
    batch: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_outer = msgspec.json.Decoder(_Outer).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_anything = msgspec.json.Decoder().decode
_TOO_DEEP = Rejection(Reason.TOO_DEEP, f"nested deeper than {limits.MAX_JSON_DEPTH} levels: flatten it")


def decode_record(data: bytes, arrived: Arrived) -> Decoded:
    """The calls of one record's bytes."""
    try:
        problem = _unreadable(data)
        return _decode(data, arrived) if problem is None else _whole(data, problem)
    except RecursionError:
        return _whole(data, _TOO_DEEP)
    except msgspec.ValidationError as error:
        return _whole(data, Rejection(Reason.NOT_AN_OBJECT, f"{error}: {_show(data)}"))
    except msgspec.DecodeError as error:
        return _whole(data, Rejection(Reason.INVALID_JSON, f"{error}: {_show(data)}"))


def _decode(data: bytes, arrived: Arrived) -> Decoded:
    outer = _outer(data)
    if not isinstance(outer.batch, msgspec.UnsetType):
        return _decode_batch(data, outer, arrived)
    decoded = Decoded(total=1, calls=[])
    _take(decoded, 0, data, arrived)
    return decoded


def count_calls(data: bytes) -> int:
    """How many calls a record counts for: the elements of a batch, else one.

    The archive counts by this what comes in; the aggregates count what they find.
    """
    if b'"batch"' not in data and b"\\" not in data:
        return 1
    if _unreadable(data) is not None:
        return 1
    try:
        batch = _outer(data).batch
        return 1 if batch is msgspec.UNSET else len(_elements(batch)) or 1
    except (msgspec.DecodeError, RecursionError):
        return 1


def _unreadable(data: bytes) -> Rejection | None:
    if own_bytes(data) > limits.MAX_RECORD_BYTES:
        detail = f"{len(data)} bytes: at most {limits.MAX_RECORD_BYTES} a record, send fewer calls in one"
        return Rejection(Reason.TOO_LARGE, detail)
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return Rejection(Reason.INVALID_JSON, f"not UTF-8 at byte {error.start}")
    return None


def _whole(data: bytes, rejection: Rejection) -> Decoded:
    return Decoded(total=1, calls=[], rejected=[Rejected(0, rejection, data)])


def _decode_batch(data: bytes, outer: _Outer, arrived: Arrived) -> Decoded:
    elements = _elements(outer.batch)  # type: ignore[arg-type]
    if not elements:
        return _whole(data, Rejection(Reason.EMPTY_BATCH, "a batch has at least one call"))
    decoded = Decoded(total=len(elements), calls=[])
    try:
        arrived = arrived.under(outer.envelope)
    except (msgspec.DecodeError, ValueError) as error:
        # call by call, as `count_calls` counts them, and so that each can be released
        bad = bad_envelope(error)
        decoded.rejected = [Rejected(index, bad, bytes(raw)) for index, raw in enumerate(elements)]
        return decoded
    for index, element in enumerate(elements):
        _take(decoded, index, bytes(element), arrived)
    return decoded


def _take(decoded: Decoded, index: int, raw: bytes, arrived: Arrived) -> None:
    """Judge one call and put it where it belongs."""
    judged: Call | Rejected | None = None
    try:
        if raw.lstrip()[:1] == b"{":
            arrived = arrived.under(_outer(raw).envelope)
    except RecursionError:
        judged = Rejected(index, _TOO_DEEP, raw)
    except (msgspec.DecodeError, ValueError) as error:
        judged = Rejected(index, bad_envelope(error), raw)
    judged = judged or _judge(raw, index, arrived)
    if isinstance(judged, Rejected):
        decoded.rejected.append(_releasable(judged, arrived.envelope))
    elif judged.account != arrived.key:
        decoded.foreign.append(Foreign(judged.account, _forwarded(raw, arrived)))
    elif is_fact(judged.type, judged.name):
        _take_fact(decoded, index, raw, judged, arrived)
    else:
        decoded.calls.append(judged)


def _take_fact(decoded: Decoded, index: int, raw: bytes, call: Call, arrived: Arrived) -> None:
    """Keep what a call says of its account; a reserved event that says nothing usable is set aside."""
    envelope = arrived.envelope
    at_once = envelope.late_ok and (envelope.facts_only or envelope.origin != RELEASE)
    try:
        fact = fact_of(_anything(raw), known_ms=call.at_ms if at_once else arrived.at_ms, at_ms=call.at_ms)
    except UnusableFactError as error:
        reason = Rejection(error.reason, str(error))
        rejected = Rejected(index, reason, raw, account=call.account, message_id=call.message_id)
        decoded.rejected.append(_releasable(rejected, envelope))
        return
    if fact is not None:
        decoded.facts.append((call.account, fact))
    if envelope.facts_only and is_fact(call.type, call.name):
        decoded.silent += 1
    else:
        decoded.calls.append(call)


def _judge(raw: bytes, index: int, arrived: Arrived) -> Call | Rejected:
    try:
        value = _anything(raw)
    except RecursionError:
        return Rejected(index, _TOO_DEEP, raw)
    except msgspec.DecodeError as error:
        return Rejected(index, Rejection(Reason.INVALID_JSON, f"{error}: {_show(raw)}"), raw)
    late_ok = arrived.envelope.late_ok
    parsed = parse_call(value, arrival_ms=arrived.at_ms, bounds=arrived.bounds, late_ok=late_ok)
    if isinstance(parsed, Call):
        return parsed
    if not isinstance(value, dict):
        return Rejected(index, parsed, raw)
    context = value.get("context")
    account = (context.get("groupId") if isinstance(context, dict) else None) or value.get("groupId")
    return Rejected(index, parsed, raw, account=_text(account), message_id=_text(value.get("messageId")))


def _forwarded(raw: bytes, arrived: Arrived) -> bytes:
    from_before = arrived.envelope
    envelope = Envelope(
        origin=RELEASE if from_before.origin == RELEASE else "forward",
        arrival=from_before.arrival or iso_of(arrived.at_ms),
        late_ok=from_before.late_ok,
        facts_only=from_before.facts_only,
    )
    return with_envelope(raw, envelope)


def _releasable(rejected: Rejected, envelope: Envelope) -> Rejected:
    """With the envelope in the payload where a release must know it: that the call is no usage."""
    if not envelope.facts_only:
        return rejected
    try:
        payload = with_envelope(rejected.payload, envelope)
    except (msgspec.DecodeError, RecursionError):
        return rejected
    return msgspec.structs.replace(rejected, payload=payload)


def _text(value: object) -> str | None:
    return value[: limits.MAX_MESSAGE_ID_CHARS] if isinstance(value, str) else None


def _show(data: bytes) -> str:
    return show(data[:200].decode(errors="replace"))
