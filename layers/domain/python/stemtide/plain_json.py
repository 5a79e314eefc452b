"""From the bytes of plain records to their calls: msgspec's typed decoder checks where it decodes.

What it does not accept, or what is not certain to be flat enough, is none here: `records` finds the reasons.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from stemtide import limits
from stemtide.calls import CARRY
from stemtide.envelope import ENVELOPE

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Key = Annotated[str, msgspec.Meta(max_length=limits.MAX_KEY_CHARS)]
_Bag = Annotated[dict[_Key, Any], msgspec.Meta(max_length=limits.MAX_PROPERTIES)]
_NESTING: Final = 2
"""Levels of a plain call: itself, and its context and bags."""
BATCH_START: Final = b'{"batch"'
_CARRY: Final = CARRY.encode()


class _Context(msgspec.Struct, gc=False):
    groupId: str  # noqa: N815 (Segment's names)


class PlainCall(msgspec.Struct, gc=False):
    """What of a call counts, with the bounds of its parts."""

    type: Literal["track", "page", "screen", "identify", "alias"]
    messageId: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_MESSAGE_ID_CHARS)]  # noqa: N815
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    context: _Context
    event: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_EVENT_NAME_CHARS)] | None = None
    userId: _Text | None = None  # noqa: N815
    anonymousId: _Text | None = None  # noqa: N815
    properties: _Bag | None = None
    traits: _Bag | None = None
    envelope: msgspec.UnsetType = msgspec.field(name=ENVELOPE, default=msgspec.UNSET)
    batch: msgspec.UnsetType = msgspec.UNSET


class _Replayed(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The only envelope that is plain: whoever wrote the record vouches for its lateness."""

    late_ok: Literal[True]
    origin: str | None = None


class PlainBatch(msgspec.Struct, gc=False):
    """A record that holds several calls."""

    batch: list[PlainCall]
    envelope: _Replayed | msgspec.UnsetType = msgspec.field(name=ENVELOPE, default=msgspec.UNSET)


class _Elements(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(PlainCall)
_one = _decoder.decode
_lines = _decoder.decode_lines
_many = msgspec.json.Decoder(PlainBatch).decode
_elements = msgspec.json.Decoder(_Elements).decode
_TROUBLE: Final = (msgspec.DecodeError, ValueError, RecursionError)


def decode_lines(datas: Sequence[bytes]) -> list[PlainCall] | None:
    """The calls of records that hold one each, all decoded at once; None: at least one is not plain.

    A line is one call for certain if each begins with a brace after one that ended with a brace: no call
    reaches over such a place, so each line has one at least, and as many calls as lines are one each.
    """
    lines = b"\n".join(datas)
    others = len(datas) - 1
    if lines.count(b"\n") != others or lines.count(b"}\n{") != others or lines[:1] != b"{":
        return None
    if not _is_text(lines):
        return None
    try:
        calls = _lines(lines)
    except _TROUBLE:
        return None
    return calls if len(calls) == len(datas) and _are_flat(lines, calls) else None


def decode_one(data: bytes) -> PlainCall | None:
    """The call of a record that holds one."""
    if not _is_flat(data) or not _is_text(data):
        return None
    try:
        return _one(data)
    except _TROUBLE:
        return None


def decode_batch(data: bytes) -> PlainBatch | None:
    """The calls of a record that holds several."""
    if not _is_text(data):
        return None
    try:
        batch = _many(data)
        if not batch.batch or not (
            _are_flat(data, batch.batch) or all(map(_is_flat, map(bytes, _elements(data).batch)))
        ):
            return None
    except _TROUBLE:
        return None
    return batch


def _is_text(data: bytes) -> bool:
    """Whether it is UTF-8, and has no instant that is read as one of the next second."""
    if _CARRY in data:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_flat(data: bytes) -> bool:
    """Whether a call nests no deeper than is allowed, for certain: it has not even that many brackets."""
    return data.count(b"{") + data.count(b"[") <= limits.MAX_JSON_DEPTH


def _are_flat(data: bytes, calls: list[PlainCall]) -> bool:
    """The same of many calls: not even all brackets that are no call's own would be too many for one."""
    none = [call.properties for call in calls].count(None) + [call.traits for call in calls].count(None)
    spare = data.count(b"{") + data.count(b"[") - 4 * len(calls) + none
    return _NESTING + spare <= limits.MAX_JSON_DEPTH
