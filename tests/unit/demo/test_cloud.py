"""The local cloud of a run: one run at a time."""

from pathlib import Path

import pytest

from demo.cloud import alone
from demo.stages import StageError


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(StageError, match="another run is at work"), alone(tmp_path):
        pass


def test_the_folder_is_free_again_when_a_run_has_ended(tmp_path: Path) -> None:
    with alone(tmp_path / "new"):
        pass

    with alone(tmp_path / "new"):
        pass
