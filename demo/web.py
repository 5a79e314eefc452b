"""The stack's HTTP API, asked as a person or a producer asks it."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from demo.stages import StageError

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Web:
    """The API of one stack, by what its stack.json says."""

    facts: dict[str, Any]

    @classmethod
    def of(cls, stack_file: Path) -> "Web":
        return cls(json.loads(stack_file.read_text()))

    def get(self, path: str, *, role: str = "viewer", query: dict[str, Any] | None = None) -> Any:
        """The body of a GET; parameters that are None are left out.

        Raises:
            StageError: no answer, or another status than 200.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        bearer = f"Bearer {self.facts['api_tokens'][role]}"
        return self._ask(path + (f"?{urlencode(given)}" if given else ""), {"Authorization": bearer}, None)

    def find(self, path: str, *, missing: Any) -> Any:
        """The body of a GET, `missing` where the answer is 404: it is not there yet.

        Raises:
            StageError: no answer, or another status than 200 and 404.
        """
        bearer = {"Authorization": f"Bearer {self.facts['api_tokens']['viewer']}"}
        return self._ask(path, bearer, None, missing=missing)

    def post_events(self, body: Any) -> Any:
        """POST /v1/events with the write key."""
        key = base64.b64encode(f"{self.facts['write_key']}:".encode()).decode()
        return self._ask("/v1/events", {"Authorization": f"Basic {key}"}, json.dumps(body).encode())

    def account(self, account: str) -> dict[str, Any]:
        """The customer record."""
        found: dict[str, Any] = self.get(f"/v1/accounts/{quote(account, safe='')}")
        return found

    def accounts(self) -> Iterator[dict[str, Any]]:
        """Every customer record as the list shows it, page by page, the riskiest first."""
        cursor = None
        while True:
            page = self.get("/v1/accounts", query={"cursor": cursor})
            yield from page["accounts"]
            cursor = page.get("cursor")
            if cursor is None:
                return

    def usage(self, account: str, first: date, last: date) -> list[dict[str, Any]]:
        """The days of an account."""
        path = f"/v1/accounts/{quote(account, safe='')}/usage"
        found: list[dict[str, Any]] = self.get(path, query={"from": first, "to": last})["days"]
        return found

    def counters(self) -> dict[str, int]:
        found: dict[str, int] = self.get("/v1/ingest/counters", role="admin")
        return found

    def _ask(self, path: str, headers: dict[str, str], body: bytes | None, missing: Any = None) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.facts["api_url"] + path, headers=headers, data=body)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND and missing is not None:
                return missing
            detail = error.read()[:300].decode(errors="replace")
            raise StageError(f"{path} answered {error.code}: {detail}") from error
        except (OSError, ValueError) as error:
            raise StageError(f"{path} does not answer: {error}") from error
