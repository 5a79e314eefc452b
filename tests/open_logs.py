"""The open logs that tests run on where they are at hand; the project works without them."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "shared"


def open_log_folder(name: str) -> Path:
    """The folder of one open log (crm, social, nova, oulad); skips the test where it is absent."""
    folder = Path(os.environ.get("STEMTIDE_SHARED", BESIDE)) / "data" / name
    if not folder.exists():
        pytest.skip(
            f"the open log {name} is not here: put the logs beside the project or set STEMTIDE_SHARED"
        )
    return folder
