"""A provider that runs: one request at a time, time ticking, events on their way, everything saved."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from stemtide.clock import ModelClock

from payments import page
from payments.control import Control
from payments.provider import Answer, Provider
from payments.saved import Saved
from payments.sending import Sender
from payments.settings import Settings
from payments.store import Object
from payments.webhooks import Webhooks

MOST_DUE: Final = 200
"""What may happen by itself between two requests: after a long stop with a hurried clock years have passed,
and requests are answered while they are caught up with."""
TICK_S: Final = 0.2
"""How often what falls due is looked for when nobody asks."""


class Service:
    """The provider behind a server; every method may be called from any thread.

    Args:
        settings: address and file of this provider.
        now: model time in epoch seconds, instead of the settings' clock.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], int] | None = None) -> None:
        self.settings = settings
        self._now = now
        self.lock = threading.Lock()
        self._clock = ModelClock.parse(settings.clock)
        self._saved = Saved(Path(settings.database))
        world = self._saved.world(seed=settings.seed)
        self.provider = Provider(clock=self.now, seed=settings.seed, world=world, most_due=MOST_DUE)
        self.webhooks = Webhooks(self.provider.world, enabled=settings.enabled, now=time.time)
        self._control = Control(self.provider.world, self.webhooks)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._tick, daemon=True)]
        if settings.webhook_url is not None:
            sender = Sender(url=settings.webhook_url, secret=settings.webhook_secret, ended=self._ended)
            self._threads += sender.threads(self.lock, self.webhooks, self._save)

    def now(self) -> int:
        """Model time in epoch seconds."""
        if self._now is not None:
            return self._now()
        return self._clock.at(time.time_ns() // 1_000_000) // 1000

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads and save what there is."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        with self.lock:
            self._save()
            self._saved.close()

    def api(self, method: str, path: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """Answer a route of the API.

        Raises:
            LostReplyError: it was worked off and the answer is to be lost.
        """
        with self.lock:
            try:
                return self.provider.handle(method, path, params, headers)
            finally:
                self._save()

    def control(self, method: str, path: str, body: Mapping[str, Any]) -> Object:
        """Answer the control surface.

        Raises:
            ApiError: it refuses.
        """
        with self.lock:
            self.provider.tick()
            try:
                return self._control.answer(method, path, body)
            finally:
                self._save()

    def page(self, query: Mapping[str, Any]) -> str:
        """The page for people."""
        with self.lock:
            self.provider.tick()
            self._save()
            return page.rendered(self.provider.world, self.webhooks.counts(), query)

    def _save(self) -> None:
        self._saved.save(self.provider.world.store)

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            with self.lock:
                self.provider.tick()
                self._save()
