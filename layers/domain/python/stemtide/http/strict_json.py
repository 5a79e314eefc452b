"""JSON as RFC 8259 means it: what other readers would understand differently is refused, not guessed."""

import json
import math
import re
from collections import Counter
from typing import Final, NoReturn

from stemtide import limits
from stemtide.calls import Reason, exceeds_depth

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1
"""Integers that 64 bits hold, signed or unsigned; longer ones lose digits in most readers."""

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
    try:
        text = data.decode("utf-8")
        value: object = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise BadJson(Reason.INVALID_JSON, f"byte {error.start} is not UTF-8: send UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadJson(Reason.INVALID_JSON, f"{error.msg} at {where}") from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    if exceeds_depth(value, limit=max_depth):
        raise _too_deep(max_depth)
    if _SURROGATE_ESCAPE.search(data) and not _is_unicode(value):
        detail = "a \\u escape is half of a surrogate pair: send the whole character"
        raise BadJson(Reason.INVALID_JSON, detail)
    return value


def dumps(value: object) -> bytes:
    """A value from `loads` as compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _too_deep(max_depth: int) -> BadJson:
    return BadJson(Reason.TOO_DEEP, f"nested deeper than {max_depth} levels: flatten it")


def _is_unicode(value: object) -> bool:
    try:
        dumps(value)
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        detail = f"key {ascii(twice)[:120]} occurs twice in one object: send it once"
        raise BadJson(Reason.DUPLICATE_KEY, detail)
    return found


def _integer(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else MAX_INTEGER + 1
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        detail = f"integer {digits[:40]} does not fit 64 bits: send it as a string"
        raise BadJson(Reason.INVALID_JSON, detail)
    return value


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadJson(Reason.INVALID_JSON, f"number {digits[:40]} is too large for a double")
    return value


def _constant(name: str) -> NoReturn:
    raise BadJson(Reason.INVALID_JSON, f"{name} is not JSON: leave the key out or send null")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
