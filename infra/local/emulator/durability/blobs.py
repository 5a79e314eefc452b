"""Large byte strings (code, layers) beside the state documents: written once, under their content's hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

INLINE_BYTES = 4096
REFERENCE = "__stemtide_blob__"


class Blobs:
    """Encodes state so that its large byte strings become references to files in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._known: dict[int, tuple[bytes, str]] = {}

    def encode(self, state: Any) -> str:
        """The state as JSON text; every large byte string in it is on disk when this returns."""
        from ministack.core.persistence import _json_default

        def default(value: Any) -> Any:
            if isinstance(value, bytes) and len(value) > INLINE_BYTES:
                return {REFERENCE: self._store(value)}
            return _json_default(value)

        return json.dumps(state, default=default, separators=(",", ":"))

    def decode(self, text: str) -> Any:
        """The state again. Raises `FileNotFoundError` when a referenced file is gone."""
        from ministack.core.persistence import _json_object_hook

        loaded: dict[str, bytes] = {}

        def hook(value: dict[str, Any]) -> Any:
            name = value.get(REFERENCE)
            if name is None:
                return _json_object_hook(value)
            if name not in loaded:
                loaded[name] = (self._folder / name).read_bytes()
            return loaded[name]

        return json.loads(text, object_hook=hook)

    def _store(self, value: bytes) -> str:
        known = self._known.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        name = hashlib.sha256(value).hexdigest()
        path = self._folder / name
        if not path.exists():
            partial = path.with_suffix(".partial")
            partial.write_bytes(value)
            partial.replace(path)
        self._known[id(value)] = (value, name)
        return name
