"""The provider over HTTP on the loopback: Stripe's routes, the control surface, a page."""

import base64
import hmac
import json
import os
import socket
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from payments.errors import ApiError, LostReplyError, invalid
from payments.params import decode_form
from payments.service import Service

HOST: Final = "127.0.0.1"
MAX_BODY: Final = 1024 * 1024
LOCAL_NAMES: Final = ("127.0.0.1", "localhost")
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)


class Server(ThreadingHTTPServer):
    """Listens for one service; port 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, service: Service) -> None:
        self.service = service
        super().__init__((HOST, service.settings.port), Handler)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "payments"
    wbufsize = -1  # head and body in one packet: two would wait for the receiver's delayed acknowledgement
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._work("GET")

    def do_POST(self) -> None:
        self._work("POST")

    def do_DELETE(self) -> None:
        self._work("DELETE")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Nothing: the page and the counters tell what happened."""

    def _work(self, method: str) -> None:
        try:
            body = self._body()
            self._check_local()
            self._route(method, body)
        except ApiError as error:
            self._answer(error.status, error.body(), {})
        except LostReplyError:
            self._cut()

    def _route(self, method: str, body: str) -> None:
        address = urlsplit(self.path)
        path, query = address.path, decode_form(address.query)
        if path.startswith("/v1/"):
            self._check_key()
            params = {**query, **decode_form(body)}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer, told = self.server.service.api(method, path, params, headers)
            self._answer(status, answer, told)
        elif path == "/_control/health":
            self._answer(200, {"pid": os.getpid(), "now": self.server.service.now()}, {})
        elif path.startswith("/_control/"):
            given = _json_of(body) if method == "POST" else query
            self._answer(200, self.server.service.control(method, path, given), {})
        elif path == "/" and method == "GET":
            self._send(200, self.server.service.page(query).encode(), "text/html; charset=utf-8", {})
        else:
            raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)

    def _body(self) -> str:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            raise invalid("The request's body is too large.", status=413)
        try:
            return self.rfile.read(int(length)).decode()
        except UnicodeDecodeError:
            raise invalid("The request's body is not UTF-8.") from None

    def _check_local(self) -> None:
        """Pages of other sites, open in the same browser, may neither read nor act here."""
        host = (self.headers.get("Host") or HOST).rpartition(":")[0] or self.headers.get("Host", HOST)
        origin = self.headers.get("Origin")
        if host not in LOCAL_NAMES or (origin and urlsplit(origin).hostname not in LOCAL_NAMES):
            raise invalid("Only for this machine.", status=403)

    def _check_key(self) -> None:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[0]
            except ValueError:
                given = ""
        if not given:
            raise invalid("You did not provide an API key.", status=401)
        if not hmac.compare_digest(given.encode(), self.server.service.settings.api_key.encode()):
            raise invalid(f"Invalid API Key provided: {given[:7]}***", status=401)

    def _answer(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", PAGE_POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        """End the connection without a word."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _json_of(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body or "{}")
    except ValueError as error:
        raise invalid(f"The body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise invalid("The body is no JSON object.")
    return value
