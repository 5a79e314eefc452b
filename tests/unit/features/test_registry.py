"""The registry, its hash and its documentation."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from stemtide.features import registry
from stemtide.features.reference import table
from stemtide.features.registry import FEATURES, NAMES, Feature, registry_hash

ROOT = Path(__file__).parents[3]


def test_the_table_in_the_docs_is_the_registry() -> None:
    assert table() in (ROOT / "docs" / "features.md").read_text()


def test_names_are_unique_and_labels_tell_features_apart() -> None:
    assert len(set(NAMES)) == len(FEATURES)
    assert len({feature.label for feature in FEATURES}) == len(FEATURES)
    assert all(feature.windows for feature in FEATURES if feature.source != "profile")
    assert all(days <= registry.DAYS for feature in FEATURES for days in feature.windows)


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
    before = registry_hash()

    monkeypatch.setattr(registry, "FEATURES", CHANGES[change](FEATURES))
    registry_hash.cache_clear()
    after = registry_hash()
    monkeypatch.undo()
    registry_hash.cache_clear()

    assert after != before
    assert registry_hash() == before


def test_words_do_not_change_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry_hash()

    reworded = (dataclasses.replace(FEATURES[0], label="Other", meaning="the same"), *FEATURES[1:])
    monkeypatch.setattr(registry, "FEATURES", reworded)
    registry_hash.cache_clear()

    assert registry_hash() == before
    registry_hash.cache_clear()
