"""`stemtide mail preview`: letters as their recipients see them, before anybody does."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from stemtide.mail.templates import TEMPLATES

from stemtide_cli.command import Session, command
from stemtide_cli.errors import CliError
from stemtide_cli.model_options import configuration
from stemtide_cli.output import escape

DEFAULT_FOLDER = Path("build/mails")


@click.group()
def mail() -> None:
    """The letters that are sent to customers."""


@click.argument("template", metavar="[TEMPLATE]", required=False, type=click.Choice(list(TEMPLATES)))
@click.option(
    "--values",
    "values_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A JSON file with the letter's values (else its examples; see docs/mail.md).",
)
@click.option("--locale", help="Only this language, e.g. de-AT (else every language there is).")
@click.option("--zone", help="The customer's IANA time zone (else the company's).")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder to write (made if absent).",
)
@click.option("--no-pictures", is_flag=True, help="No pictures (else where a Chromium is installed).")
def preview(
    session: Session,
    template: str | None,
    values_file: Path | None,
    locale: str | None,
    zone: str | None,
    folder: Path,
    no_pictures: bool,
) -> None:
    """Write a letter, or all of them, as HTML, text and a picture on a desk and on a phone.

    Nothing is sent, and no stack is needed.
    """
    from stemtide_cli.mail_pictures import find_browser, take_pictures  # with Jinja: only when needed
    from stemtide_cli.mail_preview import Wanted, write_letters

    if values_file is not None and template is None:
        raise click.UsageError("--values are those of one letter: name it")
    wanted = Wanted(
        names=list(TEMPLATES) if template is None else [template],
        values=None if values_file is None else _read(values_file),
        locale=locale,
        zone=zone,
    )
    try:
        letters = write_letters(wanted, configuration(), folder)
        browser = None if no_pictures else find_browser()
        if browser is not None:
            with session.out.progress() as progress:
                take_pictures(browser, letters, say=progress)
    except OSError as error:
        raise CliError(f"{folder} cannot be written: {error}", hint="give --out a folder of yours") from error
    result = {
        "folder": str(folder),
        "pictures": browser is not None,
        "mails": [letter.described() for letter in letters],
    }
    session.out.result(result, lambda console: _show(console, result, asked=not no_pictures))


def _read(file: Path) -> dict[str, Any]:
    shape = 'write a JSON object, e.g. {"plan": "Business", "amount": {"amount": 4900, "currency": "EUR"}}'
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CliError(
            f"{file} cannot be read: {error.strerror}", hint="name a file that is there"
        ) from error
    except ValueError as error:
        raise CliError(f"{file} is no JSON: {error}", hint=shape) from error
    if not isinstance(values, dict):
        raise CliError(f"{file} holds no values by name", hint=shape)
    return values


def _show(console: Console, result: dict[str, Any], *, asked: bool) -> None:
    for one in result["mails"]:
        console.print(
            f"[bold]{one['template']}[/] ({one['locale']}, {one['class']})  {escape(one['subject'])}"
        )
        console.print(f"  {escape(one['picture'] or one['html'])}")
    if asked and not result["pictures"]:
        console.print("no pictures: there is no Chromium (`apt-get install chromium`)")


command(mail, "preview")(preview)
