"""From the bytes of one stream record to its calls: accepted, rejected or to be put under their own key.

Most calls take a typed decoder that reads only the needed fields; whatever it does not accept is
decoded in full and judged by `parse_call`, which alone finds the reason.
"""

from functools import lru_cache
from typing import Any

import msgspec

from stemtide import limits
from stemtide.calls import (
    CALL_TYPES,
    MAX_AHEAD_MS,
    Call,
    Reason,
    Rejection,
    is_account_id,
    iso_of,
    needs_no_user,
    parse_call,
    show,
    timestamp_ms,
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
from stemtide.facts import SUBSCRIPTION_PREFIX, Fact, UnusableFactError, fact_of, is_fact


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


class _Context(msgspec.Struct, gc=False):
    groupId: str | None = None  # noqa: N815 (Segment's name)


class _Shape(msgspec.Struct, gc=False):
    type: str = ""
    event: str | None = None
    messageId: str | None = None  # noqa: N815
    timestamp: str | None = None
    userId: str | None = None  # noqa: N815
    anonymousId: str | None = None  # noqa: N815
    groupId: str | None = None  # noqa: N815
    context: _Context | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    envelope: msgspec.Raw | msgspec.UnsetType = msgspec.field(name=ENVELOPE, default=msgspec.UNSET)
    batch: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Outer(msgspec.Struct, gc=False):
    envelope: msgspec.Raw | msgspec.UnsetType = msgspec.field(name=ENVELOPE, default=msgspec.UNSET)
    batch: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_shape = msgspec.json.Decoder(_Shape).decode
_outer = msgspec.json.Decoder(_Outer).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_anything = msgspec.json.Decoder().decode
_TOO_DEEP = Rejection(Reason.TOO_DEEP, f"nested deeper than {limits.MAX_JSON_DEPTH} levels: flatten it")
_known_account = lru_cache(maxsize=65_536)(is_account_id)
"""Only for texts of an account id's length: longer ones would fill the cache with megabytes."""


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
    try:
        shape: _Shape | None = _shape(data)
    except msgspec.ValidationError:
        shape = None
    if shape is None or not isinstance(shape.batch, msgspec.UnsetType):
        outer = _outer(data)
        if not isinstance(outer.batch, msgspec.UnsetType):
            return _decode_batch(data, outer, arrived)
    decoded = Decoded(total=1, calls=[])
    _take(decoded, 0, data, shape, arrived)
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
        raw = bytes(element)
        try:
            shape: _Shape | None = _shape(raw)
        except (msgspec.DecodeError, RecursionError):
            shape = None
        _take(decoded, index, raw, shape, arrived)
    return decoded


def _take(decoded: Decoded, index: int, raw: bytes, shape: _Shape | None, arrived: Arrived) -> None:
    """Judge one call and put it where it belongs."""
    judged: Call | Rejected | None = None
    try:
        if shape is not None:
            if not isinstance(shape.envelope, msgspec.UnsetType):
                arrived = arrived.under(shape.envelope)
            judged = _quick(shape, raw, arrived)
        elif raw.lstrip()[:1] == b"{":
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
    elif judged.type == "group" or judged.name.startswith(SUBSCRIPTION_PREFIX):
        _take_fact(decoded, index, raw, judged, arrived)
    else:
        decoded.calls.append(judged)


def _take_fact(decoded: Decoded, index: int, raw: bytes, call: Call, arrived: Arrived) -> None:
    """Keep what a call says of its account; a subscription event that says nothing usable is set aside."""
    envelope = arrived.envelope
    at_once = envelope.late_ok and (envelope.facts_only or envelope.origin != RELEASE)
    try:
        fact = fact_of(_anything(raw), known_ms=call.at_ms if at_once else arrived.at_ms, at_ms=call.at_ms)
    except UnusableFactError as error:
        reason = Rejection(Reason.BAD_SUBSCRIPTION, str(error))
        rejected = Rejected(index, reason, raw, account=call.account, message_id=call.message_id)
        decoded.rejected.append(_releasable(rejected, envelope))
        return
    if fact is not None:
        decoded.facts.append((call.account, fact))
    if envelope.facts_only and is_fact(call.type, call.name):
        decoded.silent += 1
    else:
        decoded.calls.append(call)


def _quick(shape: _Shape, raw: bytes, arrived: Arrived) -> Call | None:
    """The call if nothing about it needs a second look; exactly what `parse_call` would return."""
    if raw.count(b"{") + raw.count(b"[") > limits.MAX_JSON_DEPTH:
        return None
    kind, message_id, context = shape.type, shape.messageId, shape.context
    within, own = None if context is None else context.groupId, shape.groupId
    account = (own if within is None else within) if kind != "group" else (within if own is None else own)
    if kind not in CALL_TYPES or account is None or len(account) > limits.MAX_ACCOUNT_ID_CHARS:
        return None
    if not _known_account(account):
        return None
    if not message_id or len(message_id) > limits.MAX_MESSAGE_ID_CHARS:
        return None
    name = shape.event if kind == "track" else kind
    if not name or len(name) > limits.MAX_EVENT_NAME_CHARS:
        return None
    user = shape.userId or shape.anonymousId or None
    if user is None and not needs_no_user(kind, name):
        return None
    weight = _quick_weight(shape)
    at_ms = _quick_at(shape.timestamp, arrived)
    if weight is None or at_ms is None:
        return None
    return Call(
        account=account, name=name, message_id=message_id, user=user, at_ms=at_ms, weight=weight, type=kind
    )


def _quick_weight(shape: _Shape) -> int | None:
    if not (_is_small(shape.properties) and _is_small(shape.traits)):
        return None
    count = None if shape.properties is None else shape.properties.get("count")
    if count is None:
        return 1
    return count if type(count) is int and 1 <= count <= limits.MAX_WEIGHT else None


def _is_small(bag: dict[str, Any] | None) -> bool:
    if not bag:
        return True
    return len(bag) <= limits.MAX_PROPERTIES and max(map(len, bag)) <= limits.MAX_KEY_CHARS


def _quick_at(timestamp: str | None, arrived: Arrived) -> int | None:
    if timestamp is None:
        return arrived.at_ms
    try:
        at_ms = timestamp_ms(timestamp)
    except ValueError:
        return None
    if at_ms > arrived.at_ms + MAX_AHEAD_MS:
        return None
    if at_ms < arrived.at_ms - arrived.bounds.max_lateness_ms and not arrived.envelope.late_ok:
        return None
    return at_ms


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
