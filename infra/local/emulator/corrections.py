"""All corrections in their order, and the control routes under `/_stemtide/`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from infra.local.emulator import environment, loopback

CONTROL_PREFIX = "/_stemtide/"


def install(state_dir: Path) -> Any:
    """Put every correction in place and return the ASGI application to serve.

    Raises `EmulatorChanged` when the installed emulator is not the one they were written for.
    """
    loopback.install()
    from ministack import app as ministack

    return ControlRoutes(ministack.app)


def stop() -> None:
    """End the Lambda workers."""
    from ministack.core import lambda_runtime

    lambda_runtime.reset()


class ControlRoutes:
    """ASGI wrapper that answers the control routes and passes everything else on."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, _announcing(send))
        elif scope["type"] == "http" and scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, send)
        else:
            await self._app(scope, receive, send)

    async def _control(self, scope: Any, send: Any) -> None:
        route = (scope["method"], scope["path"].removeprefix(CONTROL_PREFIX))
        if route == ("GET", "health"):
            await _answer(send, 200, {"status": "running", "pid": os.getpid()})
        else:
            await _answer(send, 404, {"message": "no such control route"})


def _announcing(send: Any) -> Any:
    """Print the ready line once the emulator's start is complete."""

    async def announce(message: Any) -> None:
        await send(message)
        if message["type"] == "lifespan.startup.complete":
            address = f"http://{environment.LOOPBACK}:{environment.port()}"
            print(f"emulator: ready on {address} (pid {os.getpid()})", flush=True)

    return announce


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
