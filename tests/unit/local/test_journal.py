"""The journal of the local cloud where the disk is full: what was not written is forgotten as a whole."""

import sqlite3
from pathlib import Path

import pytest

from infra.local.emulator.durability.journal import Journal

BIG = "x" * 200_000


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal on a disk with room for very little."""
    journal = Journal(tmp_path / "journal.db")
    with journal.transaction() as database:
        ((pages,),) = database.execute("PRAGMA page_count")
        database.execute(f"PRAGMA max_page_count = {pages + 8}")
    return journal


def write_too_much(journal: Journal) -> None:
    with journal.transaction():
        journal.owner("table/first")
        journal.put_document("document", BIG)


def test_a_full_disk_is_told_and_the_next_write_finds_all_as_it_was(journal: Journal) -> None:
    with pytest.raises(sqlite3.OperationalError, match="full"):
        write_too_much(journal)

    journal.put_document("document", "small")

    assert journal.document("document") == "small"


def test_no_two_tables_share_a_number_after_one_could_not_be_written(journal: Journal) -> None:
    with pytest.raises(sqlite3.OperationalError):
        write_too_much(journal)

    second = journal.owner("table/second")

    assert journal.owner("table/first") != second
