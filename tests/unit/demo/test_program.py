"""Programs that the demo runs: their result, their failure in words, and that none is left behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from demo.program import Program
from demo.stages import StageError


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


@pytest.fixture
def program() -> Program:
    return Program(dict(os.environ))


def test_what_it_prints_is_returned_and_what_it_says_is_progress(program: Program) -> None:
    said: list[str] = []
    code = "import sys; print('result'); print('half', file=sys.stderr); print('done', file=sys.stderr)"

    out = program.run(python(code), timeout_s=20, say=said.append)

    assert out == "result\n"
    assert said == ["half", "done"]


def test_much_output_on_both_sides_does_not_block(program: Program) -> None:
    code = "import sys; [print('x' * 1000, file=f) for _ in range(500) for f in (sys.stdout, sys.stderr)]"

    assert len(program.run(python(code), timeout_s=20, say=lambda _: None)) == 500 * 1001


def test_a_failure_names_the_program_and_its_last_words(program: Program) -> None:
    code = "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"

    with pytest.raises(StageError, match=r"ended with 3\n  no such thing"):
        program.run(python(code), timeout_s=20, say=lambda _: None)


def test_a_program_that_does_not_end_is_ended_and_said_so(program: Program, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    began = time.monotonic()

    with pytest.raises(StageError, match="did not end within 1 s"):
        program.run(python(code, str(pid_file)), timeout_s=1, say=lambda _: None)

    assert time.monotonic() - began < 20
    assert not Path(f"/proc/{pid_file.read_text()}").exists()


def test_an_interruption_leaves_no_program_behind(program: Program, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid()));"
        "print('up', file=sys.stderr, flush=True); time.sleep(60)"
    )

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program.run(python(code, str(pid_file)), timeout_s=30, say=interrupt)

    assert not Path(f"/proc/{pid_file.read_text()}").exists()
