"""All corrections in their order, and the control routes under `/_stemtide/`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from infra.local.emulator import (
    alarms,
    async_events,
    batch_actions,
    cloudformation,
    event_sources,
    http_api,
    loopback,
    mail_permissions,
    mailbox,
    provisioned_secrets,
    queues,
    schedules,
    step_functions,
    task_tokens,
    worker,
)
from infra.local.emulator.durability import Keeper

CONTROL_PREFIX = "/_stemtide/"


def install(state_dir: Path) -> ControlRoutes:
    """Put every correction in place and return the ASGI application to serve.

    Raises `EmulatorChanged` when the installed emulator is not the one they were written for.
    """
    loopback.install()
    from ministack import app as ministack

    keeper = Keeper(state_dir)
    keeper.install()
    async_events.install(keeper)
    event_sources.install(keeper.positions)
    queues.install()
    batch_actions.install()
    mail_permissions.install()
    worker.install()
    step_functions.install()
    task_tokens.install()
    cloudformation.install()
    provisioned_secrets.install()
    http_api.install()
    schedules.install()
    alarms.install()
    mails = mailbox.Mailbox(state_dir / "mailbox.db")
    mailbox.install(mails, clock_file=state_dir.parent / "clock")
    keeper.after_load.append(schedules.remember_fired)
    keeper.after_load.append(queues.release_received)
    keeper.after_load.append(cloudformation.end_interrupted_operations)
    return ControlRoutes(ministack.app, keeper, mails)


class ControlRoutes:
    """ASGI wrapper: answers the control routes, commits data before every reply, stops in order."""

    def __init__(self, app: Any, keeper: Keeper, mails: mailbox.Mailbox) -> None:
        self._app = app
        self._keeper = keeper
        self._mails = mails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, self._stopping(send))
        else:
            await self._app(_as_if_encrypted(scope), receive, self._committing(send))

    def ready(self) -> None:
        """The port is served: start what the previous process left undone."""
        self._keeper.tasks.resume()

    def _committing(self, send: Any) -> Any:
        """No reply leaves before what it speaks of is in the journal."""

        async def commit_then_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._keeper.flush_data()
            await send(message)

        return commit_then_send

    def _stopping(self, send: Any) -> Any:
        """The emulator's shutdown is complete only with its workers gone and its state written."""

        async def stop_then_send(message: Any) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await asyncio.to_thread(_end_workers)
                await self._keeper.stop()
            await send(message)

        return stop_then_send

    async def _control(self, scope: Any, send: Any) -> None:
        route = (scope["method"], scope["path"].removeprefix(CONTROL_PREFIX))
        if route == ("GET", "health"):
            await _answer(send, 200, {"status": "running", "pid": os.getpid()})
        elif route == ("POST", "flush"):
            await self._keeper.flush()
            await _answer(send, 200, {"status": "written"})
        elif mailbox.is_route(scope["path"]):
            await _reply(send, mailbox.answer_to(self._mails, scope))
        else:
            await _answer(send, 404, {"message": "no such control route"})


def _as_if_encrypted(scope: Any) -> Any:
    """With AUTH, requests count as TLS: bucket policies that demand it would refuse plain loopback HTTP."""
    if scope["type"] != "http" or os.environ.get("AUTH", "").lower() != "true":
        return scope
    return {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}


def _end_workers() -> None:
    from ministack.core import lambda_runtime

    lambda_runtime.reset()


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    await _reply(send, mailbox.json_reply(status, body))


async def _reply(send: Any, reply: mailbox.Reply) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
