"""One synth for all the template tests: made by the command that people use, without AWS credentials."""

import os
import subprocess
import sys

import pytest

from tests.infra.assemblies import ROOT, Synth, read_stacks


@pytest.fixture(scope="session")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Synth:
    """The stacks of a real account."""
    folder = tmp_path_factory.mktemp("synth") / "out"
    home = tmp_path_factory.mktemp("home")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    no_credentials = {
        "AWS_CONFIG_FILE": str(home / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
    }
    answer = subprocess.run(
        [sys.executable, "-m", "infra.deploy", "synth", "--output", str(folder)],
        cwd=ROOT,
        env=environment | no_credentials,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return Synth(folder=folder, said=answer.stdout + answer.stderr, stacks=read_stacks(folder))
