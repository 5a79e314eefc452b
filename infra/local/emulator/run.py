"""`python -m infra.local.emulator.run`: the corrected emulator in the foreground, until SIGTERM or SIGINT.

Configured by environment variables only (see `environment`). Prints one line when it serves. Exits 0 after
SIGTERM with its state saved and its Lambda workers gone; 1 with a message when it cannot start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
from typing import Any

from infra.local.emulator import environment
from infra.local.emulator.patching import EmulatorChanged

GRACEFUL_SECONDS = 2.0
KEEP_ALIVE_SECONDS = 75
BACKLOG = 1024


def main() -> int:
    """Start, serve, stop; returns the process's exit code."""
    try:
        state_dir = environment.prepare()
        sockets = _server_config().create_sockets()
        for listener in sockets.insecure_sockets:
            listener.listen(BACKLOG)
        from infra.local.emulator import corrections

        app = corrections.install(state_dir)
    except (environment.StateInUseError, EmulatorChanged) as error:
        return _refuse(str(error))
    except KeyError as error:
        return _refuse(f"{error.args[0]} is not set")
    except OSError as error:
        return _refuse(f"cannot listen on {environment.LOOPBACK}:{environment.port()}: {error.strerror}")
    _raise_file_limit()
    asyncio.run(_serve(app, sockets))
    return 0


def _refuse(reason: str) -> int:
    print(f"emulator: {reason}", file=sys.stderr)
    return 1


async def _serve(app: Any, sockets: Any) -> None:
    """Serve until a signal. Connections made before the start is complete wait in the socket's queue."""
    from hypercorn.asyncio.run import worker_serve
    from hypercorn.utils import wrap_app

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    announcing = loop.create_task(_announce(app))
    config = _server_config()
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    await worker_serve(wrapped, config, sockets=sockets, shutdown_trigger=stop.wait)
    await announcing


async def _announce(app: Any) -> None:
    """Print the ready line and resume left-over work once a request is answered."""
    reader, writer = await asyncio.open_connection(environment.LOOPBACK, environment.port())
    writer.write(b"GET /_stemtide/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answered = await reader.readline()
    writer.close()
    if answered:
        print(
            f"emulator: ready on http://{environment.LOOPBACK}:{environment.port()} (pid {os.getpid()})",
            flush=True,
        )
        app.ready()


def _server_config() -> Any:
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"{environment.LOOPBACK}:{environment.port()}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = GRACEFUL_SECONDS
    config.loglevel = os.environ["LOG_LEVEL"].upper()
    return config


def _raise_file_limit() -> None:
    """Bursts of connections need more than the customary 1024 open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Abandoned Lambda invocations hold threads that a normal exit would wait for.
    os._exit(code)
