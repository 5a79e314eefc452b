"""`stemtide export`, `promote` and `rollback`: which model serves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.model_options import MODELS, configuration
from stemtide_cli.output import escape
from stemtide_cli.stack import project_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from stemtide.store.model_pointers import Champion
    from stemtide.store.model_registry import ModelRegistry

MODEL = click.argument("name", metavar="MODEL", type=click.Choice(MODELS))
VERSION = click.argument("version")
FROM = click.option(
    "--from",
    "artefacts",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where candidates are (models/artifacts).",
)


@MODEL
@VERSION
@FROM
def export(session: Session, name: str, version: str, artefacts: Path | None) -> None:
    """Export a trained candidate again: graph, explanations, parity with LightGBM.

    `train` does this itself; again is needed after a change of `[scoring]` or of the export.
    """
    from models.export import export as export_candidate
    from models.trees import ExportError

    folder = _folder(name, version, artefacts)
    with session.out.progress() as say:
        say(f"exporting {name} {version}")
        try:
            manifest = export_candidate(folder, configuration())
        except ExportError as error:
            raise CliError(
                f"{name} {version} cannot be exported: {error.reason}", hint=error.remedy
            ) from error
    result = {"model": name, "version": version, "folder": str(folder), "parity": manifest.parity}
    session.out.result(result, lambda console: _show_parity(console, result))


@MODEL
@VERSION
@FROM
def promote(session: Session, name: str, version: str, artefacts: Path | None) -> None:
    """Upload an exported candidate and let it serve, within a minute.

    Its files are checked as the functions check them. A version that is in the bucket already may be gone
    from this machine.
    """
    folder = _folder(name, version, artefacts, needed=False)

    def act(registry: ModelRegistry) -> Champion:
        if folder.is_dir():
            registry.versions.put(name, version, _files(folder))
        return registry.promote(name, version, now_ms=_now_ms())

    _point(session, name, act)


@MODEL
def rollback(session: Session, name: str) -> None:
    """Let the version serve that served before; again takes that back."""
    _point(session, name, lambda registry: registry.rollback(name, now_ms=_now_ms()))


def _point(session: Session, name: str, act: Callable[[ModelRegistry], Champion]) -> None:
    from stemtide.features.configured_features import Shape
    from stemtide.scoring.artefact import ArtefactError
    from stemtide.store.model_pointers import ModelStoreError
    from stemtide.store.model_registry import ModelRegistry

    bucket = session.stack.buckets.get("models")
    if bucket is None:
        raise CliError(f"{session.stack_file} names no bucket of models", hint="deploy the stack again")
    try:
        shape = Shape.of(configuration().events)
        champion = act(ModelRegistry(session.stack.client("s3"), bucket, shape=shape))
    except ArtefactError as error:
        raise CliError(f"{error.file}: {error.reason}", hint=error.remedy) from error
    except ModelStoreError as error:
        raise CliError(error.reason, hint=error.remedy) from error
    result = {
        "model": name,
        "version": champion.version,
        "previous": champion.previous,
        "promoted_at": champion.promoted_at,
    }
    session.out.result(result, lambda console: _show_champion(console, result))


def _folder(name: str, version: str, artefacts: Path | None, *, needed: bool = True) -> Path:
    from models.train import ARTEFACTS

    if Path(version).name != version:
        raise CliError(f"{version!r} is no version", hint="give the name that `stemtide train` printed")
    folder = (artefacts or project_root() / ARTEFACTS) / name / version
    if needed and not folder.is_dir():
        raise CliError(f"there is no candidate {folder}", hint="`stemtide train` makes one")
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    from stemtide.scoring.artefact import FILES

    return {file: (folder / file).read_bytes() for file in FILES if (folder / file).is_file()}


def _now_ms() -> int:
    return int(time.time() * 1000)


def _show_parity(console: Console, result: dict[str, Any]) -> None:
    parity = result["parity"]
    console.print(f"exported to {escape(result['folder'])}")
    console.print(
        f"against LightGBM on {sum(parity['rows'].values()):,} rows: margin {parity['max_abs_margin']:.1e}, "
        f"probability {parity['max_abs_probability']:.1e}, contributions {parity['max_abs_contribution']:.1e}"
    )


def _show_champion(console: Console, result: dict[str, Any]) -> None:
    previous = f" (before: {escape(result['previous'])})" if result["previous"] else ""
    console.print(f"{result['model']} {escape(result['version'])} serves{previous}")
