import json
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide import limits
from stemtide.calls import Bounds, Call, parse_call
from stemtide_cli import packing
from stemtide_cli.packing import DAY_US, Packed, pack

FINGERPRINT = "f" * 16


def row(number: int, *, account: str, day: int, size: int = 0, skip: str | None = None) -> tuple[Any, ...]:
    """A row as the log gives it, one property `note` of `size` characters."""
    at = f"2024-05-{day + 1:02}T00:00:00.000Z"
    note = "x" * size if size else None
    return (day * DAY_US + number, number, skip, account, "u", "Opened", at, None, note)


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 2),
        st.integers(0, 600),
        st.sampled_from([None, None, "no_event"]),
    ),
    max_size=120,
).map(
    lambda drawn: [
        row(i, account=account, day=day, size=size, skip=skip)
        for i, (account, day, size, skip) in enumerate(sorted(drawn, key=lambda d: d[1]))
    ]
)


@pytest.fixture(scope="module", autouse=True)
def _small_limits() -> Any:
    """Limits that a few rows reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "ID_WINDOW", 4)
        patch.setattr(limits, "MAX_RECORD_BYTES", 1500)
        patch.setattr(packing, "MAX_ENTRIES", 2)
        patch.setattr(packing, "MAX_REQUEST_BYTES", 2600)
        yield


def packed(rows: list[tuple[Any, ...]]) -> Packed:
    return pack(rows, fingerprint=FINGERPRINT, properties=("note",))


def calls(entry: packing.Entry) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(entry.data)["batch"]
    return found


@given(ROWS)
def test_every_row_is_sent_once_or_skipped_with_its_reason(rows: list[tuple[Any, ...]]) -> None:
    result = packed(rows)

    sent = [call["messageId"] for request in result.requests for entry in request for call in calls(entry)]
    expected = [f"{FINGERPRINT}-{r[1]}" for r in rows if r[2] is None]
    assert Counter(sent) == Counter(expected)
    assert result.sent == len(expected)
    assert sum(result.skipped.values()) == len(rows) - len(expected)


@given(ROWS)
def test_an_accounts_calls_keep_their_order_and_their_record_key(rows: list[tuple[Any, ...]]) -> None:
    result = packed(rows)

    order: dict[str, list[str]] = defaultdict(list)
    for request in result.requests:
        for entry in request:
            order[entry.account] += [call["messageId"] for call in calls(entry)]
            assert {call["context"]["groupId"] for call in calls(entry)} == {entry.account}
    for account, ids in order.items():
        assert ids == [f"{FINGERPRINT}-{r[1]}" for r in rows if r[3] == account and r[2] is None]


@given(ROWS)
def test_a_request_stays_within_the_id_window_and_the_limits_of_kinesis(rows: list[tuple[Any, ...]]) -> None:
    for request in packed(rows).requests:
        accounts = [entry.account for entry in request]
        assert 0 < len(request) <= packing.MAX_ENTRIES
        assert len(set(accounts)) == len(accounts)
        assert sum(len(e.data) + len(e.account) for e in request) <= packing.MAX_REQUEST_BYTES
        for entry in request:
            of_day = Counter(call["timestamp"][:10] for call in calls(entry))
            assert max(of_day.values()) <= limits.ID_WINDOW
            assert len(entry.data) <= limits.MAX_RECORD_BYTES
            assert entry.calls == len(calls(entry))


@given(ROWS)
def test_the_same_rows_are_always_cut_the_same_way(rows: list[tuple[Any, ...]]) -> None:
    assert packed(rows) == packed(list(rows))


def test_a_call_that_no_record_can_hold_is_skipped() -> None:
    result = packed([row(0, account="a", day=0, size=2000), row(1, account="a", day=0)])

    assert result.skipped == {"too_large": 1}
    assert result.sent == 1


def test_a_record_says_that_it_is_a_replay_and_its_calls_are_accepted_however_late() -> None:
    rows = [
        (0, 5, None, "acme", "u-1", "Report Viewed", "1999-05-01T10:00:00.123Z", 3, "n"),
        (0, 6, None, "acme", None, "Report Viewed", "1999-05-01T10:00:00.123Z", None, float("nan")),
    ]

    [[entry]] = packed(rows).requests

    record = json.loads(entry.data)
    assert record["_stemtide"] == {"origin": "replay", "late_ok": True}
    bounds = Bounds(max_lateness=timedelta(days=1))
    parsed = [parse_call(c, arrival_ms=10**12, bounds=bounds, late_ok=True) for c in record["batch"]]
    assert parsed == [
        Call(
            account="acme",
            name="Report Viewed",
            message_id=f"{FINGERPRINT}-5",
            user="u-1",
            at_ms=925552800123,
            weight=3,
            type="track",
        ),
        Call(
            account="acme",
            name="Report Viewed",
            message_id=f"{FINGERPRINT}-6",
            user="acme",
            at_ms=925552800123,
            weight=1,
            type="track",
        ),
    ]
    assert msgspec.json.decode(entry.data) == record
