"""What a card is about: a version with its manifest, or a mere evaluation of which nothing was exported."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemtide.features.configured_features import Shape
from stemtide.features.registry import registry
from stemtide.scoring.manifest import Manifest

from models.card.words import Words, words_for
from models.evidence import Contender, Evidence, Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model and what is known of it; `manifest` is None where nothing was exported, `notes` say what the
    log lacks and which of its rows are left out."""

    name: str
    target: str
    horizon_days: int
    seed: int | None
    metrics: Mapping[str, Any]
    parity: Mapping[str, Any]
    evidence: Evidence
    words: Words
    manifest: Manifest | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of_manifest(cls, manifest: Manifest, evidence: Evidence, kind: str | None = None) -> "Subject":
        """A trained version."""
        seed = manifest.data.get("seed")
        return cls(
            name=manifest.name,
            target=manifest.target,
            horizon_days=manifest.horizon_days,
            seed=seed if isinstance(seed, int) else None,
            metrics=manifest.metrics,
            parity=manifest.parity,
            evidence=evidence,
            words=words_for(manifest.name, manifest.target, kind),
            manifest=manifest,
            notes=tuple(manifest.data.get("notes", ())),
        )

    @classmethod
    def of_figures(cls, figures: Mapping[str, Any], evidence: Evidence, kind: str | None = None) -> "Subject":
        """What `stemtide evaluate` found."""
        return cls(
            name=figures["model"],
            target=figures["target"],
            horizon_days=figures["horizon_days"],
            seed=figures.get("seed"),
            metrics=figures,
            parity=figures.get("parity") or {},
            evidence=evidence,
            words=words_for(figures["model"], figures["target"], kind),
            notes=tuple(figures.get("notes", ())),
        )

    @property
    def within(self) -> str:
        """The horizon in words."""
        return "within a day" if self.horizon_days == 1 else f"within {self.horizon_days} days"

    @property
    def served(self) -> Contender | None:
        """The row of the comparison that is this model."""
        return next((one for one in self.evidence.contenders if one.served), None)

    @property
    def rivals(self) -> tuple[Contender, ...]:
        """Models of another sort, fitted to the same rows."""
        return tuple(one for one in self.evidence.contenders if not one.served)

    @property
    def base_rate(self) -> float | None:
        """Share of the test rows in which it happened."""
        rows = self.evidence.rows
        return rows.test_positives / rows.test if rows.test else None

    @property
    def note(self) -> str | None:
        """Why nothing was measured, None if it was."""
        found = self.metrics.get("note")
        return found if isinstance(found, str) else None

    @property
    def is_recipe(self) -> bool:
        """Whether the figures are of the same recipe on fewer rows than the version was fitted to."""
        if self.manifest is None:
            return False
        rows = self.manifest.data.get("rows")
        return isinstance(rows, int) and rows > self.evidence.rows.fit

    def figure(self, name: str) -> float | None:
        """A measured figure; the comparison's where the metrics have none."""
        found = _number(self.metrics.get(name))
        return found if found is not None else _number(getattr(self.served, name, None))

    def interval(self, name: str) -> Interval:
        """A measured interval, e.g. `auc_roc_ci`."""
        return _pair(self.metrics.get(name)) or _pair(getattr(self.served, name, None))

    def part(self, name: str) -> tuple[float | None, int, int]:
        """AUC, rows and positives of a part of the test rows, e.g. `unseen_accounts`."""
        found = self.metrics.get(name) or {}
        return _number(found.get("auc_roc")), int(found.get("n") or 0), int(found.get("positives") or 0)

    def label(self, feature: str) -> str:
        """The words of a feature: as explained, as registered, else its name."""
        explained = {one.feature: one.label for one in self.evidence.importance}
        if feature in explained:
            return explained[feature]
        shape = Shape(self.manifest.parts, self.manifest.meters) if self.manifest else Shape()
        found = registry(shape).by_name.get(feature)
        return found.label if found else feature


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _pair(value: Any) -> Interval:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = _number(value[0]), _number(value[1])
    return None if low is None or high is None else (low, high)
