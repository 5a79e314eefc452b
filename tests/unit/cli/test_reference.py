"""docs/cli.md says what the program does."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from stemtide_cli.log_file import ENDINGS
from stemtide_cli.main import main
from stemtide_cli.mapping import SECTIONS

DOCS = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
COMMON = {"--json", "--stack", "--help"}


def commands(group: click.Group = main, prefix: str = "stemtide") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        path = f"{prefix} {name}"
        found |= commands(command, path) if isinstance(command, click.Group) else {path: command}
    return found


def cells(first: str) -> list[str]:
    """The second cell of each table row whose first cell is `first`."""
    return re.findall(rf"^\| `{re.escape(first)}` \|(.*)\|$", DOCS, flags=re.MULTILINE)


def help_of(path: str) -> str:
    result = CliRunner().invoke(main, [*path.split()[1:], "--help"])
    assert result.exit_code == 0
    return result.output


def test_the_reference_lists_exactly_the_commands_there_are() -> None:
    listed = set(re.findall(r"^\| `(stemtide [^`]+)` \|", DOCS, flags=re.MULTILINE))

    assert listed == set(commands())


@pytest.mark.parametrize("path", sorted(commands()))
def test_the_reference_lists_exactly_the_options_that_help_shows(path: str) -> None:
    _, options = cells(path)

    shown = set(re.findall(r"--[a-z][a-z-]*", help_of(path).partition("Options:")[2])) - COMMON
    arguments = {
        p.make_metavar(click.Context(commands()[path]))
        for p in commands()[path].params
        if isinstance(p, click.Argument)
    }
    documented = set(re.findall(r"`([^`]+)`", options))
    assert documented >= arguments
    assert {name for name in documented if name.startswith("--")} == {
        option
        for parameter in commands()[path].params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    } - COMMON
    assert {name for name in documented if name.startswith("--")} <= shown | documented & shown


@pytest.mark.parametrize("path", sorted(commands()))
def test_every_command_takes_json_and_stack(path: str) -> None:
    shown = help_of(path)

    assert "--json" in shown
    assert "--stack FILE" in shown


def test_the_reference_explains_exactly_the_keys_of_a_mapping() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_]+` ?)+)\|", DOCS, flags=re.MULTILINE)

    explained = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}
    assert explained == {key for section in SECTIONS.values() for key in section.__struct_fields__}


def test_the_reference_names_every_known_ending() -> None:
    [file] = cells("file")

    assert set(re.findall(r"`(\.[a-z.]+)`", file)) == set(ENDINGS)
