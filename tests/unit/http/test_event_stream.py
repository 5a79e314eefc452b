"""Every account's records reach the stream in order, whatever part of a request fails."""

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from stemtide import limits
from stemtide.delivery.event_stream import MAX_SECONDS, MAX_STRAINED_ROUNDS, EventStream, Record
from stemtide.http.incoming import Accepted
from stemtide.http.packing import pack
from stemtide.store import clients

from infra.sizes import SIZES

Fails = Callable[[int, str], bool]


class Kinesis:
    """PutRecords whose entries fail when `fails(request number, account)` says so."""

    def __init__(self, fails: Fails) -> None:
        self.fails = fails
        self.requests: list[list[dict[str, Any]]] = []
        self.stored: dict[str, list[bytes]] = defaultdict(list)

    def put_records(self, **request: Any) -> dict[str, Any]:
        entries = request["Records"]
        self.requests.append(entries)
        assert len(entries) <= 500
        results: list[dict[str, str]] = []
        for entry in entries:
            if self.fails(len(self.requests), entry["PartitionKey"]):
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.stored[entry["PartitionKey"]].append(entry["Data"])
                results.append({"SequenceNumber": "1", "ShardId": "shardId-000000000000"})
        return {"Records": results, "FailedRecordCount": 0}


def records(**counts: int) -> dict[str, list[Record]]:
    places = iter(range(10_000))
    return {
        account: [Record(account=account, data=b"%d" % n, indexes=(next(places),)) for n in range(count)]
        for account, count in counts.items()
    }


def stream(client: Any, pauses: list[float] | None = None) -> EventStream:
    return EventStream(client=client, name="events", sleep=(pauses if pauses is not None else []).append)


def test_an_account_has_at_most_one_record_in_a_request() -> None:
    kinesis = Kinesis(lambda *_: False)

    outcome = stream(kinesis).publish(records(a=3, b=1))

    assert [[entry["PartitionKey"] for entry in r] for r in kinesis.requests] == [["a", "b"], ["a"], ["a"]]
    assert outcome.stored == [0, 1, 2, 3]


def test_only_failed_entries_are_sent_again_after_a_pause() -> None:
    kinesis = Kinesis(lambda request, account: request == 1 and account == "b")
    pauses: list[float] = []

    outcome = stream(kinesis, pauses).publish(records(a=1, b=1, c=1))

    assert [[entry["PartitionKey"] for entry in r] for r in kinesis.requests] == [["a", "b", "c"], ["b"]]
    assert (outcome.stored, outcome.failed) == ([0, 1, 2], [])
    assert len(pauses) == 1
    assert 0.05 <= pauses[0] <= 0.1


def test_what_the_stream_never_takes_is_named_and_the_rest_is_stored() -> None:
    kinesis = Kinesis(lambda _, account: account == "b")
    pauses: list[float] = []

    outcome = stream(kinesis, pauses).publish(records(a=1, b=2))

    assert (outcome.stored, outcome.failed) == ([0], [1, 2])
    assert len(kinesis.requests) == MAX_STRAINED_ROUNDS
    assert sum(pauses) < 5


def test_no_request_begins_so_late_that_the_function_could_be_cut_off() -> None:
    seconds = [0.0]

    class Hangs(Kinesis):
        """The first entries are taken, the others wait for an answer that never comes."""

        def put_records(self, **request: Any) -> dict[str, Any]:
            if not self.requests:
                return super().put_records(**request)
            self.requests.append(request["Records"])
            seconds[0] += most_seconds(clients.EDGE_ONE_TRY)
            raise ReadTimeoutError(endpoint_url="x")

    kinesis = Hangs(lambda *_: False)
    outcome = EventStream(
        client=kinesis, name="events", sleep=lambda _: None, monotonic=lambda: seconds[0]
    ).publish(records(a=2, b=1))

    assert (outcome.stored, outcome.failed) == ([0, 2], [1])
    assert len(kinesis.requests) == 3
    assert seconds[0] < SIZES["ingest"].timeout_s


