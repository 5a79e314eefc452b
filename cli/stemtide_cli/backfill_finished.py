"""What stays of a backfill at its end is its result; the counted log, with users' ids in it, goes."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from stemtide_cli.backfill_facts import Told
from stemtide_cli.backfill_outcome import Asked, Done
from stemtide_cli.backfill_writing import Written

FILE: Final = "finished.json"
KEPT: Final = frozenset({FILE, "rejected.jsonl"})


class _Finished(msgspec.Struct, frozen=True):
    """In which tables (see `generation`) everything is."""

    tables: str
    done: Done


def generation(home: Path, tables: str, run: str, *, replaces: bool) -> str:
    """What tells the tables as they are from what they were before a run replaced days in them.

    What is noted of other generations is void: a later run may have put other days in its place.

    Args:
        tables: see `backfill_steps.incarnation`.
        run: what tells this run from others; its own repetition goes on in the same generation.
        replaces: whether this run may replace days.
    """
    path = home / f"{tables}.replaced"
    times, _, last = path.read_text().partition(" ") if path.is_file() else ("0", "", "")
    if replaces and last != run:
        times = str(int(times) + 1)
        home.mkdir(parents=True, exist_ok=True)
        _write(path, f"{times} {run}".encode())
    return f"{tables}-{times}" if int(times) else tables


def finished(folder: Path, tables: str, asked: Asked) -> Done | None:
    """What a repetition of a finished backfill does: nothing; None if there is something to do.

    Args:
        tables: their `generation`.
    """
    path = folder / FILE
    if asked.replace or asked.dry_run or not path.is_file():
        return None
    try:
        noted = msgspec.json.decode(path.read_bytes(), type=_Finished)
    except msgspec.MsgspecError:  # of another version
        return None
    if noted.tables != tables:
        return None
    clear(folder)  # of a run that was killed at its very end
    done, before = noted.done, noted.done.facts
    facts, told = Told(known=before.new + before.known, refused=before.refused), Written(unchanged=done.days)
    return replace(done, asked=asked, resumed=True, told=told, repaired=0, facts=facts)


def finish(folder: Path, tables: str, done: Done) -> None:
    """Note the result, and remove all but it and the refused rows."""
    _write(folder / FILE, msgspec.json.encode(_Finished(tables, done)))
    clear(folder)


def clear(folder: Path) -> None:
    """Remove what only an unfinished run needs, and the folder if nothing is left."""
    for path in folder.iterdir():
        if path.name in KEPT:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, whenever the run is killed."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
