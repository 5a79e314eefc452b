"""`python -m infra.local up | stop | down [--json]`."""

import argparse
import json
import sys
import time

from infra.deploy import DeployError
from infra.local.down import down, stop
from infra.local.home import Home
from infra.local.preflight import PreflightError
from infra.local.up import clock_scale_from_env, shown, up


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=("up", "stop", "down"))
    parser.add_argument("--json", action="store_true", help="print stack.json at the end")
    arguments = parser.parse_args()
    started = time.monotonic()
    home = Home.from_env()

    def say(text: str) -> None:
        print(
            f"{arguments.command}: {time.monotonic() - started:5.1f} s  {text}", file=sys.stderr, flush=True
        )

    try:
        if arguments.command == "up":
            content = up(home, clock_scale=clock_scale_from_env(), say=say)
            say(f"ready: API {content['api_url']}")
            say(f"names, tokens and keys: {shown(home.stack_file)} · log: {shown(home.log_file)}")
            say("next: .venv/bin/stemtide doctor · .venv/bin/stemtide replay --help · make down")
            if arguments.json:
                print(json.dumps(content))
        else:
            (stop if arguments.command == "stop" else down)(home, say=say)
    except (PreflightError, DeployError) as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
