"""What a card says, of a model that was measured in full, in part and not at all."""

import base64
import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from stemtide_cli.mapping_training import Kind

from models.card import render_evaluation, render_html, render_markdown, write_cards
from models.card.words import words_for
from models.evidence import Coverage, Evidence
from tests.card_evidence import evidence, figures, manifest, metrics
from tests.card_page import SECTIONS, Page

PLOTS = (
    "ROC curve", "Precision and recall", "Calibration", "Lift by decile", "Observed churn rate per tier",
    "Importance", "SHAP beeswarm", "Ablation per group of features", "Adoption and leaving",
    "Logo churn and revenue churn", "Subgroups", "Contenders",
)  # fmt: skip
LEFT_OUT = {
    "roc": "The curves were not measured",
    "calibration": "Calibration was not measured",
    "deciles": "Lift was not measured",
    "tiers": "Tiers were not measured",
    "importance": "Importance was not measured",
    "swarm": "Contributions of single rows were not measured",
    "adoption": "Adoption does not apply",
    "segments": "Segments do not apply",
    "contenders": "No model of another sort was fitted",
    "ablations": "No group of features was left out",
    "subgroups": "The rows were not divided into subgroups",
}


def nothing() -> Evidence:
    """A log in which the target never happened after the fit."""
    full = evidence()
    empty = dict.fromkeys((*LEFT_OUT, "precision_recall"), ())
    rows = msgspec.structs.replace(full.rows, test=0, test_positives=0, test_accounts=0)
    return evidence(**empty, rows=rows, currency=None, coverage=Coverage(bins=0, covered=0, share=None))


FULL = evidence()


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_html(manifest(), FULL))


def test_a_full_card_has_every_section_and_plot_in_both_forms(page: Page) -> None:
    text = render_markdown(manifest(), FULL).replace("\\", "")

    assert tuple(page.titles["h2"]) == SECTIONS
    assert set(PLOTS) <= set(page.titles["h3"])
    assert page.tags.count("svg") == len(PLOTS)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(SECTIONS)
    assert set(PLOTS) <= set(re.findall(r"^### (.+)$", text, re.MULTILINE))


def test_every_drawing_is_well_formed_and_says_what_is_seen() -> None:
    drawings = re.findall(r"<svg.*?</svg>", render_html(manifest(), FULL), re.DOTALL)

    for drawing in drawings:
        root = ET.fromstring(drawing)
        assert len(root.attrib["aria-label"]) > 40
        assert root.attrib["role"] == "img"
        numbers = re.findall(r'(?<![\w-])(?:x|y|x1|x2|y1|y2|cx|cy|width|height)="([^"]+)"', drawing)
        assert all(-1 <= float(number) <= 1200 for number in numbers)


