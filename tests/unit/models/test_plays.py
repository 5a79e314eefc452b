"""Outcomes of plays and treatments, as files tell of them."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from stemtide.config import bundled_config
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Mapping, load_mapping
from stemtide_cli.mapping_training import Treated

from models import dataset
from models.material import read_material
from models.plays import Plays, Treatment, read_plays
from models.targets import PlayOutcome
from tests.training_logs import RENEWALS_LOG, draw_log

ZERO = 19723
"""1 January 2024."""
OUTCOMES = """org,at,what
a,2024-01-03T23:59:59Z,reactivated
a,2024-01-03T08:00:00Z,offered
b,2024-01-05,declined
a,2024-01-02,offered
,2024-01-09,declined
b,,declined
b,2024-01-06,
"""
TREATMENTS = """org,from,to
b,2024-01-07,2024-01-09
a,2024-01-04T10:00:00Z,2024-01-06T01:00:00Z
a,2024-01-02,
,2024-01-02,
a,,2024-01-02
"""


def read(folder: Path, mapping_text: str = RENEWALS_LOG) -> Plays:
    path = folder / "m.toml"
    path.write_text(mapping_text)
    return read_plays(load_mapping(path), folder=folder, mapping_path=path, spill=folder / "spill")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outcomes.csv").write_text(OUTCOMES)
    (tmp_path / "treatments.csv").write_text(TREATMENTS)
    return tmp_path


def test_outcomes_come_in_the_order_in_which_they_became_known(folder: Path) -> None:
    plays = read(folder)

    assert plays.outcomes == {
        "a": (
            PlayOutcome(day=ZERO + 1, outcome="offered"),
            PlayOutcome(day=ZERO + 2, outcome="offered"),
            PlayOutcome(day=ZERO + 2, outcome="reactivated"),
        ),
        "b": (PlayOutcome(day=ZERO + 4, outcome="declined"),),
    }
    assert plays.last_day == ZERO + 4
    assert plays.notes == ()


def test_a_treatment_goes_on_where_its_end_is_empty_and_lasts_a_day_without_ends(folder: Path) -> None:
    assert read(folder).treatments == {
        "a": (Treatment(start=ZERO + 1, end=None), Treatment(start=ZERO + 3, end=ZERO + 5)),
        "b": (Treatment(start=ZERO + 6, end=ZERO + 8),),
    }
    assert read(folder, RENEWALS_LOG.replace('end = "to"\n', "")).treatments["a"] == (
        Treatment(start=ZERO + 1, end=ZERO + 1),
        Treatment(start=ZERO + 3, end=ZERO + 3),
    )


def test_what_was_known_at_the_end_of_a_day_are_the_outcomes_until_then(folder: Path) -> None:
    plays = read(folder)

    assert [play.outcome for play in plays.as_of(ZERO + 1).outcomes["a"]] == ["offered"]
    assert len(plays.as_of(ZERO + 2).outcomes["a"]) == 3
    assert plays.as_of(ZERO + 2).outcomes["b"] == ()


def test_outcomes_of_some_accounts_are_counted_up_to_the_end_of_a_day(folder: Path) -> None:
    plays = read(folder)

    assert plays.counted(["a", "b", "nobody"]) == {"declined": 1, "offered": 2, "reactivated": 1}
    assert plays.counted(["a"], until=ZERO + 1) == {"offered": 1}
    assert plays.counted(["a"], until=ZERO + 2) == {"offered": 2, "reactivated": 1}
    assert not plays.are_own, "a log tells of them"


def test_a_folder_without_the_files_is_noted(tmp_path: Path) -> None:
    plays = read(tmp_path)

    assert (plays.outcomes, plays.treatments, plays.last_day) == ({}, {}, None)
    assert [note.split(": ")[-1] for note in plays.notes] == [
        "no outcome of a play is known",
        "nobody counts as treated",
    ]
    assert read(tmp_path, RENEWALS_LOG[: RENEWALS_LOG.index("[targets.back]")]).notes == ()


@pytest.mark.parametrize(
    ("changed", "to", "named"),
    [
        ('at = "at"\noutcome', 'at = "when"\noutcome', "`at` of `[outcomes]`"),
        ('outcome = "what"', 'outcome = "result"', "`outcome` of `[outcomes]`"),
        ('start = "from"', 'start = "begin"', "`start` of `[treatments]`"),
        ('end = "to"', 'end = "until"', "`end` of `[treatments]`"),
    ],
)
def test_a_column_that_the_file_does_not_have_is_named(
    folder: Path, changed: str, to: str, named: str
) -> None:
    with pytest.raises(CliError) as caught:
        read(folder, RENEWALS_LOG.replace(changed, to))

    assert named in caught.value.message


@pytest.mark.parametrize(("file", "key"), [("outcomes", "at"), ("treatments", "end")])
def test_a_column_of_numbers_is_no_instant(folder: Path, file: str, key: str) -> None:
    (folder / f"{file}.csv").write_text(
        "org,at,what\na,7,x\n" if file == "outcomes" else "org,from,to\na,2024-01-01,7\n"
    )

    with pytest.raises(CliError, match=f"`{key}` names"):
        read(folder)


@pytest.mark.parametrize(
    ("first", "last", "expected"), [(1, 9, False), (1, 10, True), (12, 12, True), (13, 40, False)]
)
def test_a_treatment_overlaps_the_days_that_it_shares(first: int, last: int, expected: bool) -> None:
    assert Treatment(start=10, end=12).overlaps(first, last) is expected
    assert Treatment(start=10, end=None).overlaps(first, last) is (last >= 10)


def test_an_outcome_of_plays_needs_some(tmp_path: Path) -> None:
    folder = draw_log(tmp_path / "log", accounts=3)
    (folder / "outcomes.csv").unlink()
    mapping, material = read_material(str(tmp_path / "m.toml"), folder, bundled_config())

    assert "outcomes.csv" in material.notes[0]
    with pytest.raises(CliError, match="tells of no play"):
        dataset.build(mapping, material, mapping.targets["back"])


def test_the_outcome_of_a_play_is_evaluated_and_never_served(tmp_path: Path) -> None:
    mapping = load_mapping(draw_log(tmp_path / "log", accounts=1).parent / "m.toml")
    back = mapping.targets["back"]
    only = replace_targets(mapping, "back")

    assert dataset.choose_target(mapping, "churn", "back") == ("back", back)
    for name in ("churn", "upsell"):
        with pytest.raises(CliError, match="no target for"):
            dataset.choose_target(only, name, None)
        with pytest.raises(CliError) as caught:
            dataset.require_fitting(name, "back", back)
        assert f"`stemtide evaluate {name} --target back`" in caught.value.hint


def replace_targets(mapping: Mapping, *names: str) -> Mapping:

    return msgspec.structs.replace(mapping, targets={name: mapping.targets[name] for name in names})


def test_rows_are_treated_between_the_snapshot_and_the_day_at_whose_end_their_outcome_is_known(
    tmp_path: Path,
) -> None:

    folder = draw_log(tmp_path / "log")
    mapping, material = read_material(str(tmp_path / "m.toml"), folder, bundled_config())
    assert mapping.treatments is not None
    found = {}
    for treated in Treated:
        section = msgspec.structs.replace(mapping.treatments, treated=treated, weight=0.25)
        of = msgspec.structs.replace(mapping, treatments=section)
        found[treated] = dataset.build(of, material, mapping.targets["renewal"])
    rows = found[Treated.EXCLUDE]
    assert rows.known_on is not None
    assert rows.treated is not None

    expected = [
        any(
            day < d <= until
            for one in material.plays.treatments.get(account, ())
            for d in range(one.start, 20_000 if one.end is None else one.end + 1)
        )
        for account, day, until in zip(
            rows.accounts.tolist(), rows.day.tolist(), rows.known_on.tolist(), strict=True
        )
    ]
    assert 0 < sum(expected) < len(rows)
    assert rows.treated.tolist() == expected
    assert rows.n_treated == sum(expected)
    for treated, weight in ((Treated.EXCLUDE, 0.0), (Treated.WEIGHT, 0.25), (Treated.KEEP, 1.0)):
        assert found[treated].weight is not None
        np.testing.assert_array_equal(found[treated].weight, np.where(expected, weight, 1.0))
    assert len(rows.that_count()) == len(rows) - sum(expected)
    assert len(found[Treated.WEIGHT].that_count()) == len(rows)
    assert (rows.loss, replace(rows, treated=None).n_treated) == (True, 0)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(90, 100, False), (90, 101, True), (114, 120, True), (115, None, False), (114, None, True)],
)
def test_a_treatment_counts_from_the_day_after_the_snapshot_to_that_of_the_outcome(
    tmp_path: Path, start: int, end: int | None, expected: bool
) -> None:
    _, material = read_material(
        str(tmp_path / "m.toml"), draw_log(tmp_path / "log", accounts=1), bundled_config()
    )
    plays = Plays(outcomes={}, treatments={"a": (Treatment(start=start, end=end),)})
    rows = [
        dataset.LookedAt(
            day=100,
            account=account,
            outcomes=material.outcomes(account),
            known=material.outcomes_at(account, 100),
            known_on=114,
            is_observed=True,
        )
        for account in ("a", "b")
    ]

    found = dataset._treated(replace(material, plays=plays), rows)

    assert found.tolist() == [expected, False]


def test_without_the_section_nobody_is_treated(tmp_path: Path) -> None:
    folder = draw_log(tmp_path / "log", accounts=4)
    (tmp_path / "m.toml").write_text(RENEWALS_LOG[: RENEWALS_LOG.index("[treatments]")])
    mapping, material = read_material(str(tmp_path / "m.toml"), folder, bundled_config())

    rows = dataset.build(mapping, material, mapping.targets["back"])

    assert (rows.weight, rows.treated, rows.n_treated, rows.loss) == (None, None, 0, False)
    assert rows.that_count() is rows
