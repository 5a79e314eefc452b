"""Whatever plays came to and however it is told, a training set holds what was known by its day."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide.calls import DAY_MS
from stemtide.config import bundled_config
from stemtide.config_schema import Config, Plan
from stemtide.config_training import ChurnIs, Reactivated, Training
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey, Outcome
from stemtide.plays.treated import Treated, by_label
from stemtide_cli.training_section import asked

from models.dataset import Dataset, build
from models.stack_material import Known, material_of
from models.train import day_text
from tests.customer_facts import subscription
from tests.played import label_of, retention, win_back
from tests.stack_knowledge import known_of, row

DAY, DAYS = 19_723, 120
ACCOUNTS = tuple(f"org-{number}" for number in range(4))
CONFIG: Config = msgspec.structs.replace(bundled_config(), plans=(Plan(name="pro", rank=1),))
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def at(day: int) -> str:
    return day_text(DAY + day) + "T12:00:00.000Z"


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    """Accounts that are active every tenth day, whose subscriptions end on days 30, 50, 70 and never; the
    second comes back on day 90."""
    facts = {name: [subscription("Started", f"s-{name}", at(0), plan="pro")] for name in ACCOUNTS}
    for number, name in enumerate(ACCOUNTS[:3]):
        facts[name].append(subscription("Ended", f"e-{name}", at(30 + 20 * number), plan="pro"))
    facts[ACCOUNTS[1]].append(subscription("Started", "again", at(90), plan="pro"))
    for day in (60, DAYS - 1):
        facts[ACCOUNTS[3]].append(subscription("Changed", f"c-{day}", at(day), plan="pro", mrr=day))
    rows = [row(name, DAY + day, {"Opened": 1}) for name in ACCOUNTS for day in range(0, DAYS, 10)]
    with known_of(rows, facts, CONFIG) as found:
        yield found


@st.composite
def labels(draw: st.DrawFn) -> Label:
    account, journey = draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from(Journey))
    began = draw(st.integers(20, 80))
    came = began + draw(st.integers(1, 40))
    halted = draw(st.none() | st.integers(began, came))
    make, outcomes = {
        Journey.WIN_BACK: (win_back, [Outcome.REACTIVATED, Outcome.LOST]),
        Journey.RETENTION: (retention, [Outcome.SAVED, Outcome.CHURNED]),
    }[journey]
    play = make(account, began_ms=(DAY + began) * DAY_MS, held_out=draw(st.booleans()))
    return label_of(
        play,
        draw(st.sampled_from(outcomes)),
        (DAY + came) * DAY_MS,
        (DAY + came + draw(st.integers(0, 30))) * DAY_MS,
        treatments=draw(st.integers(0, 2)),
        halted_ms=None if halted is None else (DAY + halted) * DAY_MS,
    )


SEVERAL = st.lists(labels(), max_size=6, unique_by=lambda label: label.play)
SECTIONS = st.builds(
    Training,
    every_days=st.just(5),
    first_day=st.just(0),
    horizon_days=st.sampled_from([10, 30]),
    churn=st.sampled_from(ChurnIs),
    reactivated=st.sampled_from(Reactivated),
)


def rows_of(
    known: Known, told: list[Label], section: Training, day: int, *, treated: list[Treated] | None = None
) -> Dataset:
    """The rows as of the end of a day, with the treatments that labels tell of unless they are given."""
    by = [one for one in map(by_label, told) if one is not None] if treated is None else treated
    config = msgspec.structs.replace(CONFIG, training=section)
    material = material_of(replace(known, labels=told, treated=by, config=config), as_of_day=DAY + day)
    questions = asked(section)
    return build(questions, material, questions.targets["churn"])


def assert_same(ours: Dataset, theirs: Dataset) -> None:
    for name in ("accounts", "day", "y", "weight", "treated"):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist(), name
    assert ours.outcome_days().tolist() == theirs.outcome_days().tolist()
    assert ours.x.tobytes() == theirs.x.tobytes()
    assert ours.censored == theirs.censored


@SOME
@given(told=SEVERAL, section=SECTIONS, day=st.integers(0, 150))
def test_no_label_that_became_known_later_changes_a_training_set(
    known: Known, told: list[Label], section: Training, day: int
) -> None:
    treated = [one for one in map(by_label, told) if one is not None]
    before = [one for one in told if one.known_ms < (DAY + day + 1) * DAY_MS]

    ours = rows_of(known, told, section, day, treated=treated)

    assert_same(ours, rows_of(known, before, section, day, treated=treated))
    assert (ours.outcome_days() <= DAY + max(day, DAYS)).all()


@SOME
@given(told=SEVERAL.filter(bool), section=SECTIONS, late=st.integers(1, 20), data=st.data())
def test_labels_that_are_told_late_twice_or_in_another_order_change_nothing(
    known: Known, told: list[Label], section: Training, late: int, data: st.DataObject
) -> None:
    again = [
        msgspec.structs.replace(one, known_ms=one.known_ms + late * DAY_MS, outcome=Outcome.LOST)
        for one in data.draw(st.lists(st.sampled_from(told), max_size=3))
    ]
    told_anyhow = data.draw(st.permutations([*told, *told, *again]))
    treated = [one for one in map(by_label, told) if one is not None]

    ours = rows_of(known, list(told_anyhow), section, DAYS, treated=treated[::-1])

    assert_same(ours, rows_of(known, told, section, DAYS, treated=treated))


@SOME
@given(one=labels(), section=SECTIONS)
def test_the_day_before_a_label_is_known_a_training_set_is_the_one_without_it(
    known: Known, one: Label, section: Training
) -> None:
    day = one.known_ms // DAY_MS - DAY - 1
    by = [found for found in (by_label(one),) if found is not None]

    assert_same(rows_of(known, [one], section, day, treated=by), rows_of(known, [], section, day, treated=by))
