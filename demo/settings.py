"""What one run of the demo is: which base, how large, where, and how patient."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from stemtide.calls import DAY_MS

ROOT: Final = Path(__file__).resolve().parents[1]
CONFIGURATION: Final = Path(__file__).with_name("stemtide.toml")
DAY_SECONDS: Final = 12
"""What a day of dunning and of the plays takes; usage and scores go by the days of the events."""
DEFAULT_SEED: Final = 7
LARGEST_SEED: Final = 2**31
TRAINING_SEED: Final = 100_000
"""Added to the seed: the training base is another company's worth of customers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A base: so many customers over so many days."""

    accounts: int
    days: int


TRAINING: Final = Size(accounts=400, days=360)
"""Enough who left for a model; offline only, so rows are cheap."""
LIVE: Final = Size(accounts=100, days=57)
"""What the emulator counts in a minute: it writes some 150 account-days a second. The last day is today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run. `today` is fixed at the start: a run across midnight keeps its day."""

    seed: int
    keep: bool
    today: date
    port: int
    folder: Path = ROOT / "build" / "demo"
    training: Size = TRAINING
    live: Size = LIVE

    @property
    def yesterday(self) -> date:
        return self.today - timedelta(days=1)

    @property
    def training_end(self) -> date:
        """The training base ends before the live one begins."""
        return self.today - timedelta(days=self.live.days)

    def seed_of(self, base: str) -> int:
        """The seed of the `live` or the `training` base."""
        return self.seed + (TRAINING_SEED if base == "training" else 0)

    @property
    def cloud(self) -> Path:
        return self.folder / "cloud"

    @property
    def stack_file(self) -> Path:
        return self.cloud / "stack.json"

    @property
    def report_file(self) -> Path:
        return self.folder / "report.json"

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, today: date) -> "Settings":
        """`SEED` (default 7) and `KEEP` (1: leave the stack running).

        Raises:
            SystemExit: the seed is not a whole number from 0 to 2^31.
        """
        text = env.get("SEED") or str(DEFAULT_SEED)
        if not text.isdecimal() or int(text) > LARGEST_SEED:
            raise SystemExit(f"demo: SEED is {text!r}: give a whole number from 0 to {LARGEST_SEED}")
        keep = env.get("KEEP", "") not in ("", "0")
        return cls(seed=int(text), keep=keep, today=today, port=free_port())

    def environment(self) -> dict[str, str]:
        """The environment of every program of this run: its own local cloud, whatever else is running."""
        return dict(os.environ) | {
            "STEMTIDE_LOCAL_DIR": str(self.cloud),
            "STEMTIDE_PORT": str(self.port),
            "STEMTIDE_STACK": str(self.stack_file),
            "STEMTIDE_CONFIG": str(CONFIGURATION),
            "CLOCK_SCALE": str(DAY_MS // 1000 // DAY_SECONDS),
        }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
