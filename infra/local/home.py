"""Where the local cloud lives: one folder and one port, so that several can stand side by side."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "000000000000"
DEFAULT_PORT = 4566


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Paths and address of one local cloud."""

    folder: Path
    port: int

    @classmethod
    def from_env(cls) -> "Home":
        """`STEMTIDE_LOCAL_DIR` (default build/local) and `STEMTIDE_PORT` (default 4566).

        Raises:
            SystemExit: the port is not a number between 1024 and 65535.
        """
        folder = Path(os.environ.get("STEMTIDE_LOCAL_DIR") or ROOT / "build" / "local").resolve()
        text = os.environ.get("STEMTIDE_PORT", str(DEFAULT_PORT))
        if not text.isdecimal() or not 1024 <= int(text) <= 65535:
            raise SystemExit(f"STEMTIDE_PORT is {text!r}: give a port between 1024 and 65535")
        return cls(folder=folder, port=int(text))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid_file(self) -> Path:
        return self.folder / "emulator.pid"

    @property
    def log_file(self) -> Path:
        return self.folder / "emulator.log"

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"

    @property
    def outputs_file(self) -> Path:
        return self.folder / "outputs.json"

    @property
    def clock_file(self) -> Path:
        """The model clock of this local cloud: kept with its data, as model time never goes back."""
        return self.folder / "clock"

    @property
    def payments_file(self) -> Path:
        """What the payment provider is told: its port, keys and clock, made once for this home."""
        return self.folder / "payments.json"

    @property
    def payments_pid_file(self) -> Path:
        return self.folder / "payments.pid"

    @property
    def payments_log_file(self) -> Path:
        return self.folder / "payments.log"

    @property
    def stack_file(self) -> Path:
        return self.folder / "stack.json"

    def aws_env(self) -> dict[str, str]:
        """The environment that points AWS clients and the CDK command line at this local cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
            "CDK_HOME": str(self.folder / "cdk"),
        }
