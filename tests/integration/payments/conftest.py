from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.payment_benches import Bench, running


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A provider behind its server, the port through the official client."""
    with running(tmp_path) as running_bench:
        yield running_bench
