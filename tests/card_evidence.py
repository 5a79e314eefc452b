"""Evidence as a real model would give it, drawn from a seed: a card with every section."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta
from stemtide.features.registry import NAMES, registry
from stemtide.scoring.manifest import Bin, Calibration, Manifest
from stemtide.scoring.score_map import score_map

from models import measures
from models.evidence import (
    Ablation,
    Contender,
    Coverage,
    Evidence,
    Importance,
    Interval,
    Point,
    RateBin,
    Rows,
    Segment,
    Subgroup,
    Survivorship,
    Swarm,
    Tier,
)

BASE_RATE = 0.03


@dataclass(frozen=True)
class Drawn:
    """Test rows: what was said, what happened."""

    p: np.ndarray
    y: np.ndarray


def drawn(rows: int = 4200, *, seed: int = 7) -> Drawn:
    rng = np.random.default_rng(seed)
    margin = rng.normal(-4.3, 1.4, rows)
    p = 1 / (1 + np.exp(-margin))
    return Drawn(p, rng.random(rows) < p)


def clopper(positives: int, rows: int) -> Interval:
    if not rows:
        return None
    low = 0.0 if not positives else float(beta.ppf(0.05, positives, rows - positives + 1))
    high = 1.0 if positives == rows else float(beta.ppf(0.95, positives + 1, rows - positives))
    return low, high


def rate_bin(label: str, rows: int, positives: int, predicted: float | None = None) -> RateBin:
    return RateBin(
        label=label,
        rows=rows,
        positives=positives,
        predicted=predicted,
        observed=positives / rows if rows else None,
        interval=clopper(positives, rows),
    )


def tenths(rows: Drawn, order: np.ndarray, word: str) -> tuple[RateBin, ...]:
    return tuple(
        rate_bin(f"{word} {n}", len(part), int(rows.y[part].sum()), float(rows.p[part].mean()))
        for n, part in enumerate(np.array_split(order, 10), start=1)
    )


def roc(rows: Drawn) -> tuple[Point, ...]:
    hit = rows.y[np.argsort(-rows.p)]
    found = np.concatenate([[0], np.cumsum(hit) / hit.sum()])
    alarms = np.concatenate([[0], np.cumsum(~hit) / (~hit).sum()])
    places = np.unique(np.linspace(0, len(hit), 201).astype(int))
    return tuple(Point(x=float(alarms[i]), y=float(found[i])) for i in places)


def precision_recall(rows: Drawn) -> tuple[Point, ...]:
    precision, recall = measures.precision_recall(rows.y, rows.p)
    places = np.unique(np.linspace(20, len(recall) - 1, 200).astype(int))
    return tuple(Point(x=float(recall[i]), y=float(precision[i])) for i in places)


def tiers(rows: Drawn) -> tuple[Tier, ...]:
    knots = score_map(BASE_RATE, (1.5, 3, 6))
    edges = [knot.probability for knot in knots]
    found = []
    for place, name in enumerate(("low", "medium", "high", "critical")):
        inside = (rows.p >= edges[place]) & (rows.p < edges[place + 1])
        n, k = int(inside.sum()), int(rows.y[inside].sum())
        found.append(
            Tier(name=name, rows=n, positives=k, observed=k / n if n else None, interval=clopper(k, n))
        )
    return tuple(found)


def swarm(count: int = 12, rows: int = 400, *, seed: int = 3) -> tuple[Swarm, ...]:
    rng = np.random.default_rng(seed)
    found = []
    for place, feature in enumerate(registry().features[:count]):
        rank = rng.random(rows)
        size = 0.9 / (1 + 0.5 * place) * (-1 if place % 2 else 1)
        contribution = size * (rank - 0.5) + rng.normal(0, 0.12 / (1 + place), rows)
        known = rng.random(rows) > 0.1
        found.append(
            Swarm(
                feature=feature.name,
                label=feature.label,
                contributions=tuple(float(value) for value in contribution),
                value_ranks=tuple(
                    float(value) if is_known else None for value, is_known in zip(rank, known, strict=True)
                ),
            )
        )
    return tuple(found)


def importance(count: int = 20) -> tuple[Importance, ...]:
    sizes = 0.8 / (1 + np.arange(count)) ** 0.9
    return tuple(
        Importance(
            feature=feature.name,
            label=feature.label,
            mean_abs_contribution=float(size),
            share=float(size / sizes.sum()),
        )
        for feature, size in zip(registry().features, sizes, strict=False)
    )


def contender(name: str, auc: float, gap: float | None, **changes: Any) -> Contender:
    values: dict[str, Any] = {
        "name": name,
        "note": "",
        "auc_roc": auc,
        "auc_roc_ci": (auc - 0.04, auc + 0.035),
        "auc_pr": auc - 0.69,
        "auc_pr_ci": (auc - 0.74, auc - 0.62),
        "precision_at_80_recall": 0.09,
        "ece": 0.006,
        "auc_gap": gap,
        "auc_gap_ci": None if gap is None else (gap - 0.015, gap + 0.017),
    }
    return Contender(**{**values, **changes})


def evidence(**changes: Any) -> Evidence:
    """All sections filled; `changes` replace fields."""
    rows = drawn()
    positives = int(rows.y.sum())
    values: dict[str, Any] = {
        "rows": Rows(
            fit=11_310, fit_positives=402, fit_accounts=1_204,
            test=len(rows.y), test_positives=positives, test_accounts=640,
            censored=310, purged=1_120, treated=85,
            first_fit_snapshot="2021-01-17", last_fit_snapshot="2022-02-13",
            first_test_snapshot="2022-03-20", last_test_snapshot="2022-09-04",
        ),
        "roc": roc(rows),
        "precision_recall": precision_recall(rows),
        "calibration": tenths(rows, np.argsort(rows.p), "bin"),
        "deciles": tenths(rows, np.argsort(-rows.p), "decile"),
        "tiers": tiers(rows),
        "coverage": Coverage(bins=10, covered=9, share=0.9),
        "importance": importance(),
        "swarm": swarm(),
        "adoption": (
            rate_bin("0", 320, 41), rate_bin("1-2", 1240, 62), rate_bin("3-4", 1580, 34),
            rate_bin("5-6", 840, 9), rate_bin("7 or more", 220, 1),
        ),
        "segments": (
            Segment(name="Enterprise", accounts=120, lost=14, mrr=30_530_000, lost_mrr=9_800_000),
            Segment(name="Mid-market", accounts=480, lost=72, mrr=57_870_000, lost_mrr=15_800_000),
            Segment(name="SMB", accounts=1800, lost=324, mrr=61_110_000, lost_mrr=12_100_000),
            Segment(name="Self-serve", accounts=1800, lost=342, mrr=32_310_000, lost_mrr=5_300_000),
        ),
        "currency": "USD",
        "contenders": (
            contender("Gradient boosting", 0.838, None, served=True),
            contender("Logistic regression", 0.801, 0.037, note="L2, medians where unknown"),
            contender("Neural network", 0.829, 0.009, note="two layers of 32, early stopping"),
            contender("Random forest", 0.822, 0.016),
        ),
        "ablations": (
            ablation("Usage", ("active_days_30d", "days_since_last_event"), -0.041),
            ablation("People", ("seat_utilization",), -0.022),
            ablation("Customer", ("tenure_days", "mrr"), -0.008),
            ablation("Support", ("urgent_tickets_30d",), 0.002),
        ),
        "subgroups": tuple(
            Subgroup(
                by=by, name=name, rows=n, positives=k, auc_roc=auc, auc_roc_ci=ci, predicted=p, observed=k / n
            )
            for by, name, n, k, auc, ci, p in (
                ("plan", "Enterprise", 410, 8, 0.79, (0.64, 0.93), 0.024),
                ("plan", "Team", 1790, 51, 0.85, (0.79, 0.90), 0.029),
                ("plan", "Starter", 2000, 78, 0.82, (0.77, 0.87), 0.036),
                ("tenure", "below 90 days", 390, 21, 0.76, (0.66, 0.86), 0.05),
                ("tenure", "90 days or more", 3810, 116, 0.84, (0.80, 0.88), 0.029),
                ("seats", "1 to 5", 2500, 90, 0.83, (0.79, 0.87), 0.034),
            )
        ),
        "survivorship": Survivorship(
            accounts=1_420, left=236, left_in_fit=171, rows_of_left_in_fit=1_622,
            base_rate=0.0355, base_rate_without=0.004, auc_without=0.61,
        ),
    }  # fmt: skip
    return Evidence(**{**values, **changes})


def ablation(group: str, features: tuple[str, ...], change: float) -> Ablation:
    return Ablation(
        group=group,
        features=features,
        auc_roc=0.838 + change,
        auc_change=change,
        auc_change_ci=(change - 0.012, change + 0.011),
    )


def metrics(**changes: Any) -> dict[str, Any]:
    rows = drawn()
    values: dict[str, Any] = {
        "auc_roc": 0.838,
        "auc_roc_ci": [0.798, 0.873],
        "auc_pr": measures.auc_pr(rows.y, rows.p),
        "precision_at_80_recall": measures.precision_at_recall(rows.y, rows.p),
        "ece": measures.calibration_error(rows.y, rows.p),
        "lift_top_decile": measures.lift_top_decile(rows.y, rows.p),
        "n_fit": 11_310,
        "positives_fit": 402,
        "n_test": len(rows.y),
        "positives_test": int(rows.y.sum()),
        "baseline_auc_roc": 0.742,
        "baseline_feature": "days_since_last_event",
        "seen_accounts": {"auc_roc": 0.841, "n": 3600, "positives": 104},
        "unseen_accounts": {"auc_roc": 0.812, "n": 600, "positives": 33},
    }
    return {**values, **changes}


PARITY = {
    "rows": {"random": 10_000, "threshold": 14_382, "missing": 4_000},
    "max_abs_margin": 8.9e-16,
    "max_abs_probability": 1.1e-16,
    "max_abs_contribution": 2.4e-9,
    "max_abs_sum": 3.1e-15,
}


def manifest(name: str = "churn", target: str = "churn", **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "name": name,
        "version": "2022-09-30-1f0c9a7e",
        "target": target,
        "horizon_days": 30,
        "features": NAMES,
        "registry": registry().hash,
        "base_rate": BASE_RATE,
        "calibration": Calibration(slope=1.08, intercept=-0.04),
        "bins": (
            Bin(upper=0.02, rows=5200, positives=40, low=0.0058, high=0.01),
            Bin(upper=0.08, rows=3800, positives=130, low=0.0295, high=0.0395),
            Bin(upper=1.0, rows=640, positives=118, low=0.16, high=0.211),
        ),
        "medians": tuple(None if place == 3 else float(place) for place in range(len(NAMES))),
        "data": {
            "rows": 16_020, "positives": 543, "accounts": 1_398, "seed": 1, "log": "sha256:0c5e2b",
            "first_snapshot": "2021-01-17", "last_snapshot": "2022-08-28",
            "recipe": {"family": "habits", "leaves": 6, "rounds": 143},
            "parameters": {"num_leaves": 6, "lambda_l2": 30.0},
        },
        "metrics": metrics(),
        "versions": {"lightgbm": "4.7.0", "numpy": "2.4.6", "scipy": "1.17.1"},
        "score_map": score_map(BASE_RATE, (1.5, 3, 6)),
        "expected_margin": -4.2,
        "parity": PARITY,
        "files": {"model.onnx": "a" * 64, "explain.npz": "b" * 64},
    }  # fmt: skip
    return Manifest(**{**values, **changes})


def figures(**changes: Any) -> dict[str, Any]:
    """What `stemtide evaluate` prints."""
    shown = {
        "model": "churn",
        "target": "churn",
        "horizon_days": 30,
        "seed": 1,
        **metrics(),
        "parity": PARITY,
    }
    return {**shown, **changes}
