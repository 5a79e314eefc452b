"""What faults many seeds have met, one by one and two by two."""

from collections.abc import Mapping
from typing import Any, Final

RAREST: Final = 10


def coverage(kinds: Mapping[str, int], pairs: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Of a report: seeds in which each kind of fault, and both of each two, happened."""
    return {
        "kinds": dict(kinds),
        "pairs": len(pairs),
        "pairs_covered": sum(1 for seeds in pairs.values() if seeds),
        "rarest_pairs": sorted(([seeds, *pair] for pair, seeds in pairs.items()))[:RAREST],
        "seeds_by_pair": {" + ".join(pair): seeds for pair, seeds in pairs.items()},
    }
