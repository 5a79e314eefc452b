"""Rows to train and measure on: of a log by its mapping, or of what a deployed stack knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from stemtide_cli.errors import CliError
from stemtide_cli.mapping_training import OF_TERMS, Kind, Questions, Target
from stemtide_cli.stack import Stack
from stemtide_cli.stack_knowledge import INSTEAD, known_to, require_enough
from stemtide_cli.training_section import asked

if TYPE_CHECKING:
    from stemtide.config_schema import Config

    from models.dataset import Dataset
    from models.leakage import Origin
    from models.material import Material

__all__ = ["INSTEAD", "LogFolder", "Rows", "Source", "Wanted", "read_rows"]

Say: TypeAlias = Callable[[str], None]
NOW_AND_THEN: Final = "reading all again as it was at a snapshot: nothing may look past it"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFolder:
    """A log and its mapping."""

    mapping_name: str
    folder: Path


Source: TypeAlias = LogFolder | Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What rows are for.

    `name` is the model, `target` None the first of its sort. With `to_serve` the target must be one of that
    model. `seed` is of the snapshot as of which all is read again.
    """

    name: str
    target: str | None
    seed: int
    to_serve: bool = False

    def of(self, questions: Questions) -> tuple[str, Target]:
        """The target's name and the target.

        Raises:
            CliError: there is none, or none that this model may serve.
        """
        from models.dataset import choose_target, require_fitting

        found = choose_target(questions, self.name, self.target)
        if self.to_serve:
            require_fitting(self.name, *found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a log or a stack for one target."""

    target: str
    kind: Kind
    material: Material
    dataset: Dataset


def read_rows(
    source: Source,
    wanted: Wanted,
    config: Config,
    *,
    say: Say,
    as_configured: bool = False,
    until: int | None = None,
    at_ms: int | None = None,
) -> Rows:
    """All rows of a source for a target.

    Args:
        config: what events mean and which plans there are; of a log it need not say all, unless the rows are
            to serve.
        say: is told how far it is.
        as_configured: the features are those of the configuration alone, e.g. that of another log; a stack's
            always are.
        until: see `models.material.read_material`.
        at_ms: see `stack_knowledge.known_to`.

    Raises:
        CliError: what the log, the mapping or the stack lacks, or a row looks past its snapshot.
    """
    if isinstance(source, LogFolder):
        return _of_log(source, wanted, config, say, as_configured=as_configured, until=until)
    return _of_stack(source, wanted, config, say, at_ms=at_ms)


def _of_log(
    source: LogFolder, wanted: Wanted, config: Config, say: Say, *, as_configured: bool, until: int | None
) -> Rows:
    from models import log_notes
    from models.leakage import of_log
    from models.material import read_material

    say(f"reading {source.folder}")
    mapping, material = read_material(
        source.mapping_name,
        source.folder,
        config,
        as_configured=wanted.to_serve or as_configured,
        until=until,
    )
    name, target = wanted.of(mapping)
    log_notes.require_seen({*material.terms, *material.enrolments}, material.histories)
    origin = of_log(source.mapping_name, source.folder, mapping, material, target)
    rows = _built(name, origin, seed=wanted.seed, say=say)
    if not len(rows.dataset):
        raise CliError(
            f"{source.folder} has no row for {name!r}: at no snapshot is anybody looked at of whom the next"
            f" {target.horizon_days} days were observed ({material.span})",
            hint="give a longer log, or check [snapshots], [population] and the files of the mapping",
        )
    return rows


def _of_stack(stack: Stack, wanted: Wanted, config: Config, say: Say, *, at_ms: int | None) -> Rows:
    from models.leakage import Origin
    from models.stack_material import material_of

    questions = asked(config.training)
    name, target = wanted.of(questions)
    of_terms = questions.population.subscribed or questions.population.min_tenure_days > 0
    with known_to(stack, config, say, at_ms=at_ms) as (known, last):
        material = material_of(known, as_of_day=last, say=say)
        require_enough(material, target.kind, needs_terms=target.kind in OF_TERMS or of_terms)
        origin = Origin(
            questions=questions,
            material=material,
            target=target,
            as_of=lambda day: material_of(known, as_of_day=day),
        )
        return _built(name, origin, seed=wanted.seed, say=say)


def _built(name: str, origin: Origin, *, seed: int, say: Say) -> Rows:
    """The rows of a material, of which none looks past its snapshot."""
    from models.dataset import build
    from models.leakage import require_no_hindsight

    material = origin.material
    say(f"computing features of {len(material.accounts):,} accounts")
    rows = build(origin.questions, material, origin.target)
    say(NOW_AND_THEN)
    require_no_hindsight(rows, origin, seed=seed)
    return Rows(target=name, kind=origin.target.kind, material=material, dataset=rows)
