"""The stack's HTTP API, as a person with one of its roles sees it."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from stemtide_cli.errors import CliError
from stemtide_cli.stack import Stack

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; `body` is the parsed JSON, None where there is none."""

    status: int
    body: Any

    @property
    def problem(self) -> str:
        """What an RFC 9457 body, or the gateway's own, says is wrong."""
        body = self.body if isinstance(self.body, dict) else {}
        return str(
            body.get("detail") or body.get("title") or body.get("message") or HTTPStatus(self.status).phrase
        )


def get(stack: Stack, path: str, *, role: str, query: dict[str, Any] | None = None) -> Any:
    """The body of a GET; parameters that are None are left out.

    Raises:
        CliError: no answer, or another status than 200.
    """
    given = {name: value for name, value in (query or {}).items() if value is not None}
    reply = fetch(stack, path + (f"?{urlencode(given)}" if given else ""), token=stack.api_tokens[role])
    if reply.status == HTTPStatus.OK:
        return reply.body
    hints = {
        HTTPStatus.UNAUTHORIZED: "the token has expired: `make up` issues new ones",
        HTTPStatus.NOT_FOUND: "check the name; `stemtide status` shows whether anything has arrived",
        HTTPStatus.FORBIDDEN: f"the role {role} may not do this",
    }
    hint = hints.get(HTTPStatus(reply.status), "`stemtide doctor` checks the stack")
    raise CliError(f"the API answered {reply.status}: {reply.problem}", hint=hint)


def fetch(stack: Stack, path: str, *, token: str | None) -> Reply:
    """One GET, whatever its status.

    Raises:
        CliError: nothing answers.
    """
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{stack.api_url}{path}", headers=headers)  # noqa: S310 - from stack.json
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return Reply(status=answer.status, body=_parsed(answer.read()))
    except urllib.error.HTTPError as error:
        return Reply(status=error.code, body=_parsed(error.read()))
    except OSError as error:
        raise CliError(
            f"the API at {stack.api_url} does not answer ({error})",
            hint="start the local cloud with `make up`" if stack.is_local else "check the network",
        ) from error


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
