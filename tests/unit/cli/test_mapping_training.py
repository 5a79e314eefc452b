"""The sections that make a log training material: refused with the fact and the remedy."""

from pathlib import Path

import pytest
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Mapping, find_mapping, load_mapping
from stemtide_cli.mapping_training import Subscriptions

EVENTS = '[events]\nfile = "e.csv"\naccount = "org"\nevent = "what"\ntimestamp = "at"\n'
TERMS = '[subscriptions]\nfile = "s.csv"\naccount = "org"\nplan = "p"\nstart = "s"\nmonths = "m"\n'
SNAPSHOTS = "[snapshots]\nevery_days = 10\n"
CHURN = '[targets.churn]\nkind = "subscription_ended"\nhorizon_days = 30\n'
RENEWAL = '[targets.renewal]\nkind = "not_renewed"\nhorizon_days = 60\n'
WON = '[targets.won]\nkind = "outcome"\nhorizon_days = 30\noutcome = "won"\n'
OUTCOMES = '[outcomes]\nfile = "o.csv"\naccount = "org"\nat = "at"\noutcome = "what"\n'
TREATMENTS = '[treatments]\nfile = "t.csv"\naccount = "org"\nstart = "from"\n'


def loaded(tmp_path: Path, *parts: str) -> Mapping:
    path = tmp_path / "m.toml"
    path.write_text("".join((EVENTS, *parts)))
    return load_mapping(path)


@pytest.mark.parametrize(
    ("parts", "fact", "remedy"),
    [
        ((CHURN, TERMS), "no [snapshots]", "every_days"),
        ((CHURN, SNAPSHOTS), "[targets.churn] needs subscriptions", "[subscriptions]"),
        ((CHURN, SNAPSHOTS, TERMS.replace('months = "m"\n', "")), "when a term runs out", "months"),
        ((CHURN.replace("subscription_ended", "upgraded"), SNAPSHOTS, TERMS), "needs tiers", "low to high"),
        ((CHURN.replace("subscription_ended", "withdrawn"), SNAPSHOTS), "needs enrolments", "[enrolments]"),
        ((CHURN + "or_withdrawn = true\n", SNAPSHOTS, TERMS), "needs enrolments", "[enrolments]"),
        ((TERMS + 'mrr = "mrr"\n',), "mrr has no currency", "USD"),
        ((TERMS + 'currency = "EURO"\n',), "'EURO' is no currency", "ISO 4217"),
        (("[population]\nsubscribed = true\n",), "asks for a subscription", "[subscriptions]"),
        (("[population]\nenrolled = true\n",), "asks for an enrolment", "[enrolments]"),
        (("[population]\nmin_active_days = 2\n",), "belong together", "both"),
        ((CHURN + "grace_days = 3\n", SNAPSHOTS, TERMS), "grace_days is for the kind", "drop it"),
        ((CHURN + 'outcome = "won"\n', SNAPSHOTS, TERMS), "belong together", "drop it"),
        ((RENEWAL, SNAPSHOTS), "[targets.renewal] needs subscriptions", "[subscriptions]"),
        ((RENEWAL, SNAPSHOTS, TERMS.replace('months = "m"\n', "")), "when a term runs out", "months"),
        ((WON.replace('outcome = "won"\n', ""), SNAPSHOTS, OUTCOMES), "belong together", "name the outcome"),
        ((WON, SNAPSHOTS), "[targets.won] needs outcomes of plays", "[outcomes]"),
    ],
)
def test_sections_that_do_not_fit_together_are_refused_with_the_remedy(
    tmp_path: Path, parts: tuple[str, ...], fact: str, remedy: str
) -> None:
    with pytest.raises(CliError) as caught:
        loaded(tmp_path, *parts)

    assert fact in caught.value.message
    assert remedy in caught.value.hint


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (TERMS + 'end = "end_date"\n', "end"),
        (SNAPSHOTS + "every = 3\n", "every"),
        (CHURN.replace("subscription_ended", "left"), "left"),
        (CHURN.replace("30", "0"), "horizon_days"),
        (RENEWAL + "grace_days = -1\n", "grace_days"),
        (TREATMENTS + 'treated = "drop"\n', "drop"),
        (TREATMENTS + "weight = 0.0\n", "weight"),
    ],
)
def test_an_unknown_key_or_value_is_named_with_the_known_keys(tmp_path: Path, part: str, named: str) -> None:
    with pytest.raises(CliError) as caught:
        loaded(tmp_path, part)

    assert named in caught.value.message
    assert "[targets.NAME] kind, horizon_days" in caught.value.hint


def test_a_plan_is_of_the_tier_whose_glob_it_fits() -> None:
    section = Subscriptions(
        file="s", account="a", plan="p", start="s", tiers=["basic_*", ["pro", "pro_*"]], addons=["extra*"]
    )

    assert [section.tier_of(p) for p in ("basic_mthly", "basic_annual", "pro", "pro_x", "probe")] == [
        0, 0, 1, 1, None
    ]  # fmt: skip
    assert [section.is_addon(p) for p in ("extra", "extra_seats", "basic")] == [True, True, False]


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("crm", ["churn", "upsell"]),
        ("social", ["churn"]),
        ("nova", ["silent"]),
        ("oulad", ["silent", "withdrawn"]),
    ],
)
def test_the_shipped_mappings_have_the_targets_in_their_order(name: str, targets: list[str]) -> None:
    assert list(load_mapping(find_mapping(name)).targets) == targets


def test_plays_are_mapped_with_what_becomes_of_treated_rows(tmp_path: Path) -> None:
    mapping = loaded(tmp_path, RENEWAL, WON, SNAPSHOTS, TERMS, OUTCOMES, TREATMENTS)

    assert (mapping.targets["renewal"].grace, mapping.targets["won"].outcome) == (14, "won")
    assert mapping.treatments is not None
    assert (mapping.treatments.treated, mapping.treatments.weight) == ("exclude", 0.5)


@pytest.mark.parametrize("section", [OUTCOMES, TREATMENTS])
def test_a_file_of_plays_needs_a_column_of_accounts(tmp_path: Path, section: str) -> None:
    with pytest.raises(CliError, match="account names no column"):
        loaded(tmp_path, section.replace('account = "org"', "account = []"))