def test_the_page_runs_and_loads_nothing() -> None:
    text = render_html(manifest(), FULL)
    page = Page(text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in {"style", "src"} or name.startswith("on")]
    assert all(value.startswith("#") for name, value in page.attributes if name == "href")
    assert "url(" not in style
    (policy,) = [value for _, value in page.attributes if value.startswith("default-src")]
    assert policy == (f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")


def test_the_first_page_says_how_good_it_is_with_count_and_interval(page: Page) -> None:
    assert "probability that it leaves within 30 days" in page.text
    assert "tested on 4,200 rows (an account on a day) of 640 accounts" in page.text
    assert "in 122 of them (2.9 %) the account left" in page.text
    assert "in 84 of 100 cases (95 % interval 80 to 87)" in page.text
    assert "the best single feature ('Days since the last event') in 74" in page.text


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_same_evidence_gives_the_same_bytes(render: object) -> None:
    assert callable(render)
    assert render(manifest(), evidence()) == render(manifest(), evidence())


@pytest.mark.parametrize(("field", "sentence"), LEFT_OUT.items())
def test_what_does_not_apply_is_a_sentence_instead_of_an_empty_plot(field: str, sentence: str) -> None:
    page = Page(render_html(manifest(), msgspec.structs.replace(FULL, **{field: ()})))

    assert sentence in page.text
    assert page.tags.count("svg") < len(PLOTS)
    assert tuple(page.titles["h2"]) == SECTIONS


def test_a_model_that_could_not_be_measured_still_has_a_card() -> None:
    unmeasured = manifest(metrics={"note": "no positives after the fit"}, parity={}, files={}, score_map=())

    page = Page(render_html(unmeasured, nothing()))
    text = render_markdown(unmeasured, nothing())

    assert tuple(page.titles["h2"]) == SECTIONS
    assert "svg" not in page.tags
    assert "no positives after the fit" in page.text
    for lost in ("nan", "None", "inf"):
        assert not re.search(rf"\b{lost}\b", page.text)
        assert not re.search(rf"\b{lost}\b", text)


def test_single_figures_that_are_missing_say_so() -> None:
    lost = manifest(metrics=metrics(auc_pr=None, lift_top_decile=None, precision_at_80_recall=float("nan")))
    contender = msgspec.structs.replace(FULL.contenders[0], auc_pr=None, precision_at_80_recall=None)
    found = msgspec.structs.replace(FULL, contenders=(contender, *FULL.contenders[1:]))

    page = Page(render_html(lost, found))

    assert page.text.count("not measured") >= 4
    assert not re.search(r"\b(nan|None)\b", page.text)


def test_an_upsell_card_speaks_of_upgrades_and_of_leaving_only_where_accounts_left() -> None:
    page = Page(render_html(manifest("upsell", "upsell"), FULL))

    assert "probability that it upgrades within 30 days" in page.text
    assert "Which accounts upgrade" in page.titles["h2"]
    assert "upgrade rate" in page.text
    assert "At risk" not in page.text
    said, _ = page.text.rsplit("Provenance", 1)  # behind it are the features' own labels
    others = re.sub(r"[Ll]eft out|left of the line|to the left", "", said)
    others = re.sub(r"Survivorship:.*?without them", "", others, flags=re.DOTALL)
    others = re.sub(r"Logo churn.*?revenue churn\b.*?Does it work", "", others, flags=re.DOTALL)
    assert not re.search(r"\b(leaves|left|stays|stayed|churn rate|Logo churn)\b", others)


def test_who_left_is_never_said_to_have_upgraded() -> None:
    text = render_markdown(manifest("upsell", "upsell"), FULL)

    left = FULL.survivorship
    assert f"{left.left:,} left in the end" in text
    assert "accounts that upgraded" not in text
    assert "whose last term ran out" in text


def test_a_card_says_what_an_interval_a_grade_and_a_driver_are() -> None:
    text = render_markdown(manifest(), FULL)

    assert "rows of one account tell the same outcome again" in text
    assert "a source of its data is stale" in text
    assert "those of all features and the model's base value add up" in text


@pytest.mark.parametrize(
    ("target", "kind", "says"),
    [
        ("silent", None, "probability that it falls silent"),
        ("withdrawn", None, "probability that it withdraws"),
        ("ninety_days", "silent", "probability that it falls silent"),
        ("ninety_days", None, "probability that it leaves"),
        ("renewal", "not_renewed", "probability that it does not renew"),
        ("back", "outcome", "probability that it comes to the outcome"),
    ],
)
def test_every_target_has_words_of_its_own(target: str, kind: str | None, says: str) -> None:
    assert says in Page(render_html(manifest(target=target), FULL, kind=kind)).text


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_target_has_words(kind: Kind) -> None:
    assert words_for("churn", "any", kind).does


def test_an_evaluation_is_reported_without_a_version() -> None:
    page = Page(render_evaluation(figures(), FULL))

    assert page.titles["h1"] == ["Evaluation: Churn"]
    assert tuple(page.titles["h2"]) == SECTIONS
    assert "nothing was exported, so there is no version" in page.text


def test_figures_of_the_recipe_are_not_passed_off_as_those_of_the_version() -> None:
    own = manifest(data={**manifest().data, "rows": FULL.rows.fit})

    assert "same recipe fitted to the earlier part" in Page(render_html(manifest(), FULL)).text
    assert "same recipe fitted to the earlier part" not in Page(render_html(own, FULL)).text


def test_the_cards_are_written_beside_the_artefact_with_their_evidence(tmp_path: Path) -> None:
    written = write_cards(tmp_path, manifest(), FULL)

    assert [path.name for path in written] == ["card.html", "card.md", "evidence.json"]
    assert written[0].read_text("utf-8") == render_html(manifest(), FULL)
    assert written[1].read_text("utf-8") == render_markdown(manifest(), FULL)
    assert msgspec.json.decode(written[2].read_bytes(), type=Evidence) == FULL