def test_a_pause_before_a_request_counts_as_well() -> None:
    """Refusals that take a second each, then one pause that would end too late."""
    seconds, begun = [0.0], list[float]()

    class Refuses(Kinesis):
        def put_records(self, **request: Any) -> dict[str, Any]:
            begun.append(seconds[0])
            seconds[0] += 1.25
            return super().put_records(**request)

    def sleep(pause: float) -> None:
        seconds[0] += pause

    outcome = EventStream(
        client=Refuses(lambda *_: True), name="events", sleep=sleep, jitter=lambda: 1.0,
        monotonic=lambda: seconds[0],
    ).publish(records(a=1))  # fmt: skip

    assert outcome.failed == [0]
    assert len(begun) == MAX_STRAINED_ROUNDS - 1
    assert max(begun) < MAX_SECONDS


@pytest.mark.parametrize("function", ["api", "preferences", "webhooks"])
def test_a_request_without_an_answer_ends_before_the_function_is_cut_off(function: str) -> None:
    assert most_seconds(clients.EDGE) < SIZES[function].timeout_s


def most_seconds(config: Any) -> float:
    """How long one call of a client takes at most, but for the pauses between its tries."""
    tries = config.retries["total_max_attempts"]
    return float(tries * (config.connect_timeout + config.read_timeout))


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 6), st.floats(0, 0.7))
def test_order_and_accounting_hold_under_random_failures(
    seed: int, accounts: int, most: int, rate: float
) -> None:
    chance = random.Random(seed)
    kinesis = Kinesis(lambda *_: chance.random() < rate)
    sent = records(**{f"a{n}": chance.randint(1, most) for n in range(accounts)})

    outcome = stream(kinesis).publish(sent)

    for account, own in sent.items():
        assert kinesis.stored[account] == [r.data for r in own][: len(kinesis.stored[account])]
    stored = {
        i for own in sent.values() for r in own if r.data in kinesis.stored[r.account] for i in r.indexes
    }
    assert set(outcome.stored) == stored
    assert sorted(outcome.stored + outcome.failed) == sorted(
        i for own in sent.values() for r in own for i in r.indexes
    )


def test_more_accounts_than_a_request_holds_take_several() -> None:
    kinesis = Kinesis(lambda *_: False)

    outcome = stream(kinesis).publish(records(**{f"a{n}": 1 for n in range(1201)}))

    assert [len(r) for r in kinesis.requests] == [500, 500, 201]
    assert len(outcome.stored) == 1201


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def put_records(self, **_: Any) -> dict[str, Any]:
        raise self.error


def client_error(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutRecords"
    )


@pytest.mark.parametrize(
    "error",
    [
        client_error("LimitExceededException", 400),
        client_error("InternalFailure", 500),
        ConnectTimeoutError(endpoint_url="x"),
    ],
)
def test_a_request_that_fails_for_a_passing_reason_counts_as_failed_entries(error: Exception) -> None:
    outcome = stream(Broken(error)).publish(records(a=2))

    assert outcome.failed == [0, 1]


def test_a_request_that_can_never_succeed_raises() -> None:
    with pytest.raises(ClientError):
        stream(Broken(client_error("AccessDeniedException", 400))).publish(records(a=1))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 400)), max_size=40), st.integers(420, 1000))
def test_records_hold_every_call_once_in_order_and_no_more_than_fits(
    calls: list[tuple[str, int]], max_bytes: int
) -> None:
    accepted = [
        Accepted(index=i, account=account, data=b"%0*d" % (size, i))
        for i, (account, size) in enumerate(calls)
    ]

    packed = pack(accepted, max_bytes=max_bytes)

    for account, own in packed.items():
        wanted = [call.index for call in accepted if call.account == account]
        assert [i for record in own for i in record.indexes] == wanted
        assert all(len(record.data) <= max_bytes for record in own)
        assert all(record.data.startswith(b'{"batch":[') for record in own if len(record.indexes) > 1)
    assert set(packed) == {call.account for call in accepted}


def test_a_call_of_the_largest_size_fits_a_record() -> None:
    largest = Accepted(index=0, account="a", data=b"x" * limits.MAX_RECORD_BYTES)

    packed = pack([largest, largest])

    assert [len(record.data) for record in packed["a"]] == [limits.MAX_RECORD_BYTES] * 2
