"""Each caution appears exactly when its condition holds."""

from typing import Any

import msgspec
import pytest

from models.card.cautions import cautions_of
from models.card.subject import Subject
from models.evidence import Coverage, Evidence
from tests.card_evidence import ablation, contender, evidence, figures, manifest, metrics

changed = msgspec.structs.replace
BASE = evidence()


def keys(found: Evidence = BASE, **changes: Any) -> set[str]:
    """The cautions of a version whose figures differ in this from a sound one's."""
    parts = {name: changes.pop(name) for name in ("parity",) if name in changes}
    subject = Subject.of_manifest(manifest(metrics=metrics(**changes), **parts), found)
    return {caution.key for caution in cautions_of(subject)}


def rows(**changes: Any) -> Evidence:
    return changed(BASE, rows=changed(BASE.rows, **changes))


def subgroup(**changes: Any) -> Evidence:
    return changed(BASE, subgroups=(changed(BASE.subgroups[0], **changes),))


def tier(place: int, **changes: Any) -> Evidence:
    tiers = list(BASE.tiers)
    tiers[place] = changed(tiers[place], **changes)
    return changed(BASE, tiers=tuple(tiers))


def rival(gap: float | None, auc: float = 0.83, **changes: Any) -> Evidence:
    return changed(BASE, contenders=(BASE.contenders[0], contender("Other", auc, gap, **changes)))


def test_a_sound_model_has_none() -> None:
    assert keys() == set()


