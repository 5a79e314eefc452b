"""`stemtide evaluate`: a model fitted on the past, measured on later time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.model_options import (
    DAY,
    LOG_FOLDER,
    configuration,
    day_number,
    known_at,
    model_options,
    require_writable,
    source_of,
)
from stemtide_cli.training_rows import LogFolder, Rows, Source, Wanted, read_rows

ALL_DAYS = 10_000_000
"""Of a log that is fitted whole: its parts and plans are told from all of it."""

if TYPE_CHECKING:
    from models.dataset import Dataset
    from models.gather import LeftOut
    from models.material import Material
    from models.train import Trained


@model_options
@click.option(
    "--fit-data", "fit_folder", type=LOG_FOLDER, metavar="DIR", help="Fit on all of this other log instead."
)
@click.option("--fit-until", type=DAY, metavar="DAY", help="Fit labels end on this day or before.")
@click.option("--test-from", type=DAY, metavar="DAY", help="First snapshot to test on.")
@click.option("--test-until", type=DAY, metavar="DAY", help="Last snapshot to test on.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a report with plots, comparisons and ablation here, too.",
)
def evaluate(
    session: Session,
    name: str,
    mapping_name: str | None,
    folder: Path | None,
    target: str | None,
    tries: int,
    seed: int,
    fit_folder: Path | None,
    fit_until: datetime | None,
    test_from: datetime | None,
    test_until: datetime | None,
    html: Path | None,
) -> None:
    """Fit on the early part of what is known (or on another log), measure on later time.

    What is known is that of the deployed stack (its history in S3 and its facts, with your credentials), or
    with --mapping and --data a log. Without days it is divided at 65 % of the span of its events. A snapshot
    counts only if its whole horizon was observed; only what was known at the snapshot is used.
    """
    from models import dataset
    from models.evaluate import evaluate as measured
    from models.evaluate import split_of
    from models.gather import left_out

    source, config = source_of(session, mapping_name, folder), configuration()
    fit_source = _fit_source(source, fit_folder)
    wanted = Wanted(name=name, target=target, seed=seed)
    if html is not None:
        require_writable(html.parent, option="--html")
    with session.out.progress() as say:
        until, first = day_number(fit_until), day_number(test_from)
        known = until
        if until is None:
            known = ALL_DAYS if fit_folder is not None else None if first is None else first - 1
        at_ms = known_at(session, fit_source)
        fitted = read_rows(fit_source, wanted, config, say=say, until=known, at_ms=at_ms)
        rows = fitted
        if fit_folder is not None:
            same = replace(wanted, target=fitted.target)
            rows = read_rows(source, same, fitted.material.config, say=say, as_configured=True)
        split = split_of(
            default=None if fit_folder else dataset.default_split(rows.material),
            fit_until=until,
            test_from=first,
            test_until=day_number(test_until),
        )
        if fit_folder is not None and not split.is_purged:
            _require_another(fitted.material, rows.material)
        split.require_test(rows.dataset)
        fit, test = split.fit_rows(fitted.dataset), split.test_rows(rows.dataset)
        found = measured(
            fit,
            test,
            seed=seed,
            tries=tries,
            config=fitted.material.config,
            say=say,
            same_accounts=fit_folder is None,
        )
        result = {
            "model": name,
            "target": rows.target,
            "horizon_days": rows.dataset.horizon_days,
            "seed": seed,
            "notes": list(dict.fromkeys((*fitted.material.notes, *rows.material.notes))),
            **found.figures,
        }
        if html is not None:
            gone = left_out(rows.dataset, split, fitted=fitted.dataset if fit_folder else None)
            _write_report(html, result, found.trained, rows, test, gone, seed=seed, say=say)
            result["html"] = str(html)
    for note in result["notes"]:
        session.out.say(note)
    session.out.result(result, lambda console: show(console, result))


def _fit_source(source: Source, fit_folder: Path | None) -> Source:
    """What is fitted on: another log, read by the same mapping, if there is one.

    Raises:
        CliError: the source has no mapping.
    """
    if fit_folder is None:
        return source
    if not isinstance(source, LogFolder):
        raise CliError(
            "--fit-data is a log, and the deployed stack has no mapping to read it by",
            hint="add --mapping and --data, or leave out --fit-data",
        )
    return replace(source, folder=fit_folder)


def _require_another(fitted: Material, tested: Material) -> None:
    """Raise the CliError of a log that would be fitted whole and then measured on itself."""
    if fitted.fingerprint == tested.fingerprint:
        raise CliError(
            "--fit-data has the log of --data: the model would be tested on rows it was fitted to",
            hint="leave out --fit-data, which divides the log by time, give another log, or a --fit-until"
            " before --test-from",
        )


def _write_report(
    path: Path,
    figures: dict[str, Any],
    trained: Trained,
    rows: Rows,
    test: Dataset,
    gone: LeftOut,
    *,
    seed: int,
    say: Callable[[str], None],
) -> None:
    """The evaluation with its plots as one HTML file.

    Raises:
        CliError: it cannot be written.
    """
    from models.card import render_evaluation
    from models.gather import evidence_of

    evidence = evidence_of(
        trained,
        trained.fit,
        test,
        rows.material,
        seed=seed,
        rows_left_out=gone,
        say=say,
        scoring=rows.material.config.scoring,
        same_accounts=figures["seen_accounts"] is not None,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_evaluation(figures, evidence, kind=rows.kind), encoding="utf-8")
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}", hint="give another --html") from error


def show(console: Console, result: dict[str, Any]) -> None:
    """The figures as a table."""
    table = Table(title=f"{result['target']} within {result['horizon_days']} days", box=None)
    table.add_column("figure")
    table.add_column("value", justify="right")
    low, high = result["auc_roc_ci"]
    table.add_row("AUC (ROC)", f"{_number(result['auc_roc'])}  [{_number(low)}, {_number(high)}]")
    for title, key in (
        ("AUC (precision and recall)", "auc_pr"),
        ("precision at 80 % recall", "precision_at_80_recall"),
        ("calibration error", "ece"),
        ("the same if all were true", "ece_by_chance"),
        ("lift of the top tenth", "lift_top_decile"),
    ):
        table.add_row(title, _number(result[key]))
    best = f"{_number(result['baseline_auc_roc'])}  ({result['baseline_feature']})"
    table.add_row("best single feature's AUC", best)
    for title, key in (
        ("AUC of accounts fitted on", "seen_accounts"),
        ("AUC of other accounts", "unseen_accounts"),
    ):
        part = result[key] or {"auc_roc": None, "positives": 0, "n": 0}
        table.add_row(title, f"{_number(part['auc_roc'])}  ({part['positives']:,} of {part['n']:,} rows)")
    table.add_row("fitted on", f"{result['n_fit']:,} rows, {result['positives_fit']:,} positives")
    table.add_row("tested on", f"{result['n_test']:,} rows, {result['positives_test']:,} positives")
    recipe = result["recipe"]
    table.add_row("recipe", f"{recipe['family']}, {recipe['rounds']} trees of {recipe['leaves']} leaves")
    parity = result["parity"]
    table.add_row(
        "exported graph against LightGBM",
        f"margin {parity['max_abs_margin']:.1e}, probability {parity['max_abs_probability']:.1e}",
    )
    console.print(table)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
