"""`python -m benchmarks`: run by `make bench`."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Final

from rich.markup import escape

from benchmarks import (
    aggregate_speed,
    anomalies,
    backfill_speed,
    drop_alarms,
    drop_to_score,
    feature_speed,
    local_records,
    login_scores,
    nightly_sweep,
    score_speed,
    write_units,
)
from benchmarks.results import merge
from demo.__main__ import console_of_width
from demo.settings import DEFAULT_SEED, ROOT, Settings, free_port
from demo.show import WIDTH
from demo.stages import StageError, Stages
from infra.local.proxy import around_proxy

RESULTS = ROOT / "build" / "bench.json"
INTERRUPTED = 130
Outcome = tuple[dict[str, Any], dict[str, Any]]
"""Figures by key, and what was run."""


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, by default all, one after the other."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    os.environ.update(around_proxy(os.environ))
    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: nothing stays running
        signal.signal(ending, _interrupt)
    console = console_of_width(WIDTH)
    stages = Stages(console=console)
    for name in names or BENCHMARKS:
        try:
            figures, ran = BENCHMARKS[name](stages)
        except StageError as error:
            console.print(f"[bold red]the benchmark failed:[/] {escape(str(error))}")
            return 1
        except KeyboardInterrupt:
            console.print("interrupted; what was started has been stopped")
            return INTERRUPTED
        merge(RESULTS, figures, {name: ran})
        console.print(json.dumps(figures, indent=2))
    console.print(f"written to {os.path.relpath(RESULTS, ROOT)}")
    return 0


def _settings() -> Settings:
    return Settings(
        seed=DEFAULT_SEED,
        keep=False,
        today=datetime.now(UTC).date(),
        port=free_port(),
        folder=ROOT / "build" / "bench",
    )


def _staged(title: str, run: Callable[[], Outcome]) -> Callable[[Stages], Outcome]:
    def staged(stages: Stages) -> Outcome:
        with stages.stage(title, title) as _:
            return run()

    return staged


BENCHMARKS: Final[dict[str, Callable[[Stages], Outcome]]] = {
    "aggregate_speed": _staged("aggregates: speed", aggregate_speed.run),
    "write_units": _staged("aggregates: write units", write_units.run),
    "backfill": _staged("backfill: speed and memory", backfill_speed.run),
    "feature_speed": _staged("features: speed", feature_speed.run),
    "score_speed": _staged("scores: speed, size and cold start", score_speed.run),
    "drop_alarms": _staged("drops: how often, and what follows", drop_alarms.run),
    "anomalies": _staged("anomalies: which are found", anomalies.run),
    "local_records": lambda stages: local_records.run(_settings(), stages),
    "login_scores": lambda stages: login_scores.run(_settings(), stages),
    "drop_to_score": lambda stages: drop_to_score.run(_settings(), stages),
    "nightly_sweep": lambda stages: nightly_sweep.run(_settings(), stages),
}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
