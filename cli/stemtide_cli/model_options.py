"""What the commands on models share: options, and a log read as training material."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from stemtide.config import ConfigError, bundled_config

from stemtide_cli.errors import CliError

if TYPE_CHECKING:
    from stemtide.config_schema import Config

    from models.dataset import Dataset
    from models.material import Material
    from stemtide_cli.mapping_training import Kind

DAY = click.DateTime(formats=["%Y-%m-%d"])
MODELS = ("churn", "upsell")
SEED = 1
MAX_SEED = 100_000_000
"""Other seeds are made of it, up to ten times as large; the libraries take 32 bits."""
TRIES = 24

Command = TypeVar("Command", bound=Callable[..., Any])
LOG_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a log for one target."""

    target: str
    kind: Kind
    material: Material
    dataset: Dataset


def model_options(command: Command) -> Command:
    """MODEL, --mapping, --data, --target, --tries and --seed."""
    options = (
        click.argument("name", type=click.Choice(MODELS), metavar="MODEL"),
        click.option(
            "--mapping",
            "mapping_name",
            required=True,
            metavar="FILE|NAME",
            help="Which column is what, who is looked at, what is predicted: a TOML file or a shipped one.",
        ),
        click.option(
            "--data", "folder", required=True, type=LOG_FOLDER, metavar="DIR", help="The log's folder."
        ),
        click.option(
            "--target", metavar="TARGET", help="One of the mapping's targets (its first of this sort)."
        ),
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


def read_rows(
    mapping_name: str,
    folder: Path,
    *,
    name: str,
    target: str | None,
    config: Config,
    seed: int,
    say: Callable[[str], None],
    to_serve: bool = False,
    as_configured: bool = False,
    until: int | None = None,
) -> Rows:
    """All rows of a log for a target.

    Args:
        to_serve: the target must be one of that model, and the features those of the deployed configuration.
        as_configured: the latter alone, e.g. by the configuration of another log.
        until: see `models.material.read_material`.
        seed: of the snapshot as of which the log is read again.

    Raises:
        CliError: what the log or the mapping lacks, or a row looks past its snapshot.
    """
    from models.dataset import build, choose_target, require_fitting
    from models.leakage import Origin, require_no_hindsight
    from models.material import read_material

    say(f"reading {folder}")
    mapping, material = read_material(
        mapping_name, folder, config, as_configured=to_serve or as_configured, until=until
    )
    target_name, chosen = choose_target(mapping, name, target)
    if to_serve:
        require_fitting(name, target_name, chosen)
    say(f"computing features of {len(material.accounts):,} accounts")
    rows = build(mapping, material, chosen)
    say("reading the log again as it was at a snapshot: nothing may look past it")
    origin = Origin(
        mapping_name=mapping_name, folder=folder, mapping=mapping, material=material, target=chosen
    )
    require_no_hindsight(rows, origin, seed=seed)
    return Rows(target=target_name, kind=chosen.kind, material=material, dataset=rows)
