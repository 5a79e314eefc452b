"""Which modules are mutated, and the tests that must notice: quick ones, the likeliest to fail first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DOMAIN: Final = "layers/domain/python/stemtide"
MODELS: Final = "models"
KEPT_ARITHMETIC: Final = "Add_Sub|Sub_Add|Mul_FloorDiv|FloorDiv_Mul|Pow_Mul|Mod_Mul|BitAnd_BitOr|Div_Mul"
EXCLUDED: Final = (
    # One replacement of each arithmetic operator: the ten others die of the same tests, or of a TypeError.
    f"core/ReplaceBinaryOperator_(?!({KEPT_ARITHMETIC})$).*",
    # Whether small numbers are one object is CPython's affair, and no rule of ours.
    "core/ReplaceComparisonOperator_.*_(Is|IsNot)(?<!Is_IsNot)(?<!IsNot_Is)$",
    # Members of an enum and None equal nothing but themselves.
    "core/ReplaceComparisonOperator_(Is_Eq|IsNot_NotEq)$",
    # A minus is deleted: that is enough.
    "core/ReplaceUnaryOperator_USub_.*",
    "core/RemoveDecorator",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Modules of a package and their tests (arguments of pytest)."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    package: str = DOMAIN
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By module the functions that alone are mutated; other modules are in full."""

    def path(self, module: str) -> str:
        """The module's file."""
        return f"{self.package}/{module}"


