"""What an invocation answers, held to the shape that Lambda takes for what is meant.

Lambda reads an answer of another shape as a success or as a failure of everything (developer guide, "Partial
batch response"): the one loses records, the other repeats a batch for ever.
"""

from collections.abc import Sequence
from typing import Any

from tests.simulation.kinds import AGGREGATE
from tests.simulation.stream import Rec


class BadAnswer(Exception):  # noqa: N818 - reads as what it says
    """Not what the consumer promises to answer."""


def read_answer(consumer: int, answer: Any, recs: Sequence[Rec]) -> int | None:
    """The index of the first failed record that an answer names; None: all is done.

    Raises:
        BadAnswer: anything but the exact shape, with sequence numbers of the batch.
    """
    if consumer != AGGREGATE:
        if answer is not None:
            raise BadAnswer(f"the archive answered {answer!r}")
        return None
    if not isinstance(answer, dict) or answer.keys() != {"batchItemFailures"}:
        raise BadAnswer(f"the aggregates answered {answer!r}")
    failures = answer["batchItemFailures"]
    if failures == []:
        return None
    places = {rec.entry["kinesis"]["sequenceNumber"]: at for at, rec in enumerate(recs)}
    if not isinstance(failures, list) or not all(_names_one_of(places, failure) for failure in failures):
        raise BadAnswer(f"the aggregates answered {answer!r}")
    return min(places[failure["itemIdentifier"]] for failure in failures)


def _names_one_of(places: dict[str, int], failure: Any) -> bool:
    return (
        isinstance(failure, dict)
        and failure.keys() == {"itemIdentifier"}
        and isinstance(failure["itemIdentifier"], str)
        and failure["itemIdentifier"] in places
    )
