"""Many seeds over several processes: resumable, with a report of what they covered."""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Any, Final

from tests.simulation.simulations import Simulation, Tally

CHUNK: Final = 250
"""Seeds that one process runs at a time, and that an interrupted run repeats at most."""
HERE: Final = Path(__file__).parent
VERSIONS: Final = ("msgspec", "datasketches", "xxhash", "hypothesis")
SHOWN_WRONG: Final = 50


@dataclass(slots=True)
class State:
    """How far a run has come: the seconds spent, the chunks done (by their first seed), what they came to,
    and how many seeds were run at which commit: a long run outlives some."""

    first: int
    last: int
    total: Tally
    seconds: float = 0.0
    done: set[int] = field(default_factory=set)
    commits: dict[str, int] = field(default_factory=dict)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """First and last seed (included) of what is left."""
        for first in range(self.first, self.last + 1, CHUNK):
            if first not in self.done:
                yield first, min(first + CHUNK - 1, self.last)

    def add(self, first: int, tally: Tally, commit: str) -> None:
        """A chunk is done."""
        self.done.add(first)
        self.commits[commit] = self.commits.get(commit, 0) + tally.seeds
        self.total.merge(tally)

    def save(self, path: Path) -> None:
        """Write the state in place of the one before, as a whole."""
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(asdict(self) | {"done": sorted(self.done), "chunk": CHUNK}))
        beside.replace(path)


def load(simulation: Simulation, path: Path | None, first: int, last: int) -> State:
    """The state of an interrupted run of the same seeds, else a new one.

    Raises:
        ValueError: the file is of other seeds.
    """
    if path is None or not path.exists():
        return State(first, last, simulation.tally())
    facts = json.loads(path.read_text())
    if (facts["first"], facts["last"], facts["chunk"]) != (first, last, CHUNK):
        raise ValueError(
            f"{path} is of the seeds {facts['first']}-{facts['last']}: name these, or another file"
        )
    total = simulation.of(facts["total"])
    return State(first, last, total, facts["seconds"], set(facts["done"]), facts["commits"])


def run_all(
    simulation: Simulation,
    state: State,
    *,
    jobs: int,
    path: Path | None,
    progress: Callable[[State], None],
) -> None:
    """Run what is left; `progress` is told after every chunk."""
    began, spent, commit = time.monotonic(), state.seconds, _commit()
    left = state.chunks()
    running: dict[Future[Tally], int] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        while True:
            while len(running) < jobs and (chunk := next(left, None)):
                running[pool.submit(_run_chunk, simulation.run_seeds, *chunk)] = chunk[0]
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                state.add(running.pop(future), future.result(), commit)
            state.seconds = spent + time.monotonic() - began
            if path is not None:
                state.save(path)
            progress(state)


def _run_chunk(run_seeds: Callable[[Iterable[int]], Tally], first: int, last: int) -> Tally:
    return run_seeds(range(first, last + 1))


def report(state: State, *, jobs: int) -> dict[str, Any]:
    """What the run shows: seeds, wrong ones, time, machine, versions, and what was covered."""
    total = state.total
    return {
        "seeds": total.seeds,
        "first": state.first,
        "last": state.last,
        "wrong": len(total.wrong),
        "wrong_seeds": {str(seed): total.wrong[seed] for seed in sorted(total.wrong)[:SHOWN_WRONG]},
        "seconds": round(state.seconds, 1),
        "jobs": jobs,
        "ms_per_seed_and_job": round(1000 * state.seconds * jobs / max(1, total.seeds), 2),
        "machine": f"{platform.machine()}, {cpu_count()} CPUs, {platform.system()} {platform.release()}",
        "commits": state.commits,
        "versions": {"python": sys.version.split()[0], **{name: _version(name) for name in VERSIONS}},
        **total.covered(),
    }


def _commit() -> str:
    told = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(told, cwd=HERE, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not a checkout"


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:
        return "not installed"
