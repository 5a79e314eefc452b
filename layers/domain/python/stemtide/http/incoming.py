"""From a request's body to calls that may enter the stream, and those that may not with their reason."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from stemtide import limits
from stemtide.calls import Bounds, Reason, Rejection, is_unicode, iso_of, parse_call
from stemtide.envelope import ENVELOPE
from stemtide.http import strict_json
from stemtide.http.bodies import RejectedCall
from stemtide.http.problem import Problem

RESERVED_KEY: Final = ENVELOPE
"""Only the product's own writers set it; whoever could send it could backdate and redirect calls."""
MAX_BODY_DEPTH: Final = 2 * limits.MAX_JSON_DEPTH
"""A body may nest deeper than a call, so that one call that is too deep does not take its batch along."""
MAX_CONTEXT_EXPANSION: Final = 4 * limits.MAX_HTTP_BODY_BYTES
"""Bytes that a batch's shared `context` may take when it is copied into every call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A call that may enter the stream: its place in the request, its account, its JSON."""

    index: int
    account: str
    data: bytes


@dataclass(slots=True, kw_only=True)
class Incoming:
    """What a request holds, sorted out."""

    is_batch: bool
    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[RejectedCall] = field(default_factory=list)


def new_message_id() -> str:
    """An id for a call that has none."""
    return uuid.uuid4().hex


def read_calls(
    data: bytes, *, arrival_ms: int, bounds: Bounds, new_id: Callable[[], str] = new_message_id
) -> Incoming:
    """Sort out the calls in a body.

    A call without `messageId` is given one, and one without `timestamp` that of its arrival, so that it
    stays the same event however often the stream delivers it. A `messageId` that is no string becomes one.

    Raises:
        Problem: 400 with `reason` when the body as a whole cannot be read, 413 for an inflated context.
    """
    try:
        body, suspicious = strict_json.loads_marked(data, max_depth=MAX_BODY_DEPTH)
    except strict_json.BadJson as error:
        raise _refused(error.reason, error.detail) from None
    is_batch = isinstance(body, dict) and "batch" in body
    incoming = Incoming(is_batch=is_batch)
    for index, item in enumerate(_items(body)):
        outcome: tuple[str, bytes] | Rejection | None = strict_json.flaw_in(item) if suspicious else None
        if outcome is None:
            call = _completed(item, arrival_ms=arrival_ms, new_id=new_id)
            outcome = _check(call, arrival_ms=arrival_ms, bounds=bounds)
        if isinstance(outcome, Rejection):
            rejected = RejectedCall(
                index=index, message_id=_sent_id(item), reason=outcome.reason, detail=outcome.detail
            )
            incoming.rejected.append(rejected)
        else:
            incoming.accepted.append(Accepted(index=index, account=outcome[0], data=outcome[1]))
    return incoming


def _items(body: object) -> list[object]:
    """The calls of a body; a batch's own `context` fills in what its calls lack, as Segment does."""
    if isinstance(body, Rejection):
        raise _refused(body.reason, body.detail)
    if not isinstance(body, dict):
        raise _refused(Reason.NOT_AN_OBJECT, 'send a call (an object) or {"batch": [call, ...]}')
    if "batch" not in body:
        return [body]
    if RESERVED_KEY in body:
        raise _refused(Reason.RESERVED_KEY, f"{RESERVED_KEY} is reserved: leave it out")
    calls, shared = _batch(body["batch"]), body.get("context")
    around = {key: value for key, value in body.items() if key != "batch"}
    if (flaw := strict_json.flaw_in(around)) is not None:
        raise _refused(flaw.reason, flaw.detail)
    if not isinstance(shared, dict) or not shared:
        return calls
    if len(strict_json.dumps(shared)) * len(calls) > MAX_CONTEXT_EXPANSION:
        raise _too_large("The batch's context is too large to be copied into its calls")
    return [_with_context(call, shared) for call in calls]


def _batch(calls: object) -> list[object]:
    if not isinstance(calls, list):
        raise _refused(Reason.NOT_AN_OBJECT, "batch is a list of calls")
    if not calls:
        raise _refused(Reason.EMPTY_BATCH, "batch holds no call")
    if len(calls) > limits.MAX_BATCH_CALLS:
        raise _too_large(f"The batch has {len(calls):,} calls, at most {limits.MAX_BATCH_CALLS:,} are taken")
    return calls


def _with_context(call: object, shared: Mapping[str, object]) -> object:
    own = call.get("context", {}) if isinstance(call, dict) else None
    return (
        {**call, "context": {**shared, **own}} if isinstance(call, dict) and isinstance(own, dict) else call
    )


def _completed(item: object, *, arrival_ms: int, new_id: Callable[[], str]) -> object:
    if not isinstance(item, dict):
        return item
    call = dict(item)
    call["messageId"] = _message_id(call.get("messageId"), new_id)
    if call.get("timestamp") is None:
        call["timestamp"] = iso_of(arrival_ms)
    return call


def _message_id(sent: object, new_id: Callable[[], str]) -> str:
    """The id that was sent; a number or the like as its JSON text, so that a repetition is recognised."""
    if sent is None or sent == "":
        return new_id()
    return sent if isinstance(sent, str) else strict_json.dumps(sent).decode("utf-8")


def _check(call: object, *, arrival_ms: int, bounds: Bounds) -> tuple[str, bytes] | Rejection:
    """Account and JSON of a call, or what is against it."""
    if isinstance(call, dict) and RESERVED_KEY in call:
        return Rejection(Reason.RESERVED_KEY, f"{RESERVED_KEY} is reserved: leave it out")
    parsed = parse_call(call, arrival_ms=arrival_ms, bounds=bounds)
    if isinstance(parsed, Rejection):
        return parsed
    data = strict_json.dumps(call)
    if len(data) > limits.MAX_RECORD_BYTES:
        most = limits.MAX_RECORD_BYTES // limits.KIB
        return Rejection(Reason.TOO_LARGE, f"the call has {len(data)} bytes: at most {most} KB")
    return parsed.account, data


def _sent_id(item: object) -> str | None:
    sent = item.get("messageId") if isinstance(item, dict) else None
    return sent[: limits.MAX_MESSAGE_ID_CHARS] if isinstance(sent, str) and is_unicode(sent) else None


def _refused(reason: Reason, detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "invalid-request", f"{reason}: {detail}", extra={"reason": reason})


def _too_large(detail: str) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"{detail}: send smaller batches.",
        extra={"reason": Reason.TOO_LARGE},
    )
