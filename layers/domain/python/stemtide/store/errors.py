"""What a failed AWS call means for the caller: refused, outcome unknown, or condition not met."""

from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer
from botocore import exceptions
from botocore.exceptions import ClientError

from stemtide.ports import ConflictError, ThrottledError, UnavailableError

CONDITION_FAILED = "ConditionalCheckFailedException"
TRANSACTION_CANCELED = "TransactionCanceledException"
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
    }
)
"""Refusals that say nothing about the request: nothing was written, and the same succeeds a little later."""
_IN_PROGRESS = "TransactionInProgressException"
"""The answer to the repetition of a transaction that is under way: its first request had none."""
_SERVER_ERROR = 500


TELL_WHAT_STANDS: Final = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
"""With a put or an update: its refusal shows the item that it was refused for."""


def what_stands(refused: ConflictError) -> dict[str, Any]:
    """The item for which a request with `TELL_WHAT_STANDS` was refused, empty where there is none.

    It may be the request's own, as the SDK repeats what has no answer:

        a put                             its repetition
        is done, the reply is lost
                                          -> refused, for what it has put itself
    """
    answer = getattr(refused.__cause__, "response", {})
    item: dict[str, Any] = TypeDeserializer().deserialize({"M": answer.get("Item", {})})
    return item


def code_of(error: ClientError) -> str:
    """AWS's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


class translated:  # noqa: N801 - used as a function; a generator's context costs a microsecond a write
    """Raise what the ports promise for AWS's transient errors; everything else passes as it is.

    A request that AWS refuses for what it says (validation, access) is no transient error: it must
    surface, and the batch goes the way of retries, bisection and dead letters.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            _translate(error)


class translated_transaction(translated):  # noqa: N801 - as above
    """`translated` for who need not know which item of a transaction was in the way."""

    __slots__ = ()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ClientError) and code_of(error) == TRANSACTION_CANCELED:
            _translate_canceled(error)
        super().__exit__(kind, error, trace)


def _translate(error: BaseException) -> None:
    if isinstance(error, ClientError):
        code = code_of(error)
        if code == CONDITION_FAILED:
            raise ConflictError(code) from error
        if code in _THROTTLED:
            raise ThrottledError(code) from error
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == _IN_PROGRESS or status >= _SERVER_ERROR:
            raise UnavailableError(code) from error
    elif isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        raise UnavailableError(type(error).__name__) from error


def _translate_canceled(error: ClientError) -> None:
    """A transaction that did not happen: for a condition of one of its items, or because others were at
    one."""
    reasons = {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())}
    if "ConditionalCheckFailed" in reasons:
        raise ConflictError(TRANSACTION_CANCELED) from error
    if reasons & {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}:
        raise ThrottledError(TRANSACTION_CANCELED) from error
