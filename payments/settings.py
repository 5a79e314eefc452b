"""What the server is told when it starts, from one JSON file that only its owner can read."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from stemtide.clock import REAL_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Address, keys and clock of a provider.

    `clock` is the text of a model clock; `webhook_url` None: events are kept and sent nowhere; `enabled` are
    the types that are sent.
    """

    port: int
    database: str
    api_key: str
    webhook_secret: str
    webhook_url: str | None = None
    clock: str = str(REAL_TIME)
    seed: str = ""
    enabled: list[str] = field(default_factory=lambda: ["*"])

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Write the file anew, or leave the old one."""
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        fresh.replace(path)
