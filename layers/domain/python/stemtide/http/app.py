"""From a gateway event to an answer: route, call, and turn whatever is raised into a problem."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools import Logger

from stemtide.error_facts import error_facts
from stemtide.http.problem import Problem, Response
from stemtide.http.request import Request
from stemtide.ports import UnavailableError
from stemtide.store.errors import translated

RETRY_AFTER_SECONDS: Final = 5

Operation = Callable[[Request], Response]


class UnexpectedError(Exception):
    """A bug, or AWS refusing what must be allowed: the function fails, its alarm rings, the caller gets 500.

    The cause is logged without its message, which may quote personal data.
    """


def answer(event: Mapping[str, Any], *, operations: Mapping[str, Operation], logger: Logger) -> Response:
    """The response to an HTTP API event; `operations` are found by the operation id of the route.

    Raises:
        UnexpectedError: see there.
    """
    request = Request.from_event(event)
    logger.set_correlation_id(request.request_id)
    try:
        response = _call(operations[request.route.operation], request)
    except Problem as problem:
        logger.info(
            "refused",
            extra={
                "operation": request.route.operation,
                "status": problem.status.value,
                "kind": problem.kind,
                "reason": problem.extra.get("reason"),
            },
        )
        return problem.response(request_id=request.request_id)
    except Exception as error:
        logger.error("failed", extra={"operation": request.route.operation, **error_facts(error)})  # noqa: TRY400
        raise UnexpectedError(f"{type(error).__name__} in request {request.request_id}") from None
    logger.info("answered", extra={"operation": request.route.operation, "status": response["statusCode"]})
    return response


def _call(operation: Operation, request: Request) -> Response:
    try:
        with translated():
            return operation(request)
    except UnavailableError:
        raise busy("AWS is busy: try again in a few seconds.") from None


def busy(detail: str, *, extra: Mapping[str, object] | None = None) -> Problem:
    """The answer when the same request may succeed a little later."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, headers=headers, extra=extra)
