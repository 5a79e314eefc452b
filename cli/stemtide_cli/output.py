"""Results on stdout (for people, or as JSON), progress and errors on stderr."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich import markup
from rich.console import Console

PLAIN_WIDTH = 200
PLAIN_INTERVAL_S = 5.0
"""Without a terminal, a progress line at most this often."""


UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that reverse the direction of text."""


def escape(text: str) -> str:
    """Text of any origin, as it may be printed: no markup, and nothing that steers the terminal."""
    return markup.escape(UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text))


class Output:
    """Where one command writes."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.stdout = _console(sys.stdout)
        self.stderr = _console(sys.stderr)

    def result(self, data: dict[str, Any], show: Callable[[Console], None]) -> None:
        """Print the result: `data` as JSON with --json, else what `show` draws."""
        if self.as_json:
            sys.stdout.write(json.dumps(data, indent=2, default=str) + "\n")
        else:
            show(self.stdout)

    def say(self, text: str) -> None:
        """One line about what is going on."""
        self.stderr.print(escape(text))

    def error(self, message: str, hint: str) -> None:
        """What failed and what to do next; with --json an object on stdout as well."""
        if self.as_json:
            sys.stdout.write(json.dumps({"error": message, "hint": hint}) + "\n")
        self.stderr.print(f"[bold red]error:[/] {escape(message)}")
        self.stderr.print(f"[bold]next:[/]  {escape(hint)}")

    @contextmanager
    def progress(self, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[str], None]]:
        """A function that shows the latest state: a live line on a terminal, else a line now and then."""
        if self.stderr.is_terminal:
            with self.stderr.status("") as status:
                yield lambda text: status.update(escape(text))
            return
        last: float | None = None

        def line(text: str) -> None:
            nonlocal last
            if last is None or clock() - last >= PLAIN_INTERVAL_S:
                last = clock()
                self.say(text)

        yield line


def _console(stream: TextIO) -> Console:
    """A terminal has its own width; a pipe or a file gets long lines instead of folded ones."""
    terminal = stream.isatty()
    return Console(
        file=stream, highlight=False, soft_wrap=not terminal, width=None if terminal else PLAIN_WIDTH
    )
