"""Puts journal and snapshots together: what is written when, and how everything comes back at start."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.local.emulator.durability.blobs import Blobs
from infra.local.emulator.durability.dynamodb import DurableTables
from infra.local.emulator.durability.journal import Journal
from infra.local.emulator.durability.kinesis import DurableStreams
from infra.local.emulator.durability.mutations import changes_state, handed_on
from infra.local.emulator.durability.positions import JournalPositions
from infra.local.emulator.durability.snapshots import JOURNALED, SWEEP_SECONDS, Snapshots
from infra.local.emulator.durability.table_streams import DurableTableStreams
from infra.local.emulator.durability.tasks import Tasks
from infra.local.emulator.patching import replace

EXPIRY_SECONDS = 60.0

SHA256 = {
    "_load_persisted_state": "03de3b870e8f811f8b97ae12f3e5e7c029923c155f75d512dbf913cb30f1b55c",
    "save_all": "ea253a04fd05447b9a3b6807a6fca0772d2783f3ce482fd68897bd13445b7c4d",
}


class Keeper:
    """Owns the files in the state folder. All methods but `wait_written` run on the event loop's thread."""

    def __init__(self, state_dir: Path) -> None:
        from ministack import app
        from ministack.services import dynamodb, kinesis

        self._app = app
        self._journal = Journal(state_dir / "journal.db")
        self._streams = DurableStreams(kinesis, self._journal)
        self._tables = DurableTables(dynamodb, self._journal)
        self._table_streams = DurableTableStreams(dynamodb, self._journal)
        self._snapshots = Snapshots(app, state_dir / "control.db", Blobs(state_dir / "blobs"))
        self._sweeping: asyncio.Task[None] | None = None
        self._expiry_due = 0.0
        self.after_load: list[Callable[[], None]] = []
        self.positions = JournalPositions(self._journal)
        self.tasks = Tasks(self._journal)

    def install(self) -> None:
        """Take the place of the emulator's own persistence, which saves at a clean shutdown only."""
        self._streams.install()
        self._tables.install()
        self._table_streams.install()
        self._replace("_load_persisted_state", self._load)
        self._replace("save_all", lambda services: None)
        for service, handler in list(self._app.SERVICE_HANDLERS.items()):
            self._app.SERVICE_HANDLERS[service] = self._durable(service, handler)

    def _replace(self, name: str, new: Callable[..., Any]) -> None:
        replace(self._app, name, new, source_sha256=SHA256[name])

    def _durable(self, service: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The service's handler, whose answer to a change is given once the change is on disk."""
        config = self._app.SERVICE_REGISTRY[service]
        keys = {config.get("state_key", config["module"]), *config.get("sub_modules", ())}

        async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
            answer = await handler(method, path, headers, body, query)
            if changes_state(service, method, path, headers, body, query):
                if keys & JOURNALED:
                    self._write_data_documents()
                else:
                    await self._snapshots.write(keys)
            elif service == "events" and (other := handed_on(headers, body, query)):
                await self._snapshots.write({other})
            return answer

        return handle

    def _load(self) -> None:
        """Streams and tables first: loading another service may start work that reads them."""
        self._streams.load()
        self._tables.load()
        self._table_streams.load()
        self._snapshots.load()
        for step in self.after_load:
            step()
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    def flush_data(self) -> None:
        """Commit what streams and tables took in since the last call. Called before every reply."""
        records = self._streams.collect()
        stream_records = self._table_streams.collect()
        changes = self._tables.collect() if self._tables.pending() else None
        if not records and not stream_records and changes is None:
            return
        with self._journal.transaction():
            self._streams.write(records)
            self._table_streams.write(stream_records)
            if changes is not None:
                self._tables.write(changes)
        self._streams.written()
        self._table_streams.written()

    def _write_data_documents(self) -> None:
        self._streams.write_document()
        self._tables.write_document()

    async def flush(self) -> None:
        """Write everything that is in memory now, logs and metrics included."""
        self._write_data_documents()
        self.flush_data()
        await self._snapshots.write_all()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._write_data_documents()
            self.flush_data()
            await self._snapshots.sweep()
            if time.monotonic() >= self._expiry_due:
                self._streams.remove_expired()
                self._table_streams.remove_expired()
                self._expiry_due = time.monotonic() + EXPIRY_SECONDS

    def wait_written(self, key: str) -> None:
        """From another thread: return when this service's present state is on disk."""
        loop = self._app._MAIN_LOOP
        asyncio.run_coroutine_threadsafe(self._snapshots.write({key}), loop).result()

    async def stop(self) -> None:
        """Write everything and close the files."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        await self.flush()
        self._snapshots.close()
        self._journal.close()
