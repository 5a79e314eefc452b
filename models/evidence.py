"""What is known of a model beyond its headline figures: the content of its card, as plain data.

Everything is measured on the test rows, which the model was not fitted to, unless a field says otherwise.
Rates are shares (0 to 1), intervals `(low, high)`; None stands for what could not be measured.
"""

import msgspec

Interval = tuple[float, float] | None


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: a misspelt key is an error."""


class Point(_Record, frozen=True, kw_only=True):
    """A point of a curve."""

    x: float
    y: float


class RateBin(_Record, frozen=True, kw_only=True):
    """Rows that belong together: how many, of how many it happened, what was said, and the 90 % interval of
    the observed rate (Clopper and Pearson)."""

    label: str
    rows: int
    positives: int
    predicted: float | None
    """Mean probability."""
    observed: float | None
    interval: Interval


class Tier(_Record, frozen=True, kw_only=True):
    """A risk tier: its rows, and what came of them."""

    name: str
    rows: int
    positives: int
    observed: float | None
    interval: Interval


class Coverage(_Record, frozen=True, kw_only=True):
    """How often the served 90 % intervals held on later time: bins whose later rate lies within the interval
    widened by the later sample's own uncertainty."""

    bins: int
    covered: int
    share: float | None


class Importance(_Record, frozen=True, kw_only=True):
    """A feature's weight: mean absolute SHAP contribution to the margin, and its share of all of them."""

    feature: str
    label: str
    mean_abs_contribution: float
    share: float


class Swarm(_Record, frozen=True, kw_only=True):
    """One feature of the beeswarm: for each of the sampled rows its SHAP contribution, and the rank of its
    value among the known (0 lowest, 1 highest; None unknown)."""

    feature: str
    label: str
    contributions: tuple[float, ...]
    value_ranks: tuple[float | None, ...]


class Segment(_Record, frozen=True, kw_only=True):
    """Logo against revenue churn of a group of accounts over the whole log, one outcome per account.

    Money is in minor units a month, at the last snapshot before the outcome; None without prices.
    """

    name: str
    accounts: int
    lost: int
    mrr: int | None
    lost_mrr: int | None


class Contender(_Record, frozen=True, kw_only=True):
    """A model of another sort, fitted to and measured on the same rows; `auc_gap` is the AUC of the served
    model minus its own, with the 95 % interval of the paired difference (accounts drawn)."""

    name: str
    note: str
    auc_roc: float | None
    auc_roc_ci: Interval
    auc_pr: float | None
    auc_pr_ci: Interval
    precision_at_80_recall: float | None
    ece: float | None
    auc_gap: float | None
    auc_gap_ci: Interval
    served: bool = False


class Ablation(_Record, frozen=True, kw_only=True):
    """A group of features left out: `auc_change` is the AUC without it minus that with all, negative where
    the group helps."""

    group: str
    features: tuple[str, ...]
    auc_roc: float | None
    auc_change: float | None
    auc_change_ci: Interval


class Subgroup(_Record, frozen=True, kw_only=True):
    """The model's quality among a part of the rows."""

    by: str
    name: str
    rows: int
    positives: int
    auc_roc: float | None
    auc_roc_ci: Interval
    predicted: float | None
    observed: float | None


class Survivorship(_Record, frozen=True, kw_only=True):
    """Whether those who left were learnt from: a log of survivors only teaches that nobody leaves.

    `auc_without` is the AUC on the same test rows of the same recipe fitted without them; None where too few
    positives remain to fit.
    """

    accounts: int
    left: int
    left_in_fit: int
    rows_of_left_in_fit: int
    base_rate: float
    base_rate_without: float | None
    auc_without: float | None


class Rows(_Record, frozen=True, kw_only=True):
    """Where the rows come from, and which were left out: horizons not wholly observed (`censored`), those
    purged between fit and test, and those of accounts under treatment."""

    fit: int
    fit_positives: int
    fit_accounts: int
    test: int
    test_positives: int
    test_accounts: int
    censored: int
    purged: int
    treated: int
    first_fit_snapshot: str | None
    last_fit_snapshot: str | None
    first_test_snapshot: str | None
    last_test_snapshot: str | None


class Evidence(_Record, frozen=True, kw_only=True):
    """All of it. An empty tuple stands for what does not apply, e.g. segments without subscriptions."""

    rows: Rows
    roc: tuple[Point, ...]
    precision_recall: tuple[Point, ...]
    """x recall, y precision."""
    calibration: tuple[RateBin, ...]
    """Ten bins of equal size by probability."""
    deciles: tuple[RateBin, ...]
    """From the highest probabilities down; `lift` is observed / base rate."""
    tiers: tuple[Tier, ...]
    coverage: Coverage
    importance: tuple[Importance, ...]
    swarm: tuple[Swarm, ...]
    adoption: tuple[RateBin, ...]
    """Observed rate by the number of features in use (`features_adopted`)."""
    segments: tuple[Segment, ...]
    currency: str | None
    contenders: tuple[Contender, ...]
    ablations: tuple[Ablation, ...]
    subgroups: tuple[Subgroup, ...]
    survivorship: Survivorship
