"""What a command says when it cannot do its work: the fact, and what to do next."""

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from stemtide.ports import UnavailableError


class CliError(Exception):
    """Ends a command with exit code 1.

    Args:
        message: what happened, naming the thing it happened to.
        hint: what the reader can do about it.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def from_aws(
    error: Boto3Error | BotoCoreError | ClientError | UnavailableError, *, endpoint: str | None
) -> CliError:
    """An AWS client's error in words.

    Args:
        endpoint: the local cloud's address; None for a real account.
    """
    if isinstance(error, ClientError):
        denied = error.response["Error"].get("Code", "").startswith("AccessDenied")
        return CliError(
            f"AWS refused: {error}",
            hint="use credentials that may do this" if denied else "`stemtide doctor` shows what is missing",
        )
    if isinstance(error, NoCredentialsError):
        return CliError("there are no AWS credentials", hint="set AWS_PROFILE, or log in with the AWS CLI")
    if endpoint is not None:
        return CliError(
            f"the local cloud at {endpoint} does not answer ({error})",
            hint="start it with `make up` and run the command again",
        )
    return CliError(f"AWS does not answer: {error}", hint="check the network, the region and AWS_PROFILE")
