"""JSON as RFC 8259 means it: what other readers would understand differently is refused, not guessed."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from stemtide import limits
from stemtide.calls import Reason, Rejection, exceeds_depth, is_unicode

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1
"""Integers that 64 bits hold, signed or unsigned; longer ones lose digits in most readers."""

T = TypeVar("T")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class BadJson(ValueError):  # noqa: N818 - named for what it is about, as the callers read it
    """JSON that is refused; `detail` says where and what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def loads(data: bytes, *, max_depth: int = limits.MAX_JSON_DEPTH) -> object:
    """The value in UTF-8 JSON text; objects are dicts, integers stay integers.

    Raises:
        BadJson: not UTF-8, not JSON, NaN or Infinity (also as an overflowing number such as 1e999), an
            integer beyond 64 bits, a key twice in one object, half of a surrogate pair, or nested deeper
            than `max_depth` (the outermost value is level 1).
    """
    value, suspicious = loads_marked(data, max_depth=max_depth)
    flaw = flaw_in(value) if suspicious else None
    if flaw is not None:
        raise BadJson(flaw.reason, flaw.detail)
    return value


def loads_marked(data: bytes, *, max_depth: int) -> tuple[object, bool]:
    """The value with a `Rejection` in the place of what is JSON and yet refused.

    So one call's flaw need not take its whole batch along: `flaw_in` finds it in the call. The second
    result tells whether there may be one.

    Raises:
        BadJson: not UTF-8, not JSON, or nested deeper than `max_depth`.
    """
    marks: list[Rejection] = []
    try:
        value: object = _decoder(marks).decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadJson(Reason.INVALID_JSON, f"byte {error.start} is not UTF-8: send UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadJson(Reason.INVALID_JSON, f"{error.msg} at {where}") from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    if exceeds_depth(value, limit=max_depth):
        raise _too_deep(max_depth)
    return value, bool(marks) or _SURROGATE_ESCAPE.search(data) is not None


def flaw_in(value: object) -> Rejection | None:
    """The first refused thing in a value from `loads_marked`: a mark, or half of a surrogate pair."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Rejection):
            return found
        if isinstance(found, str) and not is_unicode(found):
            detail = "a \\u escape is half of a surrogate pair: send the whole character"
            return Rejection(Reason.INVALID_JSON, detail)
        if isinstance(found, dict):
            waiting += [*found.values(), *found]
        elif isinstance(found, list):
            waiting += found
    return None


def dumps(value: object) -> bytes:
    """A value from `loads` as compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _too_deep(max_depth: int) -> BadJson:
    return BadJson(Reason.TOO_DEEP, f"nested deeper than {max_depth} levels: flatten it")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | Rejection:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        detail = f"key {ascii(twice)[:120]} occurs twice in one object: send it once"
        return Rejection(Reason.DUPLICATE_KEY, detail)
    return found


def _integer(digits: str) -> int | Rejection:
    value = int(digits) if len(digits) <= 20 else MAX_INTEGER + 1
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        detail = f"integer {digits[:40]} does not fit 64 bits: send it as a string"
        return Rejection(Reason.INVALID_JSON, detail)
    return value


def _number(digits: str) -> float | Rejection:
    value = float(digits)
    if not math.isfinite(value):
        return Rejection(Reason.INVALID_JSON, f"number {digits[:40]} is too large for a double")
    return value


def _constant(name: str) -> NoReturn:
    raise BadJson(Reason.INVALID_JSON, f"{name} is not JSON: leave the key out or send null")


def _decoder(marks: list[Rejection]) -> json.JSONDecoder:
    """A decoder that puts a mark where something is refused and lists the marks."""

    def marking(read: Callable[[T], object]) -> Callable[[T], object]:
        def hook(source: T) -> object:
            value = read(source)
            if isinstance(value, Rejection):
                marks.append(value)
            return value

        return hook

    return json.JSONDecoder(
        object_pairs_hook=marking(_object),
        parse_int=marking(_integer),
        parse_float=marking(_number),
        parse_constant=_constant,
    )
