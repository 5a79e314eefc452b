"""Corrections go onto the code they were written for, or not at all."""

from __future__ import annotations

import types
from typing import Any

import pytest

from infra.local.emulator.patching import EmulatorChanged, expect, hash_source, replace


def greet(name: str) -> str:
    return f"hello {name}"


def better_greet(name: str) -> str:
    return f"good morning {name}"


def other_signature(name: str, title: str) -> str:
    return f"{title} {name}"


@pytest.fixture
def module() -> Any:
    holder = types.ModuleType("emulator")
    holder.greet = greet  # type: ignore[attr-defined]
    return holder


def test_a_known_function_is_replaced_and_returned(module: Any) -> None:
    original = replace(module, "greet", better_greet, source_sha256=hash_source(greet))

    assert original is greet
    assert module.greet("Ada") == "good morning Ada"


def test_replacing_twice_changes_nothing(module: Any) -> None:
    replace(module, "greet", better_greet, source_sha256=hash_source(greet))

    replace(module, "greet", better_greet, source_sha256=hash_source(greet))

    assert module.greet is better_greet


def test_another_source_is_refused_with_both_hashes(module: Any) -> None:
    with pytest.raises(EmulatorChanged, match=f"greet has changed.*{hash_source(greet)}.*expected 00"):
        replace(module, "greet", better_greet, source_sha256="00")

    assert module.greet is greet


def test_another_signature_is_refused(module: Any) -> None:
    with pytest.raises(EmulatorChanged, match=r"takes \['name'\], its correction takes \['name', 'title'\]"):
        replace(module, "greet", other_signature, source_sha256=hash_source(greet))


def test_a_missing_function_is_named(module: Any) -> None:
    with pytest.raises(EmulatorChanged, match=r"emulator\.wave does not exist"):
        expect(module, "wave", source_sha256="00")


def test_what_has_no_source_is_refused(module: Any) -> None:
    module.length = len

    with pytest.raises(EmulatorChanged, match="no source to compare"):
        expect(module, "length", source_sha256="00")
