"""`make down`: the local cloud stopped, its data and files removed."""

import shutil
from collections.abc import Callable

from infra.local import emulator_process, payments_process
from infra.local.home import ROOT, Home


def down(home: Home, *, say: Callable[[str], None]) -> None:
    """End this home's processes, then remove its folder with all data."""
    payments_process.stop(home)
    say("stopped the emulator" if emulator_process.stop(home) else "no emulator was running")
    if home.folder.exists():
        shutil.rmtree(home.folder)
        say(f"removed {home.folder}")
    if home.folder.parent == ROOT / "build" and not any(home.folder.parent.iterdir()):
        home.folder.parent.rmdir()


def stop(home: Home, *, say: Callable[[str], None]) -> None:
    """End this home's processes and keep its data for the next start."""
    payments_process.stop(home)
    say(
        "stopped the emulator; its data is kept" if emulator_process.stop(home) else "no emulator was running"
    )
