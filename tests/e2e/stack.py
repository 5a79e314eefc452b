"""A deployed local stack as its users see it: HTTP routes and the event stream, by stack.json alone."""

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; `body` is parsed JSON."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Stack:
    """What stack.json says, and ways to use it."""

    facts: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "Stack":
        return cls(json.loads(path.read_text()))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.facts["endpoint_url"],
            region_name=self.facts["region"],
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        role: str | None = None,
        write_key: str | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """One HTTP request: bearer token of a role, or a write key as HTTP Basic user, or neither."""
        headers = {"Content-Type": "application/json"}
        if role is not None:
            headers["Authorization"] = f"Bearer {self.facts['api_tokens'].get(role, role)}"
        if write_key is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()
        request = urllib.request.Request(
            self.facts["api_url"] + path, method=method, headers=headers, data=body
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return Reply(reply.status, json.load(reply), dict(reply.headers))
        except urllib.error.HTTPError as error:
            return Reply(error.code, json.loads(error.read() or b"null"), dict(error.headers))

    def post_events(self, body: Any) -> Reply:
        """POST /v1/events with the stack's write key; `body` is bytes as they are, or an object."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", "/v1/events", write_key=self.facts["write_key"], body=raw)

    def put(self, *records: tuple[str, bytes]) -> None:
        """Put (partition key, data) records on the stream in one call."""
        answer = self.client("kinesis").put_records(
            StreamName=self.facts["event_stream"],
            Records=[{"PartitionKey": key, "Data": data} for key, data in records],
        )
        assert answer["FailedRecordCount"] == 0

    def usage(self, account: str, first: str, last: str) -> dict[str, dict[str, Any]]:
        """The days of an account by date, read from the API as a viewer."""
        path = f"/v1/accounts/{quote(account, safe='')}/usage?from={first}&to={last}"
        reply = self.call("GET", path, role="viewer")
        assert reply.status == 200, reply
        return {day["date"]: day for day in reply.body["days"]}

    def counters(self) -> dict[str, int]:
        reply = self.call("GET", "/v1/ingest/counters", role="admin")
        assert reply.status == 200, reply
        return dict(reply.body)


def balanced(counters: dict[str, int]) -> bool:
    """Whether everything that came in is accounted for."""
    parts = ("applied", "duplicate", "quarantined", "forwarded", "dead")
    return counters["in"] == sum(counters[name] for name in parts)
