"""What follows from an invocation of a stream mapping, decided without clock or emulator."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.emulator.event_sources.decisions import (
    Failed,
    FailedFrom,
    Succeeded,
    Throttled,
    back_off_seconds,
    drop_expired,
    read_response,
    settle,
)
from infra.local.emulator.event_sources.model import (
    Condition,
    Piece,
    Record,
    Settings,
    UnsupportedSetting,
    read_settings,
)


def records(*numbers: int) -> tuple[Record, ...]:
    return tuple(Record(str(number), float(number), 100, {"n": number}) for number in numbers)


def failures(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


@pytest.mark.parametrize("body", [None, {}, "", {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_null_and_empty_answers_are_a_complete_success(body: Any) -> None:
    outcome = read_response(body, records(1, 2), partial=True)

    assert outcome == Succeeded()


@pytest.mark.parametrize(
    "body",
    [
        failures(""),
        failures(None),
        failures("99"),
        failures("2", ""),
        failures(2),
        {"batchItemFailures": [{"wrongKey": "2"}]},
        {"batchItemFailures": ["2"]},
        {"batchItemFailures": "2"},
        "2",
        [],
        7,
    ],
)
def test_bad_identifiers_and_answers_that_are_no_object_are_a_complete_failure(body: Any) -> None:
    outcome = read_response(body, records(1, 2), partial=True)

    assert outcome == Failed()


def test_the_lowest_failed_sequence_counts_whatever_the_order_of_the_answer() -> None:
    outcome = read_response(failures("9", "5", "10"), records(4, 5, 9, 10), partial=True)

    assert outcome == FailedFrom(1)


def test_the_answer_is_not_looked_at_when_partial_responses_are_off() -> None:
    outcome = read_response(failures("1"), records(1, 2), partial=False)

    assert outcome == Succeeded()


def test_a_partial_failure_moves_the_checkpoint_and_retries_from_the_failed_record() -> None:
    step = settle(Piece(records(1, 2, 3, 4)), FailedFrom(2), Settings(max_retries=3))

    assert step.checkpoint == "2"
    assert step.discard is None
    assert step.rest == (Piece(records(3, 4), failures=1, tries=1),)


def test_with_bisecting_a_partial_failure_splits_there_without_using_up_a_retry() -> None:
    step = settle(Piece(records(1, 2, 3)), FailedFrom(1), Settings(max_retries=0, bisect=True))

    assert step.checkpoint == "1"
    assert step.rest == (Piece(records(2, 3), failures=0, tries=1),)


def test_bisecting_halves_a_failed_batch_without_using_up_a_retry() -> None:
    step = settle(Piece(records(1, 2, 3)), Failed(), Settings(max_retries=0, bisect=True))

    assert step.checkpoint is None
    assert step.rest == (Piece(records(1), tries=1), Piece(records(2, 3), tries=1))


def test_a_failed_batch_is_given_up_when_its_retries_are_used_up() -> None:
    first = settle(Piece(records(1, 2)), Failed(), Settings(max_retries=1))

    second = settle(first.rest[0], Failed(), Settings(max_retries=1))

    assert first.rest == (Piece(records(1, 2), failures=1, tries=1),)
    assert second.rest == ()
    assert second.checkpoint == "2"
    assert second.discard is not None
    assert second.discard.condition is Condition.RETRIES_EXHAUSTED
    assert second.discard.piece.tries == 2


def test_without_a_limit_a_failed_batch_is_tried_for_ever() -> None:
    piece = Piece(records(1), failures=10_000, tries=10_000)

    step = settle(piece, Failed(), Settings(max_retries=None))

    assert step.discard is None
    assert step.rest == (Piece(records(1), failures=10_001, tries=10_001),)


def test_throttling_costs_no_retry() -> None:
    piece = Piece(records(1, 2), failures=1, tries=1)

    step = settle(piece, Throttled(), Settings(max_retries=1))

    assert step.rest == (piece,)
    assert step.checkpoint is None


def test_records_beyond_the_maximum_age_are_given_up_and_the_younger_ones_kept() -> None:
    step = drop_expired(Piece(records(10, 20, 30)), Settings(max_age_seconds=60), now=85.0)

    assert step.discard is not None
    assert step.discard.condition is Condition.TOO_OLD
    assert [record.sequence for record in step.discard.piece.records] == ["10", "20"]
    assert step.checkpoint == "20"
    assert step.rest == (Piece(records(30)),)


def test_without_a_maximum_age_nothing_grows_too_old() -> None:
    piece = Piece(records(1))

    step = drop_expired(piece, Settings(max_age_seconds=None), now=1e12)

    assert step.rest == (piece,)
    assert step.discard is None


def test_pauses_double_up_to_their_cap() -> None:
    pauses = [back_off_seconds(tries, base=0.05, cap=1.0) for tries in (1, 2, 3, 4, 5, 6, 1_000)]

    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_minus_one_means_without_limit() -> None:
    settings = read_settings({"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": "-1"})

    assert settings.max_retries is None
    assert settings.max_age_seconds is None


def test_settings_written_as_strings_by_cloudformation_are_understood() -> None:
    settings = read_settings(
        {
            "BatchSize": "500",
            "MaximumBatchingWindowInSeconds": "1",
            "MaximumRetryAttempts": "0",
            "BisectBatchOnFunctionError": "true",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::dead"}},
        }
    )

    assert settings == Settings(
        batch_size=500,
        window_seconds=1.0,
        max_retries=0,
        bisect=True,
        partial=True,
        destination="arn:aws:s3:::dead",
    )


def test_a_tumbling_window_is_refused() -> None:
    with pytest.raises(UnsupportedSetting, match="TumblingWindowInSeconds"):
        read_settings({"TumblingWindowInSeconds": 30})
