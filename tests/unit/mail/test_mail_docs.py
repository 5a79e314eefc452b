"""docs/mail.md lists what there is."""

from pathlib import Path

from stemtide.mail.templates import table

DOCS = Path(__file__).parents[3] / "docs"
MAX_PICTURES_BYTES = 300_000


def test_the_table_of_the_docs_is_that_of_the_catalogue() -> None:
    assert table() in (DOCS / "mail.md").read_text()


def test_the_pictures_are_small_enough_for_a_repository() -> None:
    pictures = list((DOCS / "pictures" / "mails").glob("*.png"))

    assert pictures
    assert sum(picture.stat().st_size for picture in pictures) < MAX_PICTURES_BYTES
    assert all(f"pictures/mails/{picture.name}" in (DOCS / "mail.md").read_text() for picture in pictures)
