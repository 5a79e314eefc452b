"""`python -m demo`: run by `make demo`. SEED=n changes the customers, KEEP=1 leaves the stack running."""

import json
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType

from rich.console import Console
from rich.markup import escape

from demo.cloud import own_cloud
from demo.report import Report
from demo.settings import ROOT, Settings
from demo.show import WIDTH, show
from demo.stages import StageError, Stages
from demo.story import Story
from infra.local.proxy import around_proxy

INTERRUPTED = 130
"""Exit status of a command ended by Ctrl-C: 128 + SIGINT."""


def main() -> int:
    os.environ.update(around_proxy(os.environ))
    settings = Settings.from_env(os.environ, today=datetime.now(UTC).date())
    console = console_of_width(WIDTH)
    stages = Stages(console=console)
    story = Story(settings=settings, stages=stages)
    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: nothing stays running
        signal.signal(ending, _interrupt)
    try:
        with own_cloud(settings, console.print):
            settings.report_file.unlink(missing_ok=True)
            report = story.tell()
    except StageError as error:
        console.print(f"\n[bold red]the demo failed:[/] {escape(str(error))}")
        _say_where_to_look(console, settings)
        return 1
    except KeyboardInterrupt:
        left = "the stack is left running" if settings.keep else "what was started has been stopped"
        console.print(f"\ninterrupted; {left}")
        return INTERRUPTED
    _finish(console, settings, stages, report)
    return 0


def console_of_width(width: int) -> Console:
    """A terminal's own width, at most that; a pipe or a file gets lines of that width."""
    own = Console(highlight=False)
    return Console(highlight=False, width=min(width, own.width) if own.is_terminal else width)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _finish(console: Console, settings: Settings, stages: Stages, report: Report) -> None:
    total = round(stages.elapsed, 1)
    report = replace(report, seconds=stages.seconds, titles=stages.titles, total_seconds=total)
    settings.report_file.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    console.print()
    show(console, report, where_to_look(settings, report))
    console.print(f"done in {stages.elapsed:.0f} s")


def where_to_look(settings: Settings, report: Report) -> list[tuple[str, str]]:
    """Commands for the reader, and what each shows."""
    shown = os.path.relpath(settings.report_file, ROOT)
    if not settings.keep:
        return [
            (shown, "this report as JSON"),
            ("make demo KEEP=1", "the same, and the stack stays up to look around"),
            ("make demo SEED=8", "other customers"),
            ("make up", "an empty stack for your own log: `stemtide replay --help`"),
        ]
    stack = os.path.relpath(settings.stack_file, ROOT)
    first = report.riskiest[0].account if report.riskiest else "ACCOUNT"
    cloud = os.path.relpath(settings.cloud, ROOT)
    return [
        (shown, "this report as JSON"),
        (f".venv/bin/stemtide usage {first} --stack {stack}", "its days"),
        (f".venv/bin/stemtide score {first} --stack {stack}", "score it now"),
        (f".venv/bin/stemtide status --stack {stack}", "counters, lag"),
        (stack, "address, tokens, write key"),
        (f"STEMTIDE_LOCAL_DIR={cloud} make down", "stop it"),
    ]


def _say_where_to_look(console: Console, settings: Settings) -> None:
    log = os.path.relpath(settings.cloud / "emulator.log", ROOT)
    if settings.keep:
        console.print(f"next: {log}; `STEMTIDE_LOCAL_DIR={os.path.relpath(settings.cloud, ROOT)} make down`")
    else:
        console.print("next: run `make demo KEEP=1`: the stack then stays for `stemtide doctor` and `status`")


if __name__ == "__main__":
    sys.exit(main())
