"""An answer of the aggregates that Lambda would misread is found at once."""

from typing import Any

import pytest

from tests.simulation.answers import BadAnswer, read_answer
from tests.simulation.kinds import AGGREGATE, ARCHIVE
from tests.simulation.pool import pool
from tests.simulation.stream import Rec, Stream


@pytest.fixture
def recs() -> list[Rec]:
    stream = Stream(shards=1, hashes={"acme": 0}, created_ms=0)
    return [stream.put("acme", (pool().fresh["acme"][at],), arrival_ms=at, b64="") for at in range(3)]


def of(*recs: Rec) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(rec.sequence)} for rec in recs]}


def test_the_lowest_named_record_is_the_first_that_failed(recs: list[Rec]) -> None:
    assert read_answer(AGGREGATE, of(), recs) is None
    assert read_answer(AGGREGATE, of(recs[2], recs[1]), recs) == 1


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        [],
        "",
        {"batchItemFailures": None},
        {"batchItemFailures": "x"},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": 7}]},
        {"batchItemFailures": [{"sequenceNumber": "7"}]},
        {"batchItemFailures": [], "more": 1},
    ],
)
def test_any_other_shape_is_wrong(recs: list[Rec], answer: Any) -> None:
    with pytest.raises(BadAnswer):
        read_answer(AGGREGATE, answer, recs)


def test_a_record_that_was_not_delivered_cannot_have_failed(recs: list[Rec]) -> None:
    with pytest.raises(BadAnswer):
        read_answer(AGGREGATE, of(recs[2]), recs[:2])


def test_the_archive_answers_nothing(recs: list[Rec]) -> None:
    assert read_answer(ARCHIVE, None, recs) is None
    with pytest.raises(BadAnswer):
        read_answer(ARCHIVE, of(recs[0]), recs)
