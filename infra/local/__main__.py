"""`python -m infra.local up | stop | down [--json]`."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

from infra.deploy import DeployError
from infra.local.down import down, stop
from infra.local.home import Home
from infra.local.lock import alone
from infra.local.preflight import PreflightError, check_folder
from infra.local.proxy import around_proxy
from infra.local.up import clock_scale_from_env, shown, up

INTERRUPTED = 130
"""Exit status of a command ended by Ctrl-C: 128 + SIGINT."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=("up", "stop", "down"))
    parser.add_argument("--json", action="store_true", help="print stack.json at the end")
    arguments = parser.parse_args()
    started = time.monotonic()
    os.environ.update(around_proxy(os.environ))
    home = Home.from_env()

    def say(text: str) -> None:
        print(
            f"{arguments.command}: {time.monotonic() - started:5.1f} s  {text}", file=sys.stderr, flush=True
        )

    if arguments.command != "up" and not home.folder.exists():
        say("there is no local cloud here")
        return 0
    try:
        check_folder(home)
        with alone(home, say=say):
            _run(arguments, home, say)
    except (PreflightError, DeployError) as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("interrupted: run it again, it goes on from here")
        return INTERRUPTED
    return 0


def _run(arguments: argparse.Namespace, home: Home, say: Callable[[str], None]) -> None:
    if arguments.command == "up":
        content = up(home, clock_scale=clock_scale_from_env(), say=say)
        say(f"ready: API {content['api_url']}")
        say(f"names, tokens and keys: {shown(home.stack_file)} · log: {shown(home.log_file)}")
        say("next: .venv/bin/stemtide doctor · .venv/bin/stemtide replay --help · make down")
        if arguments.json:
            print(json.dumps(content))
    else:
        (stop if arguments.command == "stop" else down)(home, say=say)


if __name__ == "__main__":
    sys.exit(main())