TARGETS: Final = {
    "intervals": Target(
        package=MODELS,
        modules=("calibrate.py", "level.py", "spread.py"),
        tests=(
            "tests/unit/models/test_calibrate.py",
            "tests/unit/models/test_calibration_gaps.py",
            "tests/unit/models/test_spread.py",
            "tests/unit/models/test_level.py",
            "tests/unit/models/test_weights.py",
        ),
    ),
    "figures": Target(
        package=MODELS,
        modules=("evaluate.py",),
        tests=("tests/unit/models/test_evaluate.py",),
    ),
    "fold": Target(
        modules=("fold.py", "state.py", "lanes.py", "users.py"),
        tests=(
            "tests/mutation/test_some_seeds.py",
            "tests/unit/stream",
            "tests/property/test_aggregates_are_exact.py",
        ),
    ),
    "kernel": Target(
        modules=(
            *("features/occurrences.py", "features/history.py", "features/usage_at.py", "features/view.py"),
            *("features/formulas.py", "features/cohorts.py", "features/peers.py"),
            *("features/kernel.py", "features/profile_columns.py"),
        ),
        tests=(
            "tests/unit/features/test_people_and_cohorts.py",
            "tests/unit/features/test_peers.py",
            "tests/unit/features/test_usage_of_a_day.py",
            "tests/unit/features/test_configured_parts_and_limits.py",
            "tests/unit/features/test_known_days.py",
            "tests/unit/features/test_plan_history.py",
            "tests/unit/features/test_support.py",
            "tests/property/test_features_equal_sql.py",
            "tests/property/test_features_are_exact.py",
        ),
    ),
    "kept": Target(
        modules=(
            *("features/packed_usage.py", "features/kept_days.py"),
            *("store/usage_blocks.py", "store/usage_reader.py"),
        ),
        tests=(
            "tests/property/test_kept_usage.py",
            "tests/integration/features/test_kept_usage.py",
        ),
    ),
    "store": Target(
        modules=("commit.py", "accounting.py", "ledgers.py"),
        tests=(
            "tests/mutation/test_some_seeds.py",
            "tests/unit/stream/test_aggregate_failures.py",
            "tests/unit/stream/test_entering_a_lane.py",
            "tests/unit/stream/test_checkpoints.py",
            "tests/unit/stream/test_commenters.py",
            "tests/unit/stream/test_many_duplicates.py",
            "tests/unit/stream/test_store_edges.py",
            "tests/unit/stream/test_tries.py",
            "tests/unit/stream/test_what_is_remembered.py",
            "tests/unit/detection/test_logins.py",
            "tests/integration/stream/test_aggregate_function.py",
        ),
    ),
    "rows": Target(
        modules=("store/usage.py", "store/ledger.py"),
        tests=(
            "tests/unit/stream/test_reads_of_the_tables.py",
            "tests/unit/stream/test_store_edges.py",
            "tests/simulation/test_memory_contract.py",
            "tests/integration/http/test_read_routes.py",
            "tests/integration/stream/test_aggregate_function.py",
            "tests/integration/stream/test_dead_letters_and_balance.py",
        ),
    ),
    "mrr": Target(
        modules=tuple(
            f"billing/{name}.py"
            for name in ("paid_terms", "mrr", "movements", "churn", "mrr_sheets", "months")
        ),
        tests=(
            "tests/unit/billing/test_mrr_levels.py",
            "tests/unit/billing/test_mrr_one_movement.py",
            "tests/unit/billing/test_mrr_of_traits.py",
            "tests/unit/billing/test_mrr_movements.py",
            "tests/property/test_mrr_reconciles.py",
        ),
    ),
    "billing": Target(
        modules=tuple(
            f"billing/{name}.py" for name in ("monthly", "amounts", "book", "telling", "forward", "told")
        ),
        tests=(
            "tests/unit/billing/test_monthly.py",
            "tests/unit/billing/test_amounts.py",
            "tests/unit/billing/test_book.py",
            "tests/unit/billing/test_batch_and_telling.py",
            "tests/unit/billing/test_events_and_moves.py",
            "tests/unit/billing/test_told.py",
            "tests/property/test_billing_in_any_order.py",
        ),
    ),
    "mail": Target(
        modules=tuple(
            f"mail/{name}.py" for name in ("budget", "booking", "campaigns", "judging", "noticing", "links")
        ),
        tests=(
            "tests/unit/mail/test_budget.py",
            "tests/unit/mail/test_booking.py",
            "tests/unit/mail/test_judging.py",
            "tests/unit/mail/test_noticing.py",
            "tests/unit/mail/test_links.py",
            "tests/unit/mail/test_service.py",
            "tests/unit/mail/test_choices.py",
        ),
    ),
    "dunning": Target(
        modules=(
            *(
                f"dunning/{name}.py"
                for name in ("decide", "declines", "times", "cards", "ledger", "audit", "steps")
            ),
            "billing/amounts.py",
        ),
        tests=("tests/unit/dunning", "tests/unit/billing/test_amounts.py"),
    ),
    "protocol": Target(
        package=MODELS,
        modules=("targets.py", "evaluate.py"),
        parts={
            "evaluate.py": (
                *("fit_rows", "known_rows", "purged", "purged_of_other", "_known_later", "test_rows"),
                "split_of",
            )
        },
        tests=(
            "tests/unit/models/test_targets.py",
            "tests/unit/models/test_ends_told_by_plays.py",
            "tests/unit/models/test_splits.py",
            "tests/unit/models/test_left_out.py",
        ),
    ),
    "training": Target(
        package=MODELS,
        modules=("dataset.py", "plays.py"),
        tests=(
            "tests/unit/models/test_left_out.py",
            "tests/unit/models/test_treated_rows.py",
            "tests/unit/models/test_plays.py",
            "tests/property/test_rows_equal_a_recount.py",
            "tests/unit/models/test_dataset.py",
            "tests/unit/models/test_courses.py",
        ),
    ),
    "leakage": Target(
        package=MODELS,
        modules=("leakage.py",),
        tests=("tests/unit/models/test_leakage.py",),
    ),
    "export": Target(
        package=MODELS,
        modules=("export.py",),
        tests=(
            "tests/unit/models/test_export_folders.py",
            "tests/unit/models/test_export.py",
            "tests/unit/models/test_export_traps.py",
        ),
    ),
}