@pytest.mark.parametrize(
    ("key", "at", "beyond"),
    [
        (
            "few-test-positives",
            rows(fit=2000, fit_positives=60, test=1000, test_positives=30),
            rows(fit=2000, fit_positives=60, test=1000, test_positives=29),
        ),
        ("not-measured", rows(test_positives=1), rows(test_positives=0)),
        (
            "few-fit-positives",
            rows(fit_positives=50),
            rows(fit_positives=49),
        ),
        (
            "rate-moved",
            rows(fit=1000, fit_positives=100, test=1000, test_positives=150),
            rows(fit=1000, fit_positives=100, test=1000, test_positives=151),
        ),
        (
            "rate-moved",
            rows(fit=1000, fit_positives=150, test=1000, test_positives=100),
            rows(fit=1000, fit_positives=151, test=1000, test_positives=100),
        ),
        ("treated", rows(fit=800, test=100, treated=100), rows(fit=800, test=100, treated=101)),
        (
            "one-day",
            rows(first_test_snapshot=None, last_test_snapshot=None),
            rows(first_test_snapshot="2022-09-04", last_test_snapshot="2022-09-04"),
        ),
        (
            "coverage",
            changed(BASE, coverage=Coverage(bins=10, covered=8, share=0.8)),
            changed(BASE, coverage=Coverage(bins=10, covered=7, share=0.7)),
        ),
        ("tiers-turned", tier(3, observed=BASE.tiers[2].observed), tier(3, observed=0.001)),
        ("tiers-empty", tier(2, rows=1), tier(2, rows=0, observed=None)),
        (
            "survivors",
            changed(BASE, survivorship=changed(BASE.survivorship, left=0, left_in_fit=0)),
            changed(BASE, survivorship=changed(BASE.survivorship, left_in_fit=0)),
        ),
        (
            "one-feature",
            changed(BASE, importance=(changed(BASE.importance[0], share=0.5),)),
            changed(BASE, importance=(changed(BASE.importance[0], share=0.51),)),
        ),
        (
            "group-Noise",
            changed(BASE, ablations=(ablation("Noise", (), 0.011),)),
            changed(BASE, ablations=(ablation("Noise", (), 0.013),)),
        ),
        ("rival-Other", rival(-0.016), rival(-0.018)),
        ("rival-Other", rival(None, auc_roc_ci=(0.87, 0.95)), rival(None, auc_roc_ci=(0.88, 0.95))),
        (
            "subgroups-below",
            subgroup(auc_roc=0.7, auc_roc_ci=(0.6, 0.75)),
            subgroup(auc_roc=0.7, auc_roc_ci=(0.6, 0.74)),
        ),
        (
            "subgroups-maybe-below",
            subgroup(auc_roc=0.742, auc_roc_ci=(0.6, 0.9)),
            subgroup(auc_roc=0.741, auc_roc_ci=(0.6, 0.9)),
        ),
        ("subgroups-unmeasured", subgroup(auc_roc_ci=None), subgroup(auc_roc=None, auc_roc_ci=None)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_caution_of_the_evidence_begins_at_its_limit(key: str, at: Evidence, beyond: Evidence) -> None:
    assert key not in keys(at)
    assert key in keys(beyond)


@pytest.mark.parametrize(
    ("key", "at", "beyond"),
    [
        ("ece", {"ece": 0.02}, {"ece": 0.0201}),
        ("chance", {"auc_roc_ci": [0.501, 0.9]}, {"auc_roc_ci": [0.5, 0.9]}),
        ("too-good", {"auc_roc": 0.969}, {"auc_roc": 0.97}),
        ("below-feature", {"baseline_auc_roc": 0.837}, {"baseline_auc_roc": 0.838}),
        ("near-feature", {"baseline_auc_roc": 0.797}, {"baseline_auc_roc": 0.798}),
        (
            "unseen-unknown",
            {"unseen_accounts": {"auc_roc": 0.83, "n": 90, "positives": 10}},
            {"unseen_accounts": {"auc_roc": 0.83, "n": 90, "positives": 9}},
        ),
        (
            "unseen-worse",
            {"unseen_accounts": {"auc_roc": 0.789, "n": 90, "positives": 10}},
            {"unseen_accounts": {"auc_roc": 0.787, "n": 90, "positives": 10}},
        ),
        ("parity", {}, {"parity": {}}),
    ],
)
def test_a_caution_of_the_figures_begins_at_its_limit(
    key: str, at: dict[str, Any], beyond: dict[str, Any]
) -> None:
    assert key not in keys(**at)
    assert key in keys(**beyond)


def test_a_model_that_was_not_measured_says_why() -> None:
    found = rows(test_positives=0)

    subject = Subject.of_manifest(manifest(metrics={"note": "no positives after the fit"}), found)
    (caution,) = [one for one in cautions_of(subject) if one.key == "not-measured"]

    assert "no positives after the fit" in caution.text


def test_warnings_stand_before_notes() -> None:
    found = cautions_of(Subject.of_figures(figures(parity=None, ece=0.3), rows(test_positives=3)))

    assert [one.level for one in found] == sorted((one.level for one in found), reverse=True)
    assert {one.level for one in found} == {"warning", "note"}


def test_many_weak_subgroups_are_counted_not_listed() -> None:
    weak = changed(BASE.subgroups[0], auc_roc=0.6, auc_roc_ci=(0.5, 0.7))
    found = changed(BASE, subgroups=tuple(changed(weak, name=f"part {n}") for n in range(40)))

    (caution,) = [
        one for one in cautions_of(Subject.of_manifest(manifest(), found)) if one.key == "subgroups-below"
    ]

    assert "'part 4'" in caution.text
    assert "'part 5'" not in caution.text
    assert "35 more" in caution.text


def test_what_a_log_lacks_is_told_of_a_version_and_of_an_evaluation() -> None:
    notes = ["3 of 9 rows of events.csv are left out: 3 no_user", "accounts.csv is not there"]
    version = manifest()
    subjects = [
        Subject.of_manifest(changed(version, data=version.data | {"notes": notes}), BASE),
        Subject.of_figures(figures(notes=notes), BASE),
    ]

    for subject in subjects:
        found = [one for one in cautions_of(subject) if one.key.startswith("log-")]
        assert [one.text for one in found] == [f"{note}." for note in notes]
        assert {one.level for one in found} == {"note"}
