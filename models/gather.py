"""The evidence on a trained model, gathered from its fit rows, its test rows and the log they come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from stemtide.config_schema import Scoring
from stemtide.scoring.score_map import score_map

from models import curves
from models.ablation import ablations
from models.contenders import contenders
from models.coverage import coverage
from models.dataset import Dataset
from models.evaluate import Split
from models.evidence import Evidence, Rows
from models.importance import importance_and_swarm
from models.material import Material
from models.refit import REFITS, Refit, same_rounds
from models.resampling import draws_of
from models.segments import segments, tier_names
from models.subgroups import Plans, subgroups
from models.survivorship import leavers, survivorship
from models.train import Trained, day_text

NO_PLAN: Final = "no plan"
ADOPTED: Final = "features_adopted"
SCORING: Final = Scoring()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Rows that were neither fitted nor measured, and why; see `evidence.Rows`."""

    censored: int = 0
    purged: int = 0
    treated: int = 0


def left_out(rows: Dataset, split: Split, *, fitted: Dataset | None = None) -> LeftOut:
    """The rows of a log that are in neither the fit nor the test.

    Args:
        fitted: the rows of the other log that is fitted instead, all of it.
    """
    learnt = split.known_rows(fitted or rows)
    return LeftOut(
        censored=rows.censored + (fitted.censored if fitted else 0),
        purged=split.purged_of_other(fitted) if fitted else split.purged(rows),
        treated=len(learnt) - len(learnt.that_count()),
    )


def evidence_of(
    trained: Trained,
    fit: Dataset,
    test: Dataset,
    material: Material | None,
    *,
    seed: int,
    rows_left_out: LeftOut,
    say: Callable[[str], None],
    scoring: Scoring = SCORING,
    refit: Refit | None = None,
    refits: int = REFITS,
    same_accounts: bool = True,
) -> Evidence:
    """Everything a model card tells; the same rows and seed give the same.

    Args:
        trained: the model, fitted to `fit`.
        test: later time, or another population: rows that the model was not fitted to.
        material: the test rows' log, for plans and money; None without one.
        rows_left_out: counts of rows that are in neither.
        say: is told what is going on.
        scoring: its `tier_multiples` decide the tiers.
        refit: the recipe for ablations and the check of survivorship; None: the trained one's, with as many
            rounds.
        refits: seeds that these average over.
        same_accounts: see `evaluate.figures_of`.
    """
    again = refit or same_rounds(trained)
    p, y, draws = trained.probabilities(test.x), test.y, draws_of(test.accounts, seed=seed)
    say("curves and contributions")
    importance, swarm = importance_and_swarm(trained.booster, test, seed=seed)
    parts, currency = segments(material) if material is not None else ((), None)
    adopted = fit.names.index(ADOPTED)
    say("other models on the same rows")
    others = contenders(fit, test, p, draws, seed=seed)
    return Evidence(
        rows=_rows(fit, test, rows_left_out),
        roc=curves.roc(y, p),
        precision_recall=curves.recall_precision(y, p),
        calibration=curves.calibration(y, p),
        deciles=curves.deciles(y, p),
        tiers=curves.tiers(y, p, score_map(fit.base_rate, scoring.tier_multiples)),
        coverage=coverage(y, p, test.accounts, trained.bins),
        importance=importance,
        swarm=swarm,
        adoption=curves.adoption(y, p, test.x[:, adopted], fit.x[:, adopted]),
        segments=parts,
        currency=currency,
        contenders=others,
        ablations=ablations(fit, test, draws, again, seed=seed, refits=refits, say=say),
        subgroups=subgroups(fit, test, p, draws, plans=_plans(test, material), same_accounts=same_accounts),
        survivorship=survivorship(
            fit, test, again, left=leavers(fit, test, material), seed=seed, refits=refits
        ),
    )


def _plans(test: Dataset, material: Material | None) -> Plans | None:
    """The tier of each row's plan at its snapshot; None without subscriptions."""
    if material is None or not material.terms:
        return None
    names = tier_names(material)
    found = []
    for account, day in zip(test.accounts.tolist(), test.day.tolist(), strict=True):
        term = material.outcomes(account).term_at(day)
        found.append(NO_PLAN if term is None else names[term.tier])
    order = sorted(names, key=lambda tier: -1 if tier is None else tier)
    return [NO_PLAN, *(names[tier] for tier in order)], np.array(found)


def _rows(fit: Dataset, test: Dataset, left_out: LeftOut) -> Rows:
    return Rows(
        fit=len(fit),
        fit_positives=fit.positives,
        fit_accounts=len(np.unique(fit.accounts)),
        test=len(test),
        test_positives=test.positives,
        test_accounts=len(np.unique(test.accounts)),
        censored=left_out.censored,
        purged=left_out.purged,
        treated=left_out.treated,
        first_fit_snapshot=_day(fit, 0),
        last_fit_snapshot=_day(fit, -1),
        first_test_snapshot=_day(test, 0),
        last_test_snapshot=_day(test, -1),
    )


def _day(rows: Dataset, place: int) -> str | None:
    return day_text(int(np.sort(rows.day)[place])) if len(rows) else None
