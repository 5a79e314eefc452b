"""The local payment provider, as its users and its operators see it."""

import time

from payments.client import Client
from tests.e2e.stack import Stack

WAIT_S = 60


class Payments(Client):
    """The provider of a stack."""

    def __init__(self, stack: Stack) -> None:
        facts = stack.facts
        super().__init__(
            facts["payments_url"], facts["payments_api_key"], {"starter": 2900, "business": 9900}
        )

    def delivered(self) -> None:
        """Wait until no webhook is on its way."""
        deadline = time.monotonic() + WAIT_S
        while self.control("webhooks")["pending"]:
            assert time.monotonic() < deadline, self.control("webhooks")
            time.sleep(0.2)
