"""Settings of every test."""

import os
from pathlib import Path
from typing import Any

import pytest
from botocore import session
from hypothesis import settings

from infra.local.proxy import around_proxy

pytest.register_assert_rewrite("tests.simulation.store_contract")

os.environ.update(around_proxy(os.environ))

# On a shared machine an example may take long without anything being wrong.
settings.register_profile("stemtide", deadline=None)
settings.load_profile("stemtide")

_described: dict[Any, Any] = {}
_create = session.create_loader


def _with_memory(search_path_string: str | None = None) -> Any:
    loader = _create(search_path_string)
    loader._cache = _described
    return loader


# Every test with AWS as moto imitates it has a session of its own, which would list and read anew how AWS
# describes its services: megabytes of JSON, nearly half of what such a test costs.
session.create_loader = _with_memory

HERE = Path(__file__).parent
ONE_PROCESS = {"e2e": "cloud", "local_cloud": "cloud", "infra": "infra"}
"""Folders whose tests share something costly: a deployed local cloud, an emulator, a synthesis. Those with an
emulator often wait for it: one after the other in one process, while the others compute."""


OTHER_CLOUD = "hurried_home"
"""The fixture of a second cloud, whose tests wait for days to pass: beside those of the first."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes, a file's tests stay together, and so do the folders of `ONE_PROCESS`."""
    for item in items:
        relative = item.path.relative_to(HERE)
        together = ONE_PROCESS.get(relative.parts[0], str(relative))
        if OTHER_CLOUD in getattr(item, "fixturenames", ()):
            together = OTHER_CLOUD
        item.add_marker(pytest.mark.xdist_group(together))
