"""What the commands on models share: options, and where rows are read from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from stemtide.config import ConfigError, bundled_config

from models.recipes import TRIES
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.model_clock import latest_ms
from stemtide_cli.training_rows import INSTEAD, LogFolder, Source

if TYPE_CHECKING:
    from stemtide.config_schema import Config

DAY = click.DateTime(formats=["%Y-%m-%d"])
MODELS = ("churn", "upsell")
SEED = 1
MAX_SEED = 100_000_000
"""Other seeds are made of it, up to ten times as large; the libraries take 32 bits."""

Command = TypeVar("Command", bound=Callable[..., Any])
LOG_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def model_options(command: Command) -> Command:
    """MODEL, --mapping, --data, --target, --tries and --seed."""
    options = (
        click.argument("name", type=click.Choice(MODELS), metavar="MODEL"),
        click.option(
            "--mapping",
            "mapping_name",
            metavar="FILE|NAME",
            help="Which column is what, who is looked at, what is predicted: a TOML file or a shipped one."
            " Without it and --data the deployed stack is read, and [training] of stemtide.toml says so.",
        ),
        click.option(
            "--data", "folder", type=LOG_FOLDER, metavar="DIR", help="The log's folder, with --mapping."
        ),
        click.option("--target", metavar="TARGET", help="One of the targets (the first of this sort)."),
        click.option(
            "--tries",
            type=click.IntRange(min=0, max=1000),
            default=TRIES,
            show_default=True,
            help="Recipes that the search looks at; 0 takes the usual one.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(min=0, max=MAX_SEED),
            default=SEED,
            show_default=True,
            help="Of everything drawn.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def day_number(day: datetime | None) -> int | None:
    """Days since 1970-01-01."""
    return None if day is None else day.toordinal() - datetime(1970, 1, 1).toordinal()  # noqa: DTZ001


def require_writable(path: Path, *, option: str) -> None:
    """Try to write where something is to be written: better now than after all the work.

    Args:
        path: a folder that is to hold files; what there is of it so far is tried.

    Raises:
        CliError: it cannot be written to.
    """
    existing = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise CliError(
            f"{path} cannot be written to: {error.strerror}", hint=f"give another {option}"
        ) from error


def configuration() -> Config:
    """The configuration of this checkout.

    Raises:
        CliError: stemtide.toml cannot be right.
    """
    try:
        return bundled_config()
    except ConfigError as error:
        raise CliError(str(error), hint="correct it; docs/configuration.md lists every key") from error


def source_of(session: Session, mapping_name: str | None, folder: Path | None) -> Source:
    """The log of the options, or the deployed stack without them.

    Raises:
        CliError: only one of the two is given, or there is no stack.
    """
    if mapping_name is not None and folder is not None:
        return LogFolder(mapping_name=mapping_name, folder=folder)
    if mapping_name is not None or folder is not None:
        given, missing = ("--mapping", "--data") if folder is None else ("--data", "--mapping")
        raise CliError(
            f"{given} is given without {missing}: a log needs both",
            hint=f"add {missing}, or leave out both to learn from what the deployed stack knows",
        )
    try:
        return session.stack
    except CliError as error:
        raise CliError(error.message, hint=f"{error.hint}; or {INSTEAD}") from error


def known_at(session: Session, source: Source) -> int | None:
    """The instant as of which a deployed stack is read; None: a log knows its own days."""
    return None if isinstance(source, LogFolder) else latest_ms(session)
