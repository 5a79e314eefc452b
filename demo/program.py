"""The project's own programs, run as a person runs them; each ends in time or is ended."""

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.settings import ROOT
from demo.stages import Say, StageError

BIN = ROOT / ".venv" / "bin"
END_TIMEOUT_S = 15
TAIL_LINES = 12


@dataclass(frozen=True, slots=True)
class Program:
    """Runs programs in one environment; never leaves one behind."""

    environment: Mapping[str, str]

    def stemtide(self, *arguments: object, timeout_s: float, say: Say) -> dict[str, Any]:
        """What the command line prints with --json.

        Raises:
            StageError: it failed or did not end in time; with the last lines that it wrote.
        """
        words = [str(BIN / "stemtide"), *map(str, arguments), "--json"]
        text = self.run(words, timeout_s=timeout_s, say=say)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise StageError(f"`stemtide {arguments[0]}` printed no JSON object: {text[:200]!r}")
        return answer

    def local_cloud(self, command: str, *, timeout_s: float, say: Say, shielded: bool = False) -> None:
        """`make up` and its kin on this run's own local cloud.

        Args:
            shielded: a Ctrl-C at the terminal does not reach it (for the clean-up after one).
        """
        words = [str(BIN / "python"), "-m", "infra.local", command]
        self.run(words, timeout_s=timeout_s, say=say, shielded=shielded)

    def run(self, words: Sequence[str], *, timeout_s: float, say: Say, shielded: bool = False) -> str:
        """Run to the end; what it writes to stderr is progress.

        Returns:
            What it wrote to stdout.
        """
        process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            words,
            cwd=ROOT,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=shielded,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        stdout, out, lines = process.stdout, list[str](), list[str]()
        late = threading.Event()

        def time_is_over() -> None:
            late.set()
            process.terminate()

        timer = threading.Timer(timeout_s, time_is_over)
        reader = threading.Thread(target=lambda: out.append(stdout.read()), daemon=True)
        try:
            timer.start()
            reader.start()
            for line in process.stderr:
                lines = [*lines[-TAIL_LINES:], line.rstrip()]
                say(line.rstrip())
            code = process.wait()
            reader.join()
        finally:
            timer.cancel()
            end(process)
        if late.is_set():
            raise StageError(f"{_named(words)} did not end within {timeout_s:g} s\n{_tail(lines)}")
        if code != 0:
            raise StageError(f"{_named(words)} ended with {code}\n{_tail(lines) or _tail(out)}")
        return "".join(out)


def end(process: subprocess.Popen[str]) -> None:
    """End a process that still runs: asked first, then not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _named(words: Sequence[str]) -> str:
    return f"`{Path(words[0]).name} {' '.join(words[1:])}`"


def _tail(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])
