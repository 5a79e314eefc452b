"""The stores' edges: what AWS's errors mean, and when the stream's creation is believed."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Timer
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from stemtide.ports import ConflictError, OutRecord, ThrottledError, UnavailableError
from stemtide.resend import MAX_BYTES, chunks
from stemtide.store import incarnation
from stemtide.store.errors import translated
from stemtide.store.incarnation import StreamIncarnations
from stemtide.store.pace import Threads

DEADLINE_S = 30


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutItem")


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (refusal("ConditionalCheckFailedException"), ConflictError),
        (refusal("ProvisionedThroughputExceededException"), ThrottledError),
        (refusal("ThrottlingException"), ThrottledError),
        (refusal("TransactionConflictException"), ThrottledError),
        (refusal("ReplicatedWriteConflictException"), ThrottledError),
        (refusal("TransactionInProgressException"), UnavailableError),
        (refusal("InternalServerError", 500), UnavailableError),
        (refusal("ServiceUnavailable", 503), UnavailableError),
        (ReadTimeoutError(endpoint_url="x"), UnavailableError),
        (ConnectTimeoutError(endpoint_url="x"), UnavailableError),
        (EndpointConnectionError(endpoint_url="x"), UnavailableError),
        (refusal("ValidationException"), ClientError),
        (refusal("AccessDeniedException"), ClientError),
    ],
)
def test_an_error_is_a_conflict_a_throttle_an_unknown_outcome_or_ours(
    error: Exception, meaning: type[Exception]
) -> None:
    with pytest.raises(meaning) as raised, translated():
        raise error

    assert type(raised.value) is meaning


class Kinesis:
    """A client whose stream was created at `created`."""

    def __init__(self) -> None:
        self.created = datetime(2026, 3, 1, tzinfo=UTC)
        self.calls = 0
        self.throttled = False

    def describe_stream_summary(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if self.throttled:
            raise refusal("LimitExceededException")
        return {"StreamDescriptionSummary": {"StreamCreationTimestamp": self.created}}


MARCH = 1772323200000
APRIL = 1775001600000


@pytest.fixture
def kinesis() -> Kinesis:
    return Kinesis()


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr(incarnation.time, "monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def test_the_creation_is_looked_up_again_after_its_time(
    kinesis: Kinesis, tick: Callable[[float], None]
) -> None:
    incarnations = StreamIncarnations(client=kinesis)
    first = incarnations.created_ms("arn", arrival_ms=APRIL + 1)
    kinesis.created = datetime(2026, 4, 1, tzinfo=UTC)
    tick(1)
    believed = incarnations.created_ms("arn", arrival_ms=APRIL + 1)
    tick(incarnation.TTL_S)

    after = incarnations.created_ms("arn", arrival_ms=APRIL + 1)

    assert (first, believed, after, kinesis.calls) == (MARCH, MARCH, APRIL, 2)


def test_a_record_from_before_the_new_stream_belongs_to_the_old_one(kinesis: Kinesis) -> None:
    incarnations = StreamIncarnations(client=kinesis)
    incarnations.created_ms("arn", arrival_ms=APRIL)
    kinesis.created = datetime(2026, 4, 1, tzinfo=UTC)

    created = incarnations.created_ms("arn", arrival_ms=APRIL - 1, refresh=True)

    assert created == MARCH


def test_a_throttled_look_up_believes_what_was_known(kinesis: Kinesis) -> None:
    incarnations = StreamIncarnations(client=kinesis)
    kinesis.throttled = True
    with pytest.raises(ThrottledError):
        incarnations.created_ms("arn", arrival_ms=APRIL)
    kinesis.throttled = False
    incarnations.created_ms("arn", arrival_ms=APRIL)
    kinesis.throttled = True

    assert incarnations.created_ms("arn", arrival_ms=APRIL, refresh=True) == MARCH


def test_requests_stay_within_the_limits_of_kinesis() -> None:
    records = [OutRecord(key="k", data=b"x" * 250_000)] * 50 + [OutRecord(key="k", data=b"x")] * 1200

    cut = list(chunks(records, range(len(records))))

    assert [index for chunk in cut for index in chunk] == list(range(len(records)))
    assert all(len(chunk) <= 500 for chunk in cut)
    assert all(sum(len(records[i].data) + 1 for i in chunk) <= MAX_BYTES for chunk in cut)


def test_what_runs_side_by_side_has_ended_before_an_error_is_raised() -> None:
    begun, go, ended = Event(), Event(), []

    def step(number: int) -> None:
        if number == 0:
            begun.wait(DEADLINE_S)
            Timer(0.05, go.set).start()
            raise ValueError("the first")
        begun.set()
        assert go.wait(DEADLINE_S)
        ended.append(number)

    with pytest.raises(ValueError, match="the first"):
        Threads(max_workers=3)(step, range(3))

    assert sorted(ended) == [1, 2]
