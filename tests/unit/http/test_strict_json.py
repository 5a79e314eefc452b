"""What other readers would understand differently is refused; everything else is read as json does."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.calls import Reason, exceeds_depth
from stemtide.http.strict_json import BadJson, dumps, loads

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | text
values = st.recursive(
    scalars.filter(lambda v: not (isinstance(v, float) and math.isinf(v))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_valid_json_is_read_as_the_standard_library_does(value: object, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()

    assert loads(data) == value
    assert loads(dumps(loads(data))) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_reason(data: bytes) -> None:
    try:
        value = loads(data)
    except BadJson as error:
        assert error.reason in (Reason.INVALID_JSON, Reason.DUPLICATE_KEY, Reason.TOO_DEEP)  # noqa: PT017
    else:
        assert loads(dumps(value)) == value


@given(st.integers(1, 60), st.sampled_from(["[", '{"a":']))
def test_the_depth_bound_is_exact(levels: int, opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    data = (opening * levels + ("1" if closing == "}" else "") + closing * levels).encode()

    if levels <= 32:
        assert not exceeds_depth(loads(data), limit=levels)
    else:
        with pytest.raises(BadJson, match="deeper than 32 levels"):
            loads(data)


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", Reason.INVALID_JSON, "Expecting value at line 1 column 1"),
        (b'{"a": 1,}', Reason.INVALID_JSON, "at line 1 column"),
        (b"{'a': 1}", Reason.INVALID_JSON, "at line 1 column 2"),
        (b'{"a": 1} x', Reason.INVALID_JSON, "Extra data"),
        (b'{"a": "\n"}', Reason.INVALID_JSON, "Invalid control character"),
        (b'\xef\xbb\xbf{"a": 1}', Reason.INVALID_JSON, "Expecting value"),
        (b'{"a": "\xff"}', Reason.INVALID_JSON, "byte 7 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), Reason.INVALID_JSON, "not UTF-8"),
        (b"[NaN]", Reason.INVALID_JSON, "NaN is not JSON"),
        (b"[Infinity]", Reason.INVALID_JSON, "Infinity is not JSON"),
        (b"[-Infinity]", Reason.INVALID_JSON, "-Infinity is not JSON"),
        (b"[1e999]", Reason.INVALID_JSON, "1e999 is too large for a double"),
        (b"[18446744073709551616]", Reason.INVALID_JSON, "does not fit 64 bits"),
        (b"[-9223372036854775809]", Reason.INVALID_JSON, "does not fit 64 bits"),
        (b"[" + b"9" * 200_000 + b"]", Reason.INVALID_JSON, "does not fit 64 bits"),
        (b'{"a": 1, "b": 2, "a": 1}', Reason.DUPLICATE_KEY, "key 'a' occurs twice"),
        (b'{"x": [{"a": 1, "\\u0061": 2}]}', Reason.DUPLICATE_KEY, "key 'a' occurs twice"),
        (b'["\\ud83d"]', Reason.INVALID_JSON, "half of a surrogate pair"),
        (b'{"\\uDE00": 1}', Reason.INVALID_JSON, "half of a surrogate pair"),
        (b"[" * 500_000, Reason.TOO_DEEP, "deeper than 32 levels"),
        (b'{"a":' * 100_000, Reason.TOO_DEEP, "deeper than 32 levels"),
        (b"[" * 33 + b"]" * 33, Reason.TOO_DEEP, "deeper than 32 levels"),
    ],
)
def test_what_is_refused_names_its_reason(data: bytes, reason: Reason, detail: str) -> None:
    with pytest.raises(BadJson) as caught:
        loads(data)

    assert caught.value.reason is reason
    assert detail in caught.value.detail
    assert len(caught.value.detail) < 200


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"-0", 0),
        (b"-0.0", -0.0),
        (b"18446744073709551615", 2**64 - 1),
        (b"0.1000000000000000055511151231257827021181583404541015625", 0.1),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\\\ud83d"', "\\ud83d"),
        (b' {"a": {}} \n', {"a": {}}),
    ],
)
def test_the_unusual_but_valid_is_taken(data: bytes, value: object) -> None:
    assert loads(data) == value
