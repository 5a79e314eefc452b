"""Event filters look for a field by its whole path: one whose parent is missing is absent, too.

The emulator takes a missing parent to match nothing, whatever is asked of the field; on AWS
`{"NewImage": {"flag": {"BOOL": [{"exists": false}]}}}` matches an image without `flag`: rules see an event as
pairs of a leaf's path and its value (Event Ruler, "Exists matching").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Matcher = Callable[[dict[str, Any], dict[str, Any]], bool]


def corrected(original: Matcher) -> Matcher:
    """The emulator's matcher on records whose missing parents are there, and empty."""

    def _match_esm_filter(record: dict, pattern: dict) -> bool:
        if not isinstance(pattern, dict):
            return False
        empty: dict[str, Any] = {key: {} for key, asked in pattern.items() if isinstance(asked, dict)}
        return original({**empty, **record}, pattern)

    return _match_esm_filter
