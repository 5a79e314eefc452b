"""Where the version comes from, for whoever has to prove it: hashes, parameters, parity, features."""

from collections.abc import Iterator, Mapping
from typing import Any

from stemtide.features.configured_features import Shape
from stemtide.features.registry import registry

from models.card.document import Block, Paragraph, Section, Table
from models.card.formats import NOT_MEASURED, count, number, percent, plural, small
from models.card.subject import Subject

PARITY = (
    ("max_abs_margin", "margin (log odds)"),
    ("max_abs_probability", "probability"),
    ("max_abs_contribution", "SHAP contribution"),
    ("max_abs_sum", "sum of contributions against the margin"),
)


def parity(subject: Subject) -> Section:
    """Whether what serves says what was trained."""
    found = subject.parity
    title = "Parity of the exported graph"
    if not found:
        text = "The exported graph was not compared with the booster: nothing was exported."
        return Section(key="parity", title=title, blocks=(Paragraph(text),))
    rows: dict[str, Any] = found.get("rows") or {}
    tested = ", ".join(f"{count(number_of)} {kind}" for kind, number_of in rows.items())
    text = (
        "What serves is an ONNX graph and look-up tables; the loaded files were compared with LightGBM itself"
    )
    return Section(
        key="parity",
        title=title,
        blocks=(
            Paragraph(f"{text} on {tested} rows." if tested else f"{text}."),
            Table(
                title="Largest absolute differences",
                columns=("of", "difference"),
                rows=tuple((label, small(found.get(key))) for key, label in PARITY),
            ),
        ),
    )


def origin(subject: Subject) -> Section:
    """Everything that is needed to make the same version again."""
    title = "Provenance"
    if subject.manifest is None:
        text = (
            f"An evaluation of the recipe for '{subject.target}' {subject.within}, seed {subject.seed}:"
            " nothing was exported, so there is no version."
        )
        return Section(key="origin", title=title, blocks=(Paragraph(text),))
    blocks: list[Block] = [_identity(subject), _parameters(subject), _files(subject), _features(subject)]
    return Section(key="origin", title=title, blocks=tuple(blocks))


def _identity(subject: Subject) -> Table:
    manifest = subject.manifest
    assert manifest is not None
    rows = [
        ("model", manifest.name),
        ("version", manifest.version),
        ("target", manifest.target),
        ("horizon", plural(manifest.horizon_days, "day")),
        ("seed", "not recorded" if subject.seed is None else str(subject.seed)),
        ("log", str(manifest.data.get("log", "not recorded"))),
        *_labels(manifest.data),
        ("registry of features", manifest.registry),
        ("manifest format", str(manifest.format)),
        *((name, version) for name, version in sorted(manifest.versions.items())),
    ]
    return Table(title="Identity and versions", columns=("what", "value"), rows=tuple(rows), numbers_from=2)


def _labels(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the deployed stack's own plays had told, where rows came from one."""
    if "labels" in data:
        told = ", ".join(f"{count(number_of)} {outcome}" for outcome, number_of in data["labels"].items())
        yield "labels of plays", told or "none were known"


def _parameters(subject: Subject) -> Table:
    manifest = subject.manifest
    assert manifest is not None
    data = manifest.data
    rows = [
        ("base rate of the fitted rows", percent(manifest.base_rate)),
        ("calibration slope", number(manifest.calibration.slope, 4)),
        ("calibration intercept", number(manifest.calibration.intercept, 4)),
        ("expected margin", number(manifest.expected_margin, 4)),
    ]
    for part in ("gate", "recipe", "parameters"):
        rows += [(name, str(value)) for name, value in (data.get(part) or {}).items()]
    return Table(
        title="Parameters of LightGBM and the calibration",
        columns=("parameter", "value"),
        rows=tuple(rows),
        folded=True,
    )


def _files(subject: Subject) -> Block:
    manifest = subject.manifest
    assert manifest is not None
    if not manifest.files:
        return Paragraph("The version was not exported yet: it has no graph and no hashes.")
    return Table(
        title="Files (SHA-256)",
        columns=("file", "hash"),
        rows=tuple(sorted(manifest.files.items())),
        numbers_from=2,
    )


def _features(subject: Subject) -> Table:
    manifest = subject.manifest
    assert manifest is not None
    known = registry(Shape(manifest.parts, manifest.meters)).by_name
    rows = []
    for name, median in zip(manifest.features, manifest.medians, strict=True):
        feature = known.get(name)
        typical = "unknown" if median is None else f"{median:,.4g}"
        rows.append(
            (feature.label if feature else name, name, typical, feature.unit if feature else NOT_MEASURED)
        )
    return Table(
        title=f"All {len(rows)} features, with their typical value in training",
        columns=("feature", "name", "median", "unit"),
        rows=tuple(rows),
        numbers_from=4,
        folded=True,
    )
