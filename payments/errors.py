"""Answers that are errors, in the shape and with the codes of Stripe's API."""

from typing import Any


class ApiError(Exception):
    """An error answer: its HTTP status and the `error` object of its body."""

    def __init__(self, status: int, kind: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message, **details}

    def body(self) -> dict[str, Any]:
        return {"error": self.error}


class LostReplyError(Exception):
    """The request was worked off and its answer is to be lost on the way."""


def invalid(
    message: str, *, code: str | None = None, param: str | None = None, status: int = 400
) -> ApiError:
    """The request cannot be worked off as it is (`invalid_request_error`)."""
    details = {name: value for name, value in (("code", code), ("param", param)) if value is not None}
    return ApiError(status, "invalid_request_error", message, **details)


def missing(kind: str, object_id: str, *, param: str | None = "id") -> ApiError:
    """There is no object of this id."""
    name = kind.replace("_", " ").rpartition(".")[2]
    code = "resource_missing"
    return invalid(f"No such {name}: '{object_id}'", code=code, param=param, status=404)


def server_error() -> ApiError:
    """An error of the provider: whether the request was worked off is not said."""
    return ApiError(500, "api_error", "An unknown error occurred on our side.")


def rate_limited() -> ApiError:
    return ApiError(
        429, "invalid_request_error", "Too many requests hit the API too quickly.", code="rate_limit"
    )
