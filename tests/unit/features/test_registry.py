"""The registry, its hash and its documentation."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from stemtide.features import registry as module
from stemtide.features.reference import table
from stemtide.features.registry import FEATURES, NAMES, Feature, Shape, registry
from stemtide.limits import LONG_DAYS

ROOT = Path(__file__).parents[3]


def test_the_table_in_the_docs_is_the_registry() -> None:
    assert table() in (ROOT / "docs" / "features.md").read_text()


def test_the_docs_name_what_the_configured_parts_and_meters_add() -> None:
    told = (ROOT / "docs" / "features.md").read_text()
    added = registry(Shape(("part",), ("meter",))).names[len(NAMES) :]

    assert [name for name in added if f"`<name>_{name.partition('_')[2]}`" not in told] == []


def test_names_are_unique_and_labels_tell_features_apart() -> None:
    assert len(set(NAMES)) == len(FEATURES)
    assert len({feature.label for feature in FEATURES}) == len(FEATURES)
    assert all(feature.windows for feature in FEATURES if feature.source != "profile")
    assert all(days <= LONG_DAYS for feature in FEATURES for days in feature.windows)


CHANGES: dict[str, Callable[[tuple[Feature, ...]], tuple[Feature, ...]]] = {
    "another order": lambda found: (found[1], found[0], *found[2:]),
    "one fewer": lambda found: found[:-1],
    "another name": lambda found: (dataclasses.replace(found[0], name="other"), *found[1:]),
    "another window": lambda found: (dataclasses.replace(found[0], windows=(8,)), *found[1:]),
    "a new version": lambda found: (dataclasses.replace(found[0], version=2), *found[1:]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_changes_with_whatever_changes_a_vector(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = registry().hash

    monkeypatch.setattr(module, "FEATURES", CHANGES[change](FEATURES))
    registry.cache_clear()
    after = registry().hash
    monkeypatch.undo()
    registry.cache_clear()

    assert after != before
    assert registry().hash == before


def test_words_do_not_change_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry().hash

    reworded = (dataclasses.replace(FEATURES[0], label="Other", meaning="the same"), *FEATURES[1:])
    monkeypatch.setattr(module, "FEATURES", reworded)
    registry.cache_clear()

    assert registry().hash == before
    registry.cache_clear()


def test_configured_parts_and_meters_come_behind_what_everybody_has() -> None:
    plain, more = registry(), registry(Shape(("boards",), ("exports",)))

    assert more.names[: len(plain.names)] == plain.names == NAMES
    assert more.names[len(plain.names) :] == (
        "boards_share_30d", "boards_per_day_90d", "boards_per_day_360d", "boards_total",
        "exports_limit_use", "exports_days_to_limit",
    )  # fmt: skip
    assert more.hash != plain.hash
    assert more.by_name["boards_total"].unit == "events"
