"""What stays of a backfill at its end is its result; the counted log, with users' ids in it, goes."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from stemtide_cli.backfill_facts import Told
from stemtide_cli.backfill_outcome import Done
from stemtide_cli.backfill_writing import Written

FILE: Final = "finished.json"
KEPT: Final = frozenset({FILE, "rejected.jsonl"})


class _Finished(msgspec.Struct, frozen=True):
    """In which tables (see `backfill_steps.incarnation`) everything is."""

    tables: str
    done: Done


def finished(folder: Path, tables: str) -> Done | None:
    """What a repetition of a finished backfill does: nothing; None if there is something to do."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        noted = msgspec.json.decode(path.read_bytes(), type=_Finished)
    except msgspec.MsgspecError:  # of another version
        return None
    if noted.tables != tables:
        return None
    clear(folder)  # of a run that was killed at its very end
    facts = Told(known=noted.done.facts.new + noted.done.facts.known, refused=noted.done.facts.refused)
    return replace(noted.done, resumed=True, told=Written(), repaired=0, facts=facts)


def finish(folder: Path, tables: str, done: Done) -> None:
    """Note the result, and remove all but it and the refused rows."""
    fresh = folder / f"{FILE}.new"
    fresh.write_bytes(msgspec.json.encode(_Finished(tables, done)))
    fresh.replace(folder / FILE)
    clear(folder)


def clear(folder: Path) -> None:
    """Remove what only an unfinished run needs."""
    for path in folder.iterdir():
        if path.name in KEPT:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
