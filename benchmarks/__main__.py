"""`python -m benchmarks`: run by `make bench`."""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from types import FrameType

from rich.markup import escape

from benchmarks import drop_to_score
from benchmarks.results import merge
from demo.__main__ import console_of_width
from demo.settings import DEFAULT_SEED, ROOT, Settings, free_port
from demo.show import WIDTH
from demo.stages import StageError, Stages
from infra.local.proxy import around_proxy

RESULTS = ROOT / "build" / "bench.json"
INTERRUPTED = 130


def main() -> int:
    os.environ.update(around_proxy(os.environ))
    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: nothing stays running
        signal.signal(ending, _interrupt)
    console = console_of_width(WIDTH)
    settings = Settings(
        seed=DEFAULT_SEED,
        keep=False,
        today=datetime.now(UTC).date(),
        port=free_port(),
        folder=ROOT / "build" / "bench",
    )
    try:
        figures, ran = drop_to_score.run(settings, Stages(console=console))
    except StageError as error:
        console.print(f"[bold red]the benchmark failed:[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; what was started has been stopped")
        return INTERRUPTED
    merge(RESULTS, figures, {"drop_to_score": ran})
    console.print(json.dumps(figures, indent=2))
    console.print(f"written to {os.path.relpath(RESULTS, ROOT)}")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
