"""The registry in words: the table of docs/features.md."""

from stemtide.features.registry import FEATURES, Feature

_HEAD = ("| feature | unit | windows | from | meaning |", "|---|---|---|---|---|")


def table() -> str:
    """The Markdown table, one row per feature in the vector's order."""
    return "\n".join([*_HEAD, *map(_row, FEATURES)])


def _row(feature: Feature) -> str:
    windows = ", ".join(f"{days} d" for days in feature.windows)
    source = "usage, profile" if feature.source == "both" else feature.source
    return f"| `{feature.name}` | {feature.unit} | {windows} | {source} | {feature.meaning} |"
