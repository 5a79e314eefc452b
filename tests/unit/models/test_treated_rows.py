"""Whose outcome somebody may have changed, how a row ends, and what rows say of themselves."""

from dataclasses import replace

import numpy as np
import pytest
from stemtide.config import bundled_config
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Events, Mapping
from stemtide_cli.mapping_training import Kind, Target

from models import dataset
from models.dataset import LookedAt
from models.material import Material
from models.plays import Plays, Treatment
from models.targets import BaseTerm, OfEnd, Outcomes, PlayOutcome
from tests.drawn_rows import drawn_rows

CHURN = Target(kind=Kind.SUBSCRIPTION_ENDED, horizon_days=30)
UPSELL = Target(kind=Kind.UPGRADED, horizon_days=30)
BACK = Target(kind=Kind.OUTCOME, horizon_days=30, outcome="back")
LOST = PlayOutcome(day=180, outcome="lost", of_end=OfEnd(ended=110, until=170, is_lost=True))
CAME_BACK = PlayOutcome(day=120, outcome="back")


def looked_at(*terms: BaseTerm, plays: tuple[PlayOutcome, ...] = ()) -> LookedAt:
    """Account `a` on day 100."""
    outcomes = Outcomes(active=np.empty(0, dtype=np.int64), terms=terms, plays=plays)
    return LookedAt(day=100, account="a", outcomes=outcomes, known=outcomes, known_on=130, is_observed=True)


def term(start: int, ends: int | None, tier: int = 1) -> BaseTerm:
    return BaseTerm(start=start, ends=ends, tier=tier)


def treated(row: LookedAt, *treatments: Treatment) -> bool:
    material = Material(
        config=bundled_config(),
        fingerprint="made",
        histories={},
        facts={},
        terms={},
        enrolments={},
        courses={},
        clocks={},
        first_day=0,
        last_day=200,
        last_term_start=None,
        plays=Plays(outcomes={}, treatments={"a": treatments}),
    )
    [found] = dataset._treated(material, [row]).tolist()
    return bool(found)


@pytest.mark.parametrize(
    ("answers_loss", "ends_badly", "expected"),
    [(False, False, True), (False, True, True), (True, False, True), (True, True, False)],
)
def test_what_was_done_because_an_account_left_has_not_made_it_leave(
    answers_loss: bool, ends_badly: bool, expected: bool
) -> None:
    during = Treatment(start=110, end=120, answers_loss=answers_loss)
    after = replace(during, start=131, end=140)

    row = replace(looked_at(), ends_badly=ends_badly)
    assert treated(row, during) is expected
    assert treated(row, after, during) is expected
    assert not treated(row, after)


def test_a_treatment_is_no_answer_to_a_loss_unless_it_says_so() -> None:
    assert treated(replace(looked_at(), ends_badly=True), Treatment(start=110, end=120))


@pytest.mark.parametrize(
    ("target", "row", "expected"),
    [
        (CHURN, looked_at(term(71, 110)), True),
        (CHURN, looked_at(term(71, None)), False),
        (UPSELL, looked_at(term(71, None)), True),
        (UPSELL, looked_at(term(71, 110), term(110, None, tier=2)), False),
        (BACK, looked_at(), True),
        (BACK, looked_at(plays=(CAME_BACK,)), False),
    ],
)
def test_who_leaves_or_neither_upgrades_nor_comes_back_ends_badly(
    target: Target, row: LookedAt, expected: bool
) -> None:
    assert not row.ends_badly, "it is not said before it is settled"
    assert row.settled(target).ends_badly is expected


def test_a_row_is_settled_when_a_play_has_decided_it() -> None:
    assert looked_at(term(71, 110)).settled(CHURN).known_on == 130
    assert looked_at(term(71, 110), term(150, None), plays=(LOST,)).settled(CHURN).known_on == 180


def test_the_base_rate_counts_rows_by_their_weight() -> None:
    rows = replace(drawn_rows(4), y=np.array([True, True, False, False]))

    assert rows.base_rate == 0.5
    assert replace(rows, weight=np.array([1.0, 0.5, 0.25, 0.25])).base_rate == 0.75
    assert np.isnan(rows.where(rows.day < 0).base_rate)


def test_rows_in_part_count_and_rows_without_weight_do_not() -> None:
    rows = replace(drawn_rows(4), weight=np.array([0.0, 0.1, 1.0, 2.0]))

    assert len(rows.that_count()) == 3
    assert rows.counts.tolist() == [0.0, 0.1, 1.0, 2.0]
    assert drawn_rows(4).counts.tolist() == [1.0] * 4


def test_a_mapping_without_targets_says_so() -> None:
    mapping = Mapping(events=Events(file="e", account="a", event="e", timestamp="t"))

    for wanted in (None, "churn"):
        with pytest.raises(CliError) as caught:
            dataset.choose_target(mapping, "churn", wanted)
        assert caught.value.hint.endswith("it has: none")
