import pytest
from rich.text import Text
from stemtide_cli.output import Output, escape


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


def test_a_pipe_has_the_first_state_and_then_one_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.0, 4.9, 5.1, 5.1, 6.0])

    with Output(as_json=True).progress(clock=lambda: next(times)) as progress:
        for number in range(5):
            progress(f"state {number}")

    told = capsys.readouterr()
    assert told.err.splitlines() == ["state 0", "state 3"]
    assert told.out == ""
