"""Runs one suite on many mutants: in children of one process, with the likeliest tests first.

A child begins with everything imported that does not change from mutant to mutant, which is most of what a
quick test costs. Which test has killed mutants of a module before is tried first on its next one.

Run as `python -m tests.mutation.forked SESSION TESTS...` in the copy that is mutated.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkResult
from hypothesis import HealthCheck, Phase, settings

CPU_S: Final = 60
"""A mutant that takes longer has not been noticed by a test: it counts as survived."""
WALL_S: Final = 900
"""The same for one that waits; a shared machine may be slow."""
EXAMPLES: Final = 10
"""Of a property at most: what a mutant does wrong shows early, or hardly ever."""
PHASES: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""That an example fails is enough: nobody reads the shortest one."""
OUTCOMES: Final = {
    0: TestOutcome.SURVIVED,
    1: TestOutcome.KILLED,  # a test failed
    2: TestOutcome.KILLED,  # a module of tests could not be imported
    4: TestOutcome.KILLED,  # nor what all tests share
}
"""By pytest's exit code. Others are no kills: a time-out, or an error of pytest's own."""
QUIET: Final = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0")


@dataclass(eq=False)
class Ordered:
    """A plugin of pytest: the tests in `first` come first, and properties give up early."""

    first: dict[str, int] = field(default_factory=dict)
    failed: str | None = None
    imported: list[str] = field(default_factory=list)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: -self.first.get(item.nodeid, 0))
        for item in items:
            test = getattr(item, "function", None)
            given = getattr(test, "_hypothesis_internal_use_settings", None)  # `settings` twice is refused
            if given is not None:
                test._hypothesis_internal_use_settings = settings(  # type: ignore[union-attr]
                    given,
                    max_examples=min(EXAMPLES, given.max_examples),
                    phases=PHASES,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
                )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid


@dataclass(frozen=True)
class Ended:
    """How a child ended: pytest's exit code (None: it took too long), and what its plugin noted."""

    code: int | None
    failed: str | None = None
    imported: tuple[str, ...] = ()


def in_a_child(tests: Sequence[str], first: dict[str, int]) -> Ended:
    """Run the tests in a child."""
    with tempfile.NamedTemporaryFile(suffix=".json") as told:
        pid = os.fork()
        if pid == 0:
            _child(tests, Ordered(first), Path(told.name))
        status = _waited(pid)
        if status is None or os.WIFSIGNALED(status):
            return Ended(None)
        return Ended(os.WEXITSTATUS(status), **json.loads(Path(told.name).read_bytes() or b"{}"))


def _child(tests: Sequence[str], plugin: Ordered, told: Path) -> None:
    code = 3
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        code = int(pytest.main([*QUIET, *tests], plugins=[plugin]))
        told.write_text(json.dumps({"failed": plugin.failed, "imported": _from_elsewhere()}))
    finally:
        os._exit(code)


def _waited(pid: int) -> int | None:
    """The child's status; None: it did not end, and was killed with all its own."""
    until = time.monotonic() + WALL_S
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _from_elsewhere() -> list[str]:
    """The modules that were imported and do not lie in the copy."""
    here = str(Path.cwd())
    places = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return [name for name, place in places.items() if place and not place.startswith(here)]


def _warm(tests: Sequence[str], mutated: set[Path]) -> None:
    """Import what the tests import from elsewhere, once they have all passed, and keep what was compiled.

    Raises:
        SystemExit: the tests fail as they are.
    """
    green = in_a_child(tests, {})
    if green.code != 0:
        raise SystemExit(f"before anything was mutated: exit code {green.code}, {green.failed}")
    for name in green.imported:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    for module in mutated:
        for compiled in (module.parent / "__pycache__").glob(f"{module.stem}.*"):
            compiled.unlink()  # a mutant of the same second and size would pass for it
    sys.dont_write_bytecode = True
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _mutated(spec: MutationSpec) -> Iterator[bool]:
    operator = get_operator(spec.operator_name)(**spec.operator_args)
    with use_mutation(spec.module_path, operator, spec.occurrence) as (_, code):
        yield code is not None


def tried(spec: MutationSpec, run: Callable[[], Ended]) -> tuple[WorkResult, str | None]:
    """What becomes of a mutant, and the test that killed it."""
    with _mutated(spec) as there_is_one:
        if not there_is_one:
            return WorkResult(worker_outcome=WorkerOutcome.NO_TEST), None
        ended = run()
    outcome = OUTCOMES.get(ended.code, TestOutcome.INCOMPETENT)
    output = "timeout" if ended.code is None else ended.failed or f"exit code {ended.code}"
    result = WorkResult(worker_outcome=WorkerOutcome.NORMAL, test_outcome=outcome, output=output)
    return result, ended.failed


def main(session: str, tests: Sequence[str]) -> None:
    """Work off the session's pending mutants."""
    with use_db(session, WorkDB.Mode.open) as database:
        pending = list(database.pending_work_items)
        if not pending:
            return
        _warm(tests, {Path(item.mutations[0].module_path) for item in database.work_items})
        killers: dict[Any, Counter[str]] = defaultdict(Counter)
        for item in pending:
            [spec] = item.mutations
            first = killers[spec.module_path]
            result, killer = tried(spec, lambda first=first: in_a_child(tests, dict(first)))  # type: ignore[misc]
            if killer is not None:
                first[killer] += 1
            database.set_result(item.job_id, result)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
