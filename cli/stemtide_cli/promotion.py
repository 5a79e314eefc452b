"""`stemtide export`, `promote` and `rollback`: which model serves, and which one is tried beside it."""

from __future__ import annotations

import time
from contextlib import contextmanager
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
    from collections.abc import Callable, Iterator

    from stemtide.store.model_pointers import Challenger, Champion
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

    `train` does this itself; again is needed after a change of `[scoring]` or of the export's tools. What
    comes out is another version then, in a folder of its own and without a model card, whose tiers would be
    the old ones; a version never changes.
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
    result = {
        "model": name,
        "version": manifest.version,
        "exported_from": version,
        "folder": str(folder if manifest.version == version else folder.parent / manifest.version),
        "parity": manifest.parity,
    }
    session.out.result(result, lambda console: _show_parity(console, result))


@MODEL
@click.argument("version", required=False)
@FROM
@click.option(
    "--challenger", is_flag=True, help="Let it score beside the champion every night; nothing acts on it."
)
@click.option("--no-challenger", is_flag=True, help="Take the challenger out; no version is given then.")
@click.option(
    "--shadow/--live",
    default=None,
    help="Whether nothing may act on its scores. Without either it stays as it is with the champion.",
)
def promote(
    session: Session,
    name: str,
    version: str | None,
    artefacts: Path | None,
    challenger: bool,
    no_challenger: bool,
    shadow: bool | None,
) -> None:
    """Upload an exported candidate and let it serve, within a minute.

    Its files are checked as the functions check them. A version that is in the bucket already may be gone
    from this machine.
    """
    if (challenger and no_challenger) or (no_challenger == (version is not None)):
        raise click.UsageError("give a VERSION, or --no-challenger without one")
    if shadow is not None and (challenger or no_challenger):
        raise click.UsageError("a challenger never acts: --shadow and --live are for the champion")
    if version is None:
        _point(session, name, lambda registry: registry.challenge(name, None, now_ms=_now_ms()))
        return
    folder = _folder(name, version, artefacts, needed=False)

    def act(registry: ModelRegistry) -> Champion | Challenger:
        if folder.is_dir():
            registry.versions.put(name, version, _files(folder), trained_ms=trained_ms(folder))
        if challenger:
            return registry.challenge(name, version, now_ms=_now_ms())
        return registry.promote(name, version, now_ms=_now_ms(), shadow=shadow)

    _point(session, name, act)


@MODEL
def rollback(session: Session, name: str) -> None:
    """Let the version serve that served before, live or in shadow as it was; again takes that back."""
    _point(session, name, lambda registry: registry.rollback(name, now_ms=_now_ms()))


@contextmanager
def registry_of(session: Session) -> Iterator[ModelRegistry]:
    """The stack's registry; what it refuses becomes an error in words."""
    from stemtide.features.configured_features import Shape
    from stemtide.scoring.artefact import ArtefactError
    from stemtide.store.model_pointers import ModelStoreError
    from stemtide.store.model_registry import ModelRegistry

    bucket = session.stack.buckets.get("models")
    if bucket is None:
        raise CliError(f"{session.stack_file} names no bucket of models", hint="deploy the stack again")
    try:
        yield ModelRegistry(session.stack.client("s3"), bucket, shape=Shape.of(configuration().events))
    except ArtefactError as error:
        raise CliError(f"{error.file}: {error.reason}", hint=error.remedy) from error
    except ModelStoreError as error:
        raise CliError(error.reason, hint=error.remedy) from error


def trained_ms(folder: Path) -> int | None:
    """When a local candidate was trained (epoch ms): its trees are written then and never again."""
    from models.export import BOOSTER

    file = folder / BOOSTER
    return int(file.stat().st_mtime * 1000) if file.is_file() else None


def _point(session: Session, name: str, act: Callable[[ModelRegistry], Champion | Challenger]) -> None:
    import msgspec

    with registry_of(session) as registry:
        pointer = act(registry)
    result = {"model": name, "role": type(pointer).__name__.lower(), **msgspec.to_builtins(pointer)}
    session.out.result(result, lambda console: _show_pointer(console, result))


def _folder(name: str, version: str, artefacts: Path | None, *, needed: bool = True) -> Path:
    from stemtide.store.model_pointers import ModelStoreError, checked_version

    from models.train import ARTEFACTS

    try:
        checked_version(version)
    except ModelStoreError as error:
        raise CliError(
            f"{version!r} is no version", hint="give the name that `stemtide train` printed"
        ) from error
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
    if result["version"] != result["exported_from"]:
        console.print(
            f"{escape(result['version'])} is another version than {escape(result['exported_from'])}: its"
            " tiers or the export's tools are others. It has no model card; `stemtide train` makes one"
        )
    console.print(
        f"against LightGBM on {sum(parity['rows'].values()):,} rows: margin {parity['max_abs_margin']:.1e}, "
        f"probability {parity['max_abs_probability']:.1e}, contributions {parity['max_abs_contribution']:.1e}"
    )


def _show_pointer(console: Console, result: dict[str, Any]) -> None:
    name, version = result["model"], result["version"]
    if result["role"] == "challenger":
        said = "nobody challenges" if version is None else f"{escape(version)} scores beside it every night"
        console.print(f"{name}: {said}")
        return
    previous = f" (before: {escape(result['previous'])})" if result["previous"] else ""
    console.print(f"{name} {escape(version)} serves{previous}")
    if result["shadow"]:
        console.print("in shadow: nothing acts on its scores until `stemtide promote … --live`")
