"""`python -m infra.local.emulator.run`: the corrected emulator in the foreground, until SIGTERM or SIGINT.

Configured by environment variables only (see `environment`). Prints one line when it serves. Exits 0 after SIGTERM
with its state saved and its Lambda workers gone; 1 with a message when it cannot start.
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


def main() -> int:
    """Start, serve, stop; returns the process's exit code."""
    try:
        state_dir = environment.prepare()
        from infra.local.emulator import corrections

        app = corrections.install(state_dir)
    except (environment.StateInUse, EmulatorChanged) as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1
    except KeyError as error:
        print(f"emulator: {error.args[0]} is not set", file=sys.stderr)
        return 1
    try:
        asyncio.run(_serve(app))
    except OSError as error:
        print(f"emulator: cannot listen on {environment.LOOPBACK}:{environment.port()}: {error}", file=sys.stderr)
        return 1
    finally:
        corrections.stop()
    return 0


async def _serve(app: Any) -> None:
    from hypercorn.asyncio import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    _raise_file_limit()
    await serve(app, _server_config(), shutdown_trigger=stop.wait)


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
