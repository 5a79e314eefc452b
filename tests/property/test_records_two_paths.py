"""The fast way through a record finds exactly what the slow one finds."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.calls import Bounds, Call, parse_call
from stemtide.envelope import Arrived
from stemtide.facts import UnusableFactError, fact_of, is_fact
from stemtide.records import Decoded, count_calls, decode_record

from tests.streams import ARRIVAL

ARRIVED = Arrived(
    at_ms=int(ARRIVAL.timestamp() * 1000), key="acme", bounds=Bounds(max_lateness=timedelta(days=180))
)
SCALARS: Any = (
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
BAGS = st.dictionaries(st.sampled_from(["count", "plan", "k" * 129, "é"]), VALUES, max_size=3) | VALUES


def mostly(good: Any, bad: Any = VALUES) -> Any:
    return st.one_of(good, good, good, good, bad)


CALLS = st.fixed_dictionaries(
    {},
    optional={
        "type": mostly(st.sampled_from(["track", "group", "identify", "page"])),
        "event": mostly(st.sampled_from(["Signed In", "Subscription Ended", ""])),
        "_stemtide": st.just({"facts_only": True}) | st.just({}),
        "messageId": mostly(st.text(min_size=1, max_size=5)),
        "timestamp": mostly(
            st.sampled_from(["2026-03-14T11:00:00Z", "2026-03-14", "20260314T110000", "24:00", ""])
        ),
        "userId": mostly(st.text(max_size=3)),
        "anonymousId": mostly(st.text(max_size=3)),
        "groupId": mostly(st.sampled_from(["acme", "bee", ""])),
        "context": mostly(st.sampled_from([{"groupId": "acme"}, {"groupId": "bee", "x": [1]}, {}, None])),
        "properties": BAGS,
        "traits": BAGS,
    },
)


@settings(max_examples=300, deadline=None)
@given(one=CALLS)
def test_a_call_is_judged_alike_on_both_paths(one: dict[str, Any]) -> None:
    data = json.dumps(one, ensure_ascii=False).encode(errors="surrogatepass")

    decoded = decode_record(data, ARRIVED)

    truth = parse_call(json.loads(data), arrival_ms=ARRIVED.at_ms, bounds=ARRIVED.bounds)
    if not isinstance(truth, Call):
        assert [rejected.rejection.reason for rejected in decoded.rejected] == [truth.reason]
    elif truth.account == ARRIVED.key and is_fact(truth.type, truth.name):
        assert_fact(one, truth, decoded)
    elif truth.account == ARRIVED.key:
        assert decoded.calls == [truth]
    else:
        assert [foreign.account for foreign in decoded.foreign] == [truth.account]


def assert_fact(one: dict[str, Any], truth: Call, decoded: Decoded) -> None:
    try:
        fact = fact_of(one, known_ms=ARRIVED.at_ms, at_ms=truth.at_ms)
    except UnusableFactError as error:
        reason = error.reason
    else:
        reason = None
    if reason is not None:
        assert [rejected.rejection.reason for rejected in decoded.rejected] == [reason]
        return
    assert decoded.facts == ([] if fact is None else [(truth.account, fact)])
    silent = one.get("_stemtide", {}).get("facts_only", False)
    assert (decoded.calls, decoded.silent) == (([], 1) if silent else ([truth], 0))


@settings(max_examples=120, deadline=None)
@given(
    data=st.binary(max_size=40)
    | st.lists(CALLS, max_size=4).map(lambda calls: json.dumps({"batch": calls}).encode())
)
def test_any_bytes_are_all_accounted_for(data: bytes) -> None:
    decoded = decode_record(data, ARRIVED)

    found = len(decoded.calls) + len(decoded.rejected) + len(decoded.foreign) + decoded.silent
    assert found == decoded.total == count_calls(data)
