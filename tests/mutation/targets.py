"""Which modules are mutated, and the tests that must notice: quick ones, the likeliest to fail first."""

from dataclasses import dataclass
from typing import Final

DOMAIN: Final = "layers/domain/python/stemtide"
TIMEOUT_S: Final = 120
"""A mutant that takes longer has not been noticed by a test: it counts as survived."""
EXCLUDED: Final = (
    "core/ReplaceBinaryOperator_BitOr_.*",  # `int | None` in annotations: the import fails, no test is needed
    "core/RemoveDecorator",
    "core/NumberReplacer_NONE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Modules of the domain package and their tests (arguments of pytest)."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS: Final = {
    "fold": Target(
        modules=("fold.py", "state.py", "lanes.py", "users.py"),
        tests=(
            "tests/mutation/test_some_seeds.py",
            "tests/unit/stream",
            "tests/property/test_aggregates_are_exact.py",
        ),
    ),
    "store": Target(
        modules=("commit.py", "accounting.py", "ledgers.py", "store/usage.py", "store/ledger.py"),
        tests=(
            "tests/mutation/test_some_seeds.py",
            "tests/unit/stream",
            "tests/simulation/test_memory_contract.py",
            "tests/integration/stream/test_aggregate_function.py",
            "tests/integration/stream/test_dead_letters_and_balance.py",
            "tests/integration/http/test_read_routes.py",
        ),
    ),
}
