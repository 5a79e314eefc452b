"""Sends the events that wait to the product's endpoint."""

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from payments.webhooks import Webhooks, signature

SENDERS: Final = 2
"""So that one slow answer does not hold up the rest; order is promised to nobody."""
POLL_S: Final = 0.05
TIMEOUT_S: Final = 30.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Posts signed events to `url` until `ended` is set."""

    url: str
    secret: str
    ended: threading.Event

    def threads(
        self, lock: threading.Lock, webhooks: Webhooks, save: Callable[[], None]
    ) -> list[threading.Thread]:
        """The threads that send, not started; what they know of the queue they touch under the lock."""

        def work() -> None:
            while not self.ended.is_set():
                with lock:
                    due = webhooks.due(1)
                    body = webhooks.body(due[0]) if due else b""
                if not due:
                    self.ended.wait(POLL_S)
                    continue
                status = self.send(body)
                with lock:
                    webhooks.settle(due[0], status)
                    save()

        return [threading.Thread(target=work, daemon=True) for _ in range(SENDERS)]

    def send(self, body: bytes) -> int | None:
        """The status that the endpoint answers, None when it does not."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(self.secret, body, int(time.time())),
            "User-Agent": "Stripe/1.0 (local stand-in)",
        }
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        try:
            with opener.open(request, timeout=TIMEOUT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, http.client.HTTPException):  # refused, timed out, cut, or no HTTP
            return None
