"""What follows from an invocation: the next checkpoint, what to try next, what is given up. No clock, no I/O.

Written from "Using AWS Lambda with Kinesis / DynamoDB" (developer guide): batch item failures, bisecting,
retry quota, record age. Where the guide is silent the function says what was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .model import Condition, Piece, Record, Settings


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Every record was processed."""


@dataclass(frozen=True, slots=True)
class FailedFrom:
    """The function named the first record it could not process, by its index in the piece."""

    index: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The function raised, timed out, or answered what counts as a complete failure."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """The function was not invoked: no concurrency left, or no such function at the moment."""


Outcome = Succeeded | FailedFrom | Failed | Throttled


@dataclass(frozen=True, slots=True)
class Discard:
    """Records given up, for the on-failure destination."""

    piece: Piece
    condition: Condition


@dataclass(frozen=True, slots=True)
class Step:
    """What to do after an invocation, in this order: discard, save the checkpoint, back off, try the rest."""

    checkpoint: str | None = None
    discard: Discard | None = None
    rest: tuple[Piece, ...] = ()


def read_response(body: Any, records: Sequence[Record], *, partial: bool) -> Outcome:
    """The outcome of an invocation that raised nothing.

    "Lambda treats a batch as a complete success if you return: an empty batchItemFailure list, a null
    batchItemFailure list, an empty EventResponse, a null EventResponse", and "as a complete failure if you
    return: an empty string itemIdentifier, a null itemIdentifier, an itemIdentifier with a bad key name". An
    identifier that is not in the batch, and an answer that is no object, count as complete failures too.
    """
    if not partial or body is None or body == {} or body == "":
        return Succeeded()
    if not isinstance(body, Mapping):
        return Failed()
    named = body.get("batchItemFailures")
    if named is None or named == []:
        return Succeeded()
    if not isinstance(named, list):
        return Failed()
    return _lowest(named, records)


def _lowest(named: list[Any], records: Sequence[Record]) -> Outcome:
    """ "If the array contains multiple items, Lambda uses the record with the lowest sequence number"."""
    index_of = {record.sequence: index for index, record in enumerate(records)}
    indexes = [_index(item, index_of) for item in named]
    known = [index for index in indexes if index is not None]
    return FailedFrom(min(known)) if len(known) == len(indexes) else Failed()


def _index(item: Any, index_of: Mapping[str, int]) -> int | None:
    identifier = item.get("itemIdentifier") if isinstance(item, Mapping) else None
    return index_of.get(identifier) if isinstance(identifier, str) else None


def settle(piece: Piece, outcome: Outcome, settings: Settings) -> Step:
    """What follows for a piece after one try of it."""
    tried = Piece(piece.records, piece.failures, piece.tries + 1)
    match outcome:
        case Succeeded():
            return Step(checkpoint=piece.records[-1].sequence)
        case Throttled():
            return Step(rest=(piece,))
        case FailedFrom(index) if index > 0:
            return _partly_done(tried, index, settings)
        case _:
            return _not_done(tried, settings)


def _partly_done(tried: Piece, index: int, settings: Settings) -> Step:
    """Checkpoint before the failed record; with bisecting the split there uses up no retry."""
    before = tried.records[index - 1].sequence
    rest = Piece(tried.records[index:], 0 if settings.bisect else 1, tried.tries)
    if settings.max_retries is not None and rest.failures > settings.max_retries:
        return Step(checkpoint=rest.records[-1].sequence, discard=Discard(rest, Condition.RETRIES_EXHAUSTED))
    return Step(checkpoint=before, rest=(rest,))


def _not_done(tried: Piece, settings: Settings) -> Step:
    """Halve ("splitting a batch doesn't consume the retry quota"), retry, or give up.

    A partial failure at the very first record cannot be split there; with bisecting it is halved like a
    function error, so that one bad record does not take its successors with it.
    """
    if settings.bisect and len(tried.records) > 1:
        middle = len(tried.records) // 2
        halves = tried.records[:middle], tried.records[middle:]
        return Step(rest=tuple(Piece(half, tried.failures, tried.tries) for half in halves))
    failed = Piece(tried.records, tried.failures + 1, tried.tries)
    if settings.max_retries is not None and failed.failures > settings.max_retries:
        discard = Discard(failed, Condition.RETRIES_EXHAUSTED)
        return Step(checkpoint=failed.records[-1].sequence, discard=discard)
    return Step(rest=(failed,))


def drop_expired(piece: Piece, settings: Settings, *, now: float) -> Step:
    """Give up the leading records older than the maximum age (seconds); the rest stays to be tried.

    "The maximum age of a record that Lambda sends to a function for processing": asked before every try.
    """
    limit = settings.max_age_seconds
    if limit is None:
        return Step(rest=(piece,))
    expired = 0
    while expired < len(piece.records) and now - piece.records[expired].arrival > limit:
        expired += 1
    if not expired:
        return Step(rest=(piece,))
    gone = Piece(piece.records[:expired], piece.failures, piece.tries)
    left = piece.records[expired:]
    rest = (Piece(left, piece.failures, piece.tries),) if left else ()
    return Step(checkpoint=gone.records[-1].sequence, discard=Discard(gone, Condition.TOO_OLD), rest=rest)


def back_off_seconds(tries: int, *, base: float, cap: float) -> float:
    """The pause before try number `tries` + 1: doubling from `base` up to `cap`, in seconds."""
    return min(cap, base * 2.0 ** min(max(tries - 1, 0), 30))
