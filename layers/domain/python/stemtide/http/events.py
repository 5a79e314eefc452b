"""`POST /v1/events`: calls of producers into the stream."""

from dataclasses import dataclass
from http import HTTPStatus

from stemtide.calls import Bounds
from stemtide.delivery.event_stream import EventStream, Outcome
from stemtide.http.app import busy
from stemtide.http.bodies import EventsAccepted, RejectedCall
from stemtide.http.body import read_body
from stemtide.http.incoming import read_calls
from stemtide.http.packing import pack
from stemtide.http.problem import Problem, Response, response
from stemtide.http.request import Request
from stemtide.http.write_keys import WriteKeys, check_write_key


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsEdge:
    """Takes events from the outside: who may write, how late, and where to."""

    keys: WriteKeys
    stream: EventStream
    bounds: Bounds

    def post_events(self, request: Request) -> Response:
        """Put the good calls of a request into the stream and say what is wrong with the others.

        A batch is answered with 202 whatever its calls were: a producer that repeats a batch because one
        call of it is bad would repeat it for ever. A single bad call is answered with 400.

        Raises:
            Problem: 401 no write key; 400, 413 or 415 nothing could be read; 400 the single call was
                refused; 503 the stream did not take all of it in time.
        """
        check_write_key(request.headers.get("authorization"), self.keys)
        incoming = read_calls(read_body(request), arrival_ms=request.arrival_ms, bounds=self.bounds)
        if incoming.rejected and not incoming.is_batch:
            raise _single_refused(incoming.rejected)
        outcome = self.stream.publish(pack(incoming.accepted))
        if outcome.failed:
            raise _not_taken(outcome, incoming.rejected)
        return response(
            HTTPStatus.ACCEPTED, EventsAccepted(accepted=len(outcome.stored), rejected=incoming.rejected)
        )


def _single_refused(rejected: list[RejectedCall]) -> Problem:
    call = rejected[0]
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "call-refused",
        call.detail,
        extra={"reason": call.reason, "accepted": 0, "rejected": rejected},
    )


def _not_taken(outcome: Outcome, rejected: list[RejectedCall]) -> Problem:
    return busy(
        "The stream is busy. Send only the calls of failed_indexes again: the others are in the stream.",
        extra={
            "accepted": len(outcome.stored),
            "accepted_indexes": outcome.stored,
            "failed_indexes": outcome.failed,
            "rejected": rejected,
        },
    )
