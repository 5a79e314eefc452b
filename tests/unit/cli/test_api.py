"""The commands that ask the API, against a server that answers as the API does."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from stemtide_cli.main import main

DAY = {
    "date": "2026-03-14", "events": 1234, "active_users": 3, "core_actions": 7, "api_calls": 0,
    "by_event": {"Report Viewed": 1200, "[red]Opened": 34},
}  # fmt: skip


@dataclass
class Api:
    """What is asked, and what is answered."""

    status: int = 200
    body: Any = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    stack: Path = Path()

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--stack", str(self.stack)], catch_exceptions=False)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    answers = Api(stack=tmp_path / "stack.json")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, self.headers["Authorization"]))
            body = json.dumps(answers.body).encode()
            self.send_response(answers.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        stack = {
            "region": "us-east-1", "event_stream": "e", "event_bus": "b", "buckets": {}, "tables": {},
            "endpoint_url": url, "api_url": f"{url}/base", "api_tokens": {"viewer": "v", "admin": "a"},
        }  # fmt: skip
        answers.stack.write_text(json.dumps(stack))
        yield answers
        server.shutdown()


def test_usage_asks_as_a_viewer_and_escapes_the_account(api: Api) -> None:
    api.body = {"account": "a:b/c", "days": [DAY]}

    result = api.run("usage", "a:b/c", "--from", "2026-03-01", "--to", "2026-03-31", "--json")

    assert json.loads(result.stdout) == api.body
    assert api.asked == [("/base/v1/accounts/a%3Ab%2Fc/usage?from=2026-03-01&to=2026-03-31", "Bearer v")]


def test_usage_is_shown_as_a_table_with_the_most_frequent_events(api: Api) -> None:
    api.body = {"account": "acme", "days": [DAY]}

    result = api.run("usage", "acme")

    assert "1,234" in result.output
    assert "[red]Opened 34" in result.output


def test_quarantine_list_asks_as_an_admin_and_names_the_next_page(api: Api) -> None:
    row = {"id": "i", "reason": "too_late", "detail": "d", "at": "2026-03-14T00:00:00Z", "released_at": None}
    api.body = {"quarantined": [row], "cursor": "next-page"}

    result = api.run("quarantine", "list", "--reason", "too_late", "--limit", "1")

    assert api.asked == [("/base/v1/ingest/quarantine?reason=too_late&limit=1", "Bearer a")]
    assert "--cursor next-page" in result.output


@pytest.mark.parametrize(
    ("status", "body", "message", "hint"),
    [
        (401, {"message": "Unauthorized"}, "Unauthorized", "make up"),
        (403, {"title": "Forbidden", "detail": "Only admins."}, "Only admins.", "viewer"),
        (404, {"title": "No such account"}, "No such account", "status"),
        (500, None, "Internal Server Error", "doctor"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(api: Api, status: int, body: Any, message: str, hint: str) -> None:
    api.status, api.body = status, body

    result = api.run("usage", "acme", "--json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert message in told["error"]
    assert hint in told["hint"]


def test_an_api_that_does_not_answer_is_told_with_what_to_do(api: Api) -> None:
    stack = json.loads(api.stack.read_text())
    api.stack.write_text(json.dumps(stack | {"api_url": "http://127.0.0.1:4653"}))

    result = api.run("usage", "acme")

    assert result.exit_code == 1
    assert "make up" in result.stderr
