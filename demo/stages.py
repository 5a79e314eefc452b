"""The stages of a run: each shown with what it does and the seconds it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

Say = Callable[[str], None]
"""Told what is going on; the latest line is shown."""
PLAIN_INTERVAL_S = 10.0
"""Without a terminal, a line of progress at most this often."""
LINE_CHARS = 90


DONE = "[green]✓[/]"
FAILED = "[bold red]✗[/]"


class StageError(Exception):
    """What a stage promised has not happened; the message says what is stuck, and what to look at."""


@dataclass(slots=True, kw_only=True)
class Stages:
    """Runs stages and remembers how long each took."""

    console: Console
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def elapsed(self) -> float:
        return self.clock() - self.started

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator[Say]:
        """Show `title` while the stage runs; its seconds are kept under `name`, also when it fails."""
        began = self.clock()
        try:
            with self._shown(title) as say:
                yield say
        except BaseException:
            self.console.print(line(FAILED, title, self.clock() - began), highlight=False)
            raise
        finally:
            self.seconds[name] = round(self.clock() - began, 2)
            self.titles[name] = title
        self.console.print(line(DONE, title, self.seconds[name]), highlight=False)

    @contextmanager
    def _shown(self, title: str) -> Iterator[Say]:
        if self.console.is_terminal:
            with self.console.status(escape(title)) as status:
                yield lambda text: status.update(f"{escape(title)} · [dim]{escape(_cut(text, title))}[/]")
            return
        last = self.clock()

        def say(text: str) -> None:
            nonlocal last
            if self.clock() - last >= PLAIN_INTERVAL_S:
                last = self.clock()
                self.console.print(f"  … {escape(_cut(text, ''))}", highlight=False)

        yield say


def line(mark: str, title: str, seconds: float) -> str:
    """What is shown of a stage that is over."""
    return f"{mark} {escape(title):<76} {seconds:6.1f} s"


def _cut(text: str, title: str) -> str:
    room = max(20, LINE_CHARS - len(title))
    line = " ".join(text.split())
    return line if len(line) <= room else line[: room - 1] + "…"


def wait_until(
    condition: Callable[[], str | None],
    *,
    timeout_s: float,
    say: Say,
    every_s: float = 0.5,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask until nothing is missing any more.

    Args:
        condition: what is still missing, in words; None when all is there.

    Raises:
        StageError: the time is over; names what is missing.
    """
    deadline = clock() + timeout_s
    while (missing := condition()) is not None:
        if clock() >= deadline:
            raise StageError(f"after {timeout_s:g} s still waiting for {missing}")
        say(f"waiting for {missing}")
        sleep(every_s)
