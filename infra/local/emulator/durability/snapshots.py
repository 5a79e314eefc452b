"""The control plane on disk: all other services' state, each snapshot one transaction over what changed.

A reply to a mutating request waits for the snapshot that holds it. What changes inside (CloudFormation
provisioning, notifications, schedules, logs) is found by rounds that compare each service's state with what
was written last, as often as their share of the processor allows. State is read on the event loop, between
requests; encoding and writing happen in one other thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.emulator.durability.blobs import Blobs
from infra.local.emulator.durability.encoding import unchanging

SWEEP_SECONDS = 0.25
JOURNALED = frozenset({"dynamodb", "kinesis"})
GROWING = frozenset({"cloudwatch_logs", "cloudwatch", "cloudtrail"})
PROMPT = frozenset({"sqs", "sns", "lambda", "stepfunctions", "scheduler", "eventbridge", "ses", "ses_v2"})
"""Services that change without a request of their own."""


@dataclass
class Round:
    """A recurring snapshot of these services (None: all but the growing ones), at most this often."""

    keys: frozenset[str] | None
    seconds: float
    share: float
    due: float = 0.0

    def spent(self, seconds: float) -> None:
        """Set the next date after a snapshot that took so long."""
        self.due = time.monotonic() + max(self.seconds, seconds / self.share)


class Snapshots:
    """Writes the services' state documents; `load` brings them back."""

    def __init__(self, app: Any, path: Path, blobs: Blobs) -> None:
        self._app = app
        self._blobs = blobs
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshots")
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, body TEXT NOT NULL)"
        )
        self._digests: dict[str, bytes] = {}
        self._writing = asyncio.Lock()
        self._prompt = Round(PROMPT, SWEEP_SECONDS, 0.05)
        self._growing = Round(GROWING, 1.0, 0.05)
        self._idle = Round(None, 2.0, 0.02)
        self._provisioning = Round(None, SWEEP_SECONDS, 0.25)
        self._was_provisioning = False

    def load(self) -> None:
        """Hand every service its last state. Raises what the service raises: nothing is skipped."""
        bodies = dict(self._database.execute("SELECT name, body FROM documents"))
        for key, module_name in self._app._state_map.items():
            if key in bodies and key not in JOURNALED:
                self._digests[key] = _digest(bodies[key])
                self._app._get_module(module_name).load_persisted_state(self._blobs.decode(bodies[key]))

    async def write(self, keys: Iterable[str] | None = None) -> None:
        """Write what changed in these services' state (None: all but logs and metrics)."""
        async with self._writing:
            states = self._read(keys)
            await asyncio.get_running_loop().run_in_executor(self._writer, self._write, states)

    async def sweep(self) -> None:
        """The rounds that are due: everything soon after CloudFormation is at work, else at leisure."""
        provisioning = self._is_provisioning()
        everything = self._provisioning if provisioning or self._was_provisioning else self._idle
        self._was_provisioning = provisioning
        for round_ in (everything, self._prompt, self._growing):
            if time.monotonic() >= round_.due:
                started = time.monotonic()
                await self.write(round_.keys)
                round_.spent(time.monotonic() - started)

    def _is_provisioning(self) -> bool:
        cloudformation = sys.modules.get("ministack.services.cloudformation")
        stacks = cloudformation._stacks.all_values() if cloudformation else []
        return any(stack.get("StackStatus", "").endswith("_IN_PROGRESS") for stack in stacks)

    async def write_all(self) -> None:
        """Write every service's state."""
        await self.write()
        await self.write(GROWING)

    def close(self) -> None:
        """Finish writing and close the file."""
        self._writer.shutdown(wait=True)
        self._database.close()

    def _read(self, keys: Iterable[str] | None) -> dict[str, Any]:
        readers = self._readers()
        wanted = set(readers) - GROWING if keys is None else set(keys) & set(readers)
        states = {key: unchanging(readers[key]) for key in sorted(wanted)}
        return {key: state for key, state in states.items() if state is not None}

    def _readers(self) -> dict[str, Callable[[], Any]]:
        modules = {
            key: sys.modules.get(f"ministack.services.{name}") for key, name in self._app._state_map.items()
        }
        return {
            key: module.get_state
            for key, module in modules.items()
            if module is not None and hasattr(module, "get_state") and key not in JOURNALED
        }

    def _write(self, states: dict[str, Any]) -> None:
        changed = {}
        for key, state in states.items():
            body = self._blobs.encode(state)
            digest = _digest(body)
            if self._digests.get(key) != digest:
                changed[key] = (body, digest)
        if not changed:
            return
        self._database.execute("BEGIN IMMEDIATE")
        rows = [(key, body) for key, (body, _) in changed.items()]
        self._database.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?)", rows)
        self._database.execute("COMMIT")
        self._digests.update({key: digest for key, (_, digest) in changed.items()})


def _digest(body: str) -> bytes:
    return hashlib.blake2b(body.encode(), digest_size=16).digest()
