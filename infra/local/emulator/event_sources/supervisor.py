"""Keeps one worker running per enabled mapping and readable shard, and none for anything else."""

from __future__ import annotations

import contextvars
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from . import mapping as mappings
from .positions import PositionStore
from .shard import ShardWorker
from .signal import WakeUp
from .streams import TRIM_HORIZON, Shard, Stream, is_stream, open_stream

logger = logging.getLogger("event_sources")

STREAM_ENTRY = "@stream"
"""Pseudo shard whose position names the stream incarnation a mapping has begun with."""


RESTART_SECONDS = 1.0


@dataclass(frozen=True)
class Running:
    """A worker and the thread it runs on."""

    worker: ShardWorker
    thread: threading.Thread
    incarnation: str

    def in_order(self) -> bool:
        """Whether nothing needs to be started: at work, or through with a closed shard."""
        return self.worker.finished or (self.thread.is_alive() and not self.worker.stopping)


Key = tuple[str, str]


class Supervisor:
    """Compares what should run with what runs; called on every wake-up of the emulator's own poller."""

    def __init__(self, positions: PositionStore) -> None:
        self._positions = positions
        self._running: dict[Key, Running] = {}
        self._begun: dict[str, str] = {}
        self._lock = threading.RLock()
        self._serving = False
        self.wake = WakeUp()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold back changes while a mapping is being written."""
        with self._lock:
            yield

    def reconcile(self) -> bool:
        """Start and stop workers as needed; True when something was started."""
        if not self._serving and not _is_serving():
            return False
        self._serving = True
        from ministack.services import lambda_svc

        with self._lock:
            wanted: set[Key] = set()
            started = False
            for account, region, mapping in lambda_svc._iter_all_esms():
                if is_stream(mapping) and mapping.get("Enabled", True):
                    with _scope(account, region):
                        started = self._serve(mapping, wanted) or started
            for key in [key for key in self._running if key not in wanted]:
                self._retire(key)
            return started

    def anchor(self, esm_id: str, mapping: dict[str, Any]) -> None:
        """Fix where a new mapping begins, so that LATEST means the moment of its creation."""
        stream = open_stream(mapping, role="")
        if stream is not None:
            with self._lock:
                self._begin(esm_id, stream, str(mapping.get("StartingPosition", "LATEST")))

    def release(self, esm_id: str) -> None:
        """A mapping was deleted: stop its workers and forget its positions."""
        with self._lock:
            for key, running in self._running.items():
                if key[0] == esm_id:
                    running.worker.revoke()
            self._begun.pop(esm_id, None)
            self._positions.delete(esm_id)

    def _serve(self, mapping: dict[str, Any], wanted: set[Key]) -> bool:
        stream = open_stream(mapping, role=mappings.role_of(mapping))
        if stream is None:
            return False
        esm_id = str(mapping["UUID"])
        self._begin(esm_id, stream, str(mapping.get("StartingPosition", "LATEST")))
        started = False
        for shard in stream.shards:
            key = (esm_id, shard.shard_id)
            if all(self._is_finished((esm_id, parent)) for parent in shard.parents):
                wanted.add(key)
                started = self._ensure(key, mapping, shard, stream) or started
        return started

    def _begin(self, esm_id: str, stream: Stream, starting: str) -> None:
        """First sight of a stream (or of its next incarnation): note the starting positions.

        Shards that appear later are children of a split or merge and begin at their first record.
        """
        known = self._begun.get(esm_id) or self._positions.load(esm_id, STREAM_ENTRY)
        if known != stream.incarnation:
            if known is not None:
                self._revoke_all(esm_id)
                self._positions.delete(esm_id)
            for shard in stream.shards:
                position = shard.latest if starting == "LATEST" else TRIM_HORIZON
                self._positions.save(esm_id, shard.shard_id, position)
            self._positions.save(esm_id, STREAM_ENTRY, stream.incarnation)
        self._begun[esm_id] = stream.incarnation

    def _revoke_all(self, esm_id: str) -> None:
        for key, running in self._running.items():
            if key[0] == esm_id:
                running.worker.revoke()

    def _is_finished(self, key: Key) -> bool:
        running = self._running.get(key)
        return running is not None and running.worker.finished

    def _ensure(self, key: Key, mapping: dict[str, Any], shard: Shard, stream: Stream) -> bool:
        running = self._running.get(key)
        if running is not None and running.incarnation == stream.incarnation and running.in_order():
            return False
        if running is not None and running.thread.is_alive():
            running.worker.stop()
            return False
        position = self._positions.load(*key) or TRIM_HORIZON
        ports = mappings.ports(mapping, shard, self._positions)
        worker = ShardWorker(ports=ports, wake=self.wake, position=position)
        context = contextvars.copy_context()
        name = f"event-source-{mapping['FunctionName']}-{shard.shard_id}"
        thread = threading.Thread(target=context.run, args=(_guarded, worker, name), name=name, daemon=True)
        self._running[key] = Running(worker, thread, stream.incarnation)
        thread.start()
        return True

    def _retire(self, key: Key) -> None:
        running = self._running[key]
        running.worker.stop()
        if not running.thread.is_alive():
            del self._running[key]


def _guarded(worker: ShardWorker, name: str) -> None:
    """A worker that fails unexpectedly is reported; another is started from its position soon after."""
    from ministack.core.concurrency import esm_wake

    try:
        worker.run()
    except Exception:
        logger.exception("%s ended unexpectedly", name)
        time.sleep(RESTART_SECONDS)
    esm_wake.set()


@contextmanager
def _scope(account: str, region: str) -> Iterator[None]:
    from ministack.core.responses import _request_account_id, _request_region

    account_token, region_token = _request_account_id.set(account), _request_region.set(region)
    try:
        yield
    finally:
        _request_account_id.reset(account_token)
        _request_region.reset(region_token)


def _is_serving() -> bool:
    """Whether the emulator answers yet: functions started before would find nobody to call."""
    try:
        socket.create_connection(
            ("127.0.0.1", int(os.environ.get("GATEWAY_PORT", "4566"))), timeout=1
        ).close()
    except OSError:
        return False
    return True
