"""The model clock of a local cloud: set when it is first started, kept with its data."""

from pathlib import Path

from stemtide.clock import REAL_TIME, ModelClock


def clock_of(path: Path, *, scale: float, real_ms: int) -> ModelClock:
    """The clock in the file, going on at `scale` from now on if it ran at another pace; written back.

    A cloud that never hurried runs on real time.
    """
    clock = ModelClock.parse(path.read_text().strip()) if path.exists() else REAL_TIME
    if clock.scale != scale:
        clock = clock.rescaled(scale, real_ms=real_ms)
        path.write_text(f"{clock}\n")
    return clock
