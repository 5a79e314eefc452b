"""`stemtide train`: a candidate model from a log or the deployed stack, exported, ready to be promoted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.model_options import (
    DAY,
    configuration,
    day_number,
    known_at,
    model_options,
    require_writable,
    source_of,
)
from stemtide_cli.stack import project_root
from stemtide_cli.training_rows import Rows, Wanted, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.evidence import Evidence
    from models.train import Trained


@model_options
@click.option("--fit-until", type=DAY, metavar="DAY", help="Use only labels that end on this day or before.")
@click.option(
    "--out",
    "artefacts",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where candidates go (models/artifacts).",
)
def train(
    session: Session,
    name: str,
    mapping_name: str | None,
    folder: Path | None,
    target: str | None,
    tries: int,
    seed: int,
    fit_until: datetime | None,
    artefacts: Path | None,
) -> None:
    """Train a model: booster, calibration, graph and explanations as a candidate folder.

    On what the deployed stack knows (its history in S3 and its facts, with your credentials), or with
    --mapping and --data on a log. The same log, mapping, configuration and seed give the same version. Fewer
    than 10 positives train nothing: the documented rules score until there are more.
    """
    from models.card import CARD_HTML, write_cards
    from models.evaluate import Split
    from models.export import export
    from models.leakage import require_no_giveaway
    from models.train import ARTEFACTS, manifest_of, write_candidate
    from models.train import train as trained_on
    from models.trees import ExportError

    source, config = source_of(session, mapping_name, folder), configuration()
    folder_of_all = artefacts or project_root() / ARTEFACTS
    require_writable(folder_of_all, option="--out")
    until = day_number(fit_until)
    wanted = Wanted(name=name, target=target, seed=seed, to_serve=True)
    with session.out.progress() as say:
        rows = read_rows(source, wanted, config, say=say, at_ms=known_at(session, source))
        fit = Split(fit_until=until, test_from=None).fit_rows(rows.dataset)
        require_no_giveaway(fit)
        say(f"training on {len(fit):,} rows with {fit.positives:,} positives")
        made = trained_on(fit, seed=seed, tries=tries, say=say)
        say("measuring the recipe on later time")
        metrics, evidence = _metrics(made, rows, until, seed=seed, tries=tries, say=say)
        last = rows.material.last_day if until is None else min(until, rows.material.last_day)
        manifest = manifest_of(
            made,
            name=name,
            target=rows.target,
            last_day=last,
            data={
                "log": rows.material.fingerprint,
                "seed": seed,
                "notes": list(rows.material.notes),
                **_labels(rows, until),
            },
            metrics=metrics,
            scoring=config.scoring,
        )
        candidate = write_candidate(made, manifest, folder_of_all)
        say("exporting the graph and the explanations")
        try:
            exported = export(candidate, config)
        except ExportError as error:
            raise CliError(f"{candidate} cannot be exported: {error.reason}", hint=error.remedy) from error
        if evidence is not None:
            say("writing the model card")
            write_cards(candidate, exported, evidence, kind=rows.kind)
    result = {
        "model": name,
        "target": rows.target,
        "version": exported.version,
        "folder": str(candidate),
        "card": None if evidence is None else str(candidate / CARD_HTML),
        "rows": len(fit),
        "positives": fit.positives,
        "base_rate": exported.base_rate,
        "calibration": {"slope": exported.calibration.slope, "intercept": exported.calibration.intercept},
        "data": exported.data,
        "metrics": exported.metrics,
        "parity": exported.parity,
        "notes": list(rows.material.notes),
    }
    for note in rows.material.notes:
        session.out.say(note)
    session.out.result(result, lambda console: _show(console, result))


def _labels(rows: Rows, until: int | None) -> dict[str, Any]:
    """How many labels of the deployed stack's own plays were known, by outcome; nothing of a log."""
    plays = rows.material.plays
    return {"labels": plays.counted(rows.material.accounts, until=until)} if plays.are_own else {}


def _metrics(
    made: Trained, rows: Rows, until: int | None, *, seed: int, tries: int, say: Callable[[str], None]
) -> tuple[dict[str, Any], Evidence | None]:
    """The figures of later time, and what the card tells of them: of this model where time is left after
    `until`, else of its recipe."""
    from models.evaluate import Split, evaluate, figures_of, split_of
    from models.gather import evidence_of, left_out
    from models.targets import split_day

    known, first, last = rows.dataset, rows.material.first_day, rows.material.last_day
    split = Split(fit_until=until, test_from=None if until is None else until + 1)
    test = split.test_rows(known)
    if until is not None and 0 < test.positives < len(test):
        trained, figures = made, figures_of(made, test, seed=seed)
    else:
        if until is not None:  # what the model was not to see does not measure its recipe either
            known, last = known.labels_until(until), min(until, last)
        split = split_of(default=split_day(first, last), fit_until=None, test_from=None, test_until=None)
        fit, test = split.fit_rows(known), split.test_rows(known)
        try:
            found = evaluate(fit, test, seed=seed, tries=tries, config=None, say=say)
        except CliError as error:
            return {"note": error.message}, None
        trained, figures = found.trained, found.figures
    evidence = evidence_of(
        trained,
        trained.fit,
        test,
        rows.material,
        seed=seed,
        rows_left_out=left_out(known, split),
        say=say,
        scoring=rows.material.config.scoring,
    )
    return figures, evidence


def _show(console: Console, result: dict[str, Any]) -> None:
    metrics = result["metrics"]
    console.print(f"{result['model']} {result['version']}: {result['target']}")
    console.print(f"trained on {result['rows']:,} rows, {result['positives']:,} positives")
    if labels := result["data"].get("labels"):
        told = ", ".join(f"{number:,} {outcome}" for outcome, number in labels.items())
        console.print(f"labels of plays that were known: {told}")
    if "note" in metrics:
        console.print(f"not measured on later time: {metrics['note']}")
    else:
        low, high = metrics["auc_roc_ci"]
        console.print(f"on later time: AUC {metrics['auc_roc']:.3f} (95 %: {low:.3f}-{high:.3f})")
    console.print(f"candidate: {result['folder']}")
    if result["card"]:
        console.print(f"model card: {result['card']}")
    console.print(
        f"next: `stemtide promote {result['model']} {result['version']}` makes it the one that scores"
    )
