"""`stemtide models`: which versions there are, and what each of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text

from stemtide_cli.command import Session
from stemtide_cli.model_options import MODELS
from stemtide_cli.output import escape
from stemtide_cli.promotion import FROM, registry_of, trained_ms
from stemtide_cli.stack import project_root

if TYPE_CHECKING:
    from pathlib import Path

    from stemtide.store.model_pointers import Challenger, Champion, Held
    from stemtide.store.model_registry import ModelRegistry
    from stemtide.store.model_versions import StoredVersion


class _Told(msgspec.Struct):
    """What of a manifest is shown, whatever else a version that trained it wrote."""

    metrics: dict[str, Any] = {}
    horizon_days: int | None = None
    target: str | None = None


@click.argument("name", metavar="[MODEL]", type=click.Choice(MODELS), required=False)
@FROM
def models(session: Session, name: str | None, artefacts: Path | None) -> None:
    """List the versions in the bucket and on this machine, with state, age, AUC and size."""
    from models.train import ARTEFACTS

    folder = artefacts or project_root() / ARTEFACTS
    with registry_of(session) as registry:
        found = [_model(registry, one, folder / one) for one in ([name] if name else MODELS)]
    session.out.result({"models": found}, lambda console: _show(console, found))


def _model(registry: ModelRegistry, name: str, folder: Path) -> dict[str, Any]:
    champion, challenger = registry.pointers.champion(name), registry.pointers.challenger(name)
    stored = {one.version: one for one in registry.versions.stored(name)}
    local = {one.name: one for one in folder.iterdir() if one.is_dir()} if folder.is_dir() else {}
    return {
        "model": name,
        "champion": _builtins(champion),
        "challenger": _builtins(challenger),
        "versions": [
            {
                "version": version,
                "state": state_of(version, champion.pointer, challenger.pointer),
                **_described(stored.get(version), local.get(version)),
            }
            for version in sorted({*stored, *local}, reverse=True)
        ],
    }


def state_of(version: str, champion: Champion | None, challenger: Challenger | None) -> str:
    """What a version is now: `champion`, `challenger`, `previous` or `other`."""
    if champion is not None and version == champion.version:
        return "champion"
    if challenger is not None and version == challenger.version:
        return "challenger"
    return "previous" if champion is not None and version == champion.previous else "other"


def _builtins(held: Held[Any]) -> Any:
    if held.flaw is not None:
        return {"refused": str(held.flaw)}
    return None if held.pointer is None else msgspec.to_builtins(held.pointer)


def _described(stored: StoredVersion | None, local: Path | None) -> dict[str, Any]:
    """Where a version is, how large, from when, and what its manifest says."""
    from stemtide.scoring.artefact import FILES
    from stemtide.scoring.manifest import MANIFEST

    files = [local / file for file in FILES if (local / file).is_file()] if local else []
    manifest = stored.manifest if stored else None
    if manifest is None and local is not None and (local / MANIFEST).is_file():
        manifest = (local / MANIFEST).read_bytes()
    told = _told(manifest)
    trained = trained_ms(local) if local else None
    return {
        "in_bucket": stored is not None,
        "whole": stored is not None and stored.manifest is not None,
        "on_this_machine": local is not None,
        "exported": len(files) == len(FILES),
        "bytes": stored.size if stored else sum(file.stat().st_size for file in files),
        "trained_at": (stored.trained_at if stored else None) or (trained and as_of_text(trained)),
        "uploaded_at": stored.uploaded_at if stored else None,
        "auc_roc": told.metrics.get("auc_roc"),
        "target": told.target,
        "horizon_days": told.horizon_days,
    }


def _told(manifest: bytes | None) -> _Told:
    if manifest is None:
        return _Told()
    try:
        return msgspec.json.decode(manifest, type=_Told)
    except msgspec.MsgspecError:
        return _Told()  # a damaged one is listed, and says nothing


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    for one in found:
        if not one["versions"]:
            console.print(f"{one['model']}: no version; `stemtide train {one['model']}` makes one")
            continue
        table = Table(one["model"], "state", "trained", "AUC", "MB", "where")
        for version in one["versions"]:
            auc = version["auc_roc"]
            places = [
                place
                for place, there in (
                    ("bucket", version["whole"]),
                    ("bucket, not whole", version["in_bucket"] and not version["whole"]),
                    ("this machine", version["on_this_machine"]),
                )
                if there
            ]
            table.add_row(
                escape(version["version"]),
                version["state"],
                (version["trained_at"] or "")[:16].replace("T", " "),
                "" if auc is None else f"{auc:.3f}",
                f"{version['bytes'] / 1e6:.1f}",
                ", ".join(places),
            )
        console.print(table)
        champion = one["champion"] or {}
        if champion.get("shadow"):
            console.print(f"{one['model']}: the champion is in shadow, nothing acts on its scores")
        for role in ("champion", "challenger"):
            if "refused" in (one[role] or {}):
                console.print(f"[bold red]{role}[/]: {escape(one[role]['refused'])}")
