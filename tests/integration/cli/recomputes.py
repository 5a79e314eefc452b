"""What the deployed state machine does with the recompute function, in the test's own process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import pytest

from tests.integration.cli.conftest import Deployment
from tests.integration.stream.recomputing import recompute


@contextmanager
def state_machine(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The stack has a state machine `recompute` that runs at once; the inputs that it was given."""
    given_to: list[dict[str, Any]] = []

    def run(
        stack: object, arn: str, *, about: str, given: dict[str, Any], look: Callable[[str], None]
    ) -> tuple[dict[str, Any], str]:
        name = f"by-hand-{about}-{len(given_to)}"
        given_to.append(given)
        look(name)
        with redirect_stdout(StringIO()):  # where the function's metrics go
            row = recompute(deployment.cloud, run=name, **given)
        look(name)
        return {"status": "FAILED" if row.get("state") == "failed" else "SUCCEEDED"}, name

    monkeypatch.setattr("stemtide_cli.recompute.run_machine", run)
    monkeypatch.setattr("stemtide_cli.recompute.machine_of", lambda stack, role: f"arn:{role}")
    monkeypatch.setattr("stemtide.recompute.LAG_S", 0.0)
    yield given_to
