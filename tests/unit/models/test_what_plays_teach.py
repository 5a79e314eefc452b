"""What plays say of ends of subscriptions: who came back has not left, who was lost has, once it is known."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from stemtide.calls import DAY_MS
from stemtide.config import bundled_config
from stemtide.config_schema import Config, Plan
from stemtide.config_training import ChurnIs, Reactivated, Training, Treated
from stemtide.dunning.ledger import Entry, Kind
from stemtide.facts import Fact
from stemtide.plays.labels import Label
from stemtide.plays.play import Outcome, Play
from stemtide.plays.treated import Treated as TreatedBy
from stemtide.plays.treated import by_label, by_ledger
from stemtide_cli.training_section import asked

from models.dataset import Dataset, build
from models.played import known_labels, plays_of
from models.stack_material import Known, material_of
from models.train import day_text
from tests.customer_facts import subscription
from tests.played import label_of, mailed, offered, retention, win_back
from tests.stack_knowledge import known_of, row

DAY = 19_723
"""1 January 2024."""
ENDED = 50
LATER = DAY + 400
HORIZON = 10


def config(**training: Any) -> Config:
    section = Training(every_days=1, first_day=0, horizon_days=HORIZON, **training)
    plans = (Plan(name="pro", rank=1), Plan(name="max", rank=2))
    return msgspec.structs.replace(bundled_config(), plans=plans, training=section)


def ms(day: float) -> int:
    return round((DAY + day) * DAY_MS)


def at(day: int) -> str:
    return day_text(DAY + day) + "T12:00:00.000Z"


def play(**more: Any) -> Play:
    """About the subscription of `acme` that ended on day 50."""
    return win_back("acme", began_ms=ms(ENDED), **more)


def label(outcome: Outcome, day: float, *, known: float | None = None, **more: Any) -> Label:
    return label_of(play(), outcome, ms(day), ms(day if known is None else known), **more)


ENDS = [
    subscription("Started", "1", at(5), plan="pro"),
    subscription("Ended", "2", at(ENDED), plan="pro"),
]
BACK = [*ENDS, subscription("Started", "3", at(120), plan="pro")]
"""It came back much later, after its play was over."""


def labels_of(
    *labels: Label,
    facts: list[Fact] = ENDS,
    spans: tuple[TreatedBy, ...] = (),
    as_of: int = LATER,
    **training: Any,
) -> Dataset:
    """The rows of `acme`, by day after the first."""
    told = config(**training)
    other = [
        subscription("Changed" if day else "Started", f"o-{day}", at(day), plan="pro", mrr=day)
        for day in (0, 124, 125, 139)
    ]
    rows = [row(name, DAY + day, {"Opened": 1}) for name in ("acme", "other") for day in range(140)]
    with known_of(rows, {"acme": facts, "other": other}, told) as known:
        material = material_of(replace(known, labels=labels, treated=spans), as_of_day=as_of)
    questions = asked(told.training)
    found = build(questions, material, questions.targets["churn"])
    own = found.where(found.accounts == "acme")
    return replace(own, day=own.day - DAY, known_on=own.outcome_days() - DAY)


def churned(rows: Dataset) -> list[int]:
    """The snapshots at which it was about to leave."""
    found: list[int] = rows.day[rows.y].tolist()
    return found


ABOUT_TO_LEAVE = list(range(ENDED - HORIZON, ENDED))


def test_without_labels_the_facts_say_who_left() -> None:
    assert churned(labels_of()) == ABOUT_TO_LEAVE
    assert churned(labels_of(facts=BACK)) == []


def test_who_came_back_within_the_time_of_its_play_has_not_left_though_no_fact_tells_of_it() -> None:
    rows = labels_of(label(Outcome.REACTIVATED, 70))

    assert churned(rows) == []
    assert rows.day.tolist() == list(range(5, ENDED))


def test_or_has_left_all_the_same_where_the_configuration_says_so() -> None:
    rows = labels_of(label(Outcome.REACTIVATED, 70), facts=BACK, reactivated=Reactivated.LEFT)

    assert churned(rows) == ABOUT_TO_LEAVE


def test_who_was_lost_has_left_whatever_came_later() -> None:
    assert churned(labels_of(label(Outcome.LOST, 110), facts=BACK)) == ABOUT_TO_LEAVE


@pytest.mark.parametrize(("outcome", "facts"), [(Outcome.REACTIVATED, ENDS), (Outcome.LOST, BACK)])
def test_before_a_label_is_known_a_row_counts_as_the_facts_say(outcome: Outcome, facts: list[Fact]) -> None:
    told = label(outcome, 70, known=125)

    day_before = labels_of(told, facts=facts, as_of=DAY + 124)
    on_the_day = labels_of(told, facts=facts, as_of=DAY + 125)

    assert churned(day_before) == churned(labels_of(facts=facts))
    assert churned(on_the_day) != churned(labels_of(facts=facts))


def test_a_row_that_a_label_changed_is_known_on_the_day_of_the_label_and_others_when_they_were() -> None:
    rows = labels_of(label(Outcome.REACTIVATED, 70, known=72))
    lost = labels_of(label(Outcome.LOST, 110))

    until = dict(zip(rows.day.tolist(), rows.outcome_days().tolist(), strict=True))
    assert [until[day] for day in (38, 39, 40, 49)] == [48, 49, 72, 72]
    assert lost.outcome_days().tolist() == (lost.day + HORIZON).tolist()


def test_a_play_says_nothing_of_an_end_that_comes_after_the_return() -> None:
    """It came back on day 70 and ended the subscription itself on day 100."""
    facts = [
        *ENDS,
        subscription("Started", "3", at(70), plan="pro"),
        subscription("Ended", "4", at(100), plan="pro"),
    ]

    assert churned(labels_of(label(Outcome.REACTIVATED, 70), facts=facts)) == list(range(90, 100))


def test_who_was_lost_once_is_not_lost_again_by_that_when_it_has_subscribed_anew() -> None:
    rows = labels_of(label(Outcome.LOST, 110), facts=BACK)

    assert max(churned(rows)) < ENDED
    assert rows.day.max() > 120


def test_a_loss_that_was_not_known_at_the_snapshot_is_one_for_whoever_looked() -> None:
    late = [ENDS[0], subscription("Ended", "2", at(ENDED), at(55), plan="pro")]

    assert churned(labels_of(label(Outcome.LOST, 110), facts=[*late, BACK[2]])) == list(
        range(ENDED - HORIZON, 55)
    )


TERM = [subscription("Started", "1", at(19), plan="pro", term_start=at(19), term_months=1)]
"""Runs out on day 50 (19 February 2024)."""


@pytest.mark.parametrize(
    ("outcome", "renewed", "expected"),
    [
        (None, None, True),
        (Outcome.LOST, None, True),
        (Outcome.REACTIVATED, None, False),
        (None, 52, False),
        (Outcome.LOST, 52, True),
        (Outcome.REACTIVATED, 52, False),
    ],
)
def test_a_renewal_that_was_never_paid_is_none_and_who_came_back_has_renewed(
    outcome: Outcome | None, renewed: int | None, expected: bool
) -> None:
    more = [] if renewed is None else [subscription("Started", "2", at(renewed), plan="pro")]
    told = () if outcome is None else (label_of(win_back("acme", began_ms=ms(56)), outcome, ms(90)),)

    rows = labels_of(*told, facts=[*TERM, *more], churn=ChurnIs.NOT_RENEWED, grace_days=10)

    assert dict(zip(rows.day.tolist(), rows.y.tolist(), strict=True))[45] is expected


def test_a_label_that_is_told_twice_or_late_is_the_one_that_was_told_first() -> None:
    first = label(Outcome.REACTIVATED, 70, known=71)
    late = label(Outcome.LOST, 110, known=111)

    assert known_labels([late, first, first], as_of_day=LATER) == [first]
    assert known_labels([late, first], as_of_day=DAY + 70) == []
    assert churned(labels_of(late, first, first)) == churned(labels_of(first))


def retained(outcome: Outcome, day: int, **more: Any) -> Label:
    return label_of(retention("acme", began_ms=ms(20)), outcome, ms(day), treatments=2, **more)


def treated_days(*labels: Label, facts: list[Fact] = ENDS, **training: Any) -> list[int]:
    spans = tuple(one for one in map(by_label, labels) if one is not None)
    rows = labels_of(*labels, facts=facts, spans=spans, **training)
    assert rows.treated is not None
    found: list[int] = rows.day[rows.treated].tolist()
    return found


def test_rows_of_accounts_at_risk_are_left_out_while_something_is_done_about_them() -> None:
    assert treated_days(retained(Outcome.SAVED, 30)) == list(range(20 - HORIZON, 30))
    assert treated_days(retained(Outcome.SAVED, 30, halted_ms=ms(22))) == list(range(20 - HORIZON, 22))
    assert treated_days(retained(Outcome.SAVED, 30, held_out=True)) == []


def test_who_was_lost_in_spite_of_a_win_back_stays_in_the_fit_and_who_came_back_by_it_does_not() -> None:
    """The play began because it had left: leaving those rows out would leave out whoever left."""
    lost, back = label(Outcome.LOST, 110, treatments=3), label(Outcome.REACTIVATED, 70, treatments=3)

    assert treated_days(lost) == []
    assert treated_days(back) == ABOUT_TO_LEAVE
    assert treated_days(label(Outcome.REACTIVATED, 70, held_out=True)) == []
    assert treated_days(back, reactivated=Reactivated.LEFT) == []


@pytest.mark.parametrize(("treated", "weight"), [("exclude", 0.0), ("weight", 0.25), ("keep", 1.0)])
def test_treated_rows_count_as_the_configuration_says(treated: str, weight: float) -> None:
    saved = retained(Outcome.SAVED, 30)
    by = by_label(saved)
    assert by is not None

    rows = labels_of(saved, spans=(by,), treated=Treated(treated), treated_weight=0.25)

    assert rows.weight is not None
    assert set(rows.weight[rows.day < 10].tolist()) == {1.0}
    assert set(rows.weight[(rows.day >= 10) & (rows.day < 30)].tolist()) == {weight}


def test_a_play_whose_outcome_is_not_known_yet_treats_all_the_same() -> None:
    running = retention("acme", began_ms=ms(20))
    first = Entry(seq=1, at_ms=ms(20), kind=Kind.OPENED)
    span = by_ledger(running, [first, mailed(2, ms(21))])
    assert span is not None

    rows = labels_of(spans=(span,))

    assert rows.treated is not None
    assert rows.day[rows.treated].tolist() == list(range(20 - HORIZON, ENDED))


def test_nothing_that_was_done_is_no_treatment() -> None:
    first = Entry(seq=1, at_ms=ms(20), kind=Kind.OPENED)
    withheld = Entry(seq=2, at_ms=ms(20), kind=Kind.OFFER_WITHHELD)

    assert by_ledger(play(), [first, withheld]) is None
    assert by_ledger(play(held_out=True), [first, mailed(2, ms(51))]) is None
    assert by_ledger(play(), [first, *offered(2, ms(51))]) is not None
    assert by_label(label(Outcome.LOST, 110)) is None
    assert by_label(label(Outcome.LOST, 110, percent=20, months=3)) is not None


def test_what_was_done_later_is_not_known_before() -> None:
    span = TreatedBy("acme", play().journey, ms(60), ms(80))
    of = {"reactivated": Reactivated.STAYED}

    assert plays_of([], [span], as_of_day=DAY + 59, **of).treatments == {}
    [before] = plays_of([], [span], as_of_day=DAY + 70, **of).treatments["acme"]
    [after] = plays_of([], [span], as_of_day=DAY + 80, **of).treatments["acme"]
    assert (before.start, before.end, after.end) == (DAY + 60, None, DAY + 80)


def test_outcomes_are_counted_by_the_day_on_which_they_were_known() -> None:
    told = [label(Outcome.REACTIVATED, 70), label_of(win_back("beta", ms(50)), Outcome.LOST, ms(110))]
    plays = plays_of(told, [], as_of_day=LATER, reactivated=Reactivated.STAYED)

    assert plays.counted(["acme", "beta"]) == {"lost": 1, "reactivated": 1}
    assert plays.counted(["acme", "beta"], until=DAY + 109) == {"reactivated": 1}
    assert plays.counted(["acme", "nobody"]) == {"reactivated": 1}


def test_the_fingerprint_tells_whether_a_label_was_known() -> None:
    told = config()
    with known_of([row("acme", DAY, {"Opened": 1})], {"acme": ENDS}, told) as known:
        with_label: Known = replace(known, labels=(label(Outcome.LOST, 110),))
        prints = [
            material_of(one, as_of_day=DAY + day).fingerprint
            for one in (known, with_label)
            for day in (109, 110)
        ]

    assert prints[0] == prints[1] == prints[2] != prints[3]
