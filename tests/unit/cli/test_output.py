import pytest
from rich.text import Text
from stemtide_cli.output import escape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Report Created", "Report Created"),
        ("[bold red]x[/]", "[bold red]x[/]"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"),
        ("a\rb\x9b1m", "a\\rb\\x9b1m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("Überblick 😀", "Überblick 😀"),
    ],
)
def test_text_of_any_origin_neither_styles_nor_steers_the_terminal(text: str, shown: str) -> None:
    assert Text.from_markup(escape(text)).plain == shown
