"""The pinned CDK command line as a process, silent towards the outside."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.tool_env import SILENT

ROOT: Final = Path(__file__).resolve().parents[1]
CDK: Final = ROOT / "node_modules" / ".bin" / "cdk"
WORTH_SAYING: Final = ("✅", "❌", "size:", "cdk-nag:")
"""Beginnings of the lines of a log that a waiting person wants to see."""
Say = Callable[[str], None]


class DeployError(RuntimeError):
    """The CDK command line failed; the message says where to read why, or what to do."""


def run(arguments: Sequence[str], *, env: Mapping[str, str], log: Path | None, say: Say | None) -> None:
    """Run `cdk` with the arguments; with `log` its words go there, else to the terminal (and it may ask).

    Raises:
        DeployError: it is not installed, or it failed.
    """
    if not CDK.exists():
        raise DeployError("the CDK command line is not installed: run `make setup`")
    command = [str(CDK), *arguments]
    environment = {"CDK_HOME": str(ROOT / "build" / "cdk"), **env, **SILENT}
    if log is None:
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603
        hint = "its reasons are above"
    else:
        code = _logged(command, environment, log, say or (lambda line: None))
        hint = f"see {log}"
    if code:
        raise DeployError(f"`cdk {arguments[0]}` failed with status {code}; {hint}")


def _logged(command: Sequence[str], env: Mapping[str, str], log: Path, say: Say) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w") as file,
        subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            file.write(line)
            if line.lstrip().startswith(WORTH_SAYING):
                say(line.strip())
        return process.wait()
