"""How the emulator's corrections are put in place: never onto code they were not written for.

Every correction replaces one function of the pinned MiniStack release. The source it replaces is pinned by
its SHA-256, so a new release stops the start with a message instead of running half corrected.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any


class EmulatorChanged(RuntimeError):  # noqa: N818 - a fact about the emulator, the name used in messages
    """The installed emulator is not the one the corrections were written for."""


def hash_source(target: Callable[..., Any] | type) -> str:
    """The hash of a function's or class's source text, which `replace` and `expect` compare."""
    try:
        return hashlib.sha256(inspect.getsource(target).encode()).hexdigest()
    except (OSError, TypeError) as error:
        raise EmulatorChanged(f"{target!r} has no source to compare") from error


def expect(holder: Any, name: str, *, source_sha256: str) -> Any:
    """Return `holder.name` after checking that its source is the known one.

    `holder` is a module or a class. Raises `EmulatorChanged` naming what differs, and the hash found.
    """
    where = f"{getattr(holder, '__module__', None) or holder.__name__}.{name}"
    try:
        current = inspect.getattr_static(holder, name)
    except AttributeError as error:
        raise EmulatorChanged(f"{where} does not exist in the installed ministack") from error
    current = getattr(current, "__func__", current)
    found = hash_source(current)
    if found != source_sha256:
        raise EmulatorChanged(f"{where} has changed: its source hash is {found}, expected {source_sha256}")
    return current


def replace(holder: Any, name: str, new: Any, *, source_sha256: str) -> Any:
    """Put `new` in the place of `holder.name` and return the original.

    Raises `EmulatorChanged` when the original is missing, has another source or another signature than `new`.
    A signature of `(*args, **kwargs)` on `new` accepts any. Repeating it with the same `new` changes nothing.
    """
    if inspect.getattr_static(holder, name, None) is new:
        return new
    original = expect(holder, name, source_sha256=source_sha256)
    _check_signature(original, new, f"{getattr(holder, '__name__', holder)}.{name}")
    setattr(holder, name, new)
    return original


def _check_signature(original: Any, new: Any, where: str) -> None:
    if not (inspect.isfunction(original) and inspect.isfunction(new)):
        return
    kinds = {parameter.kind for parameter in inspect.signature(new).parameters.values()}
    if {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds:
        return
    before, after = (list(inspect.signature(function).parameters) for function in (original, new))
    if before != after:
        raise EmulatorChanged(f"{where} takes {before}, its correction takes {after}")
