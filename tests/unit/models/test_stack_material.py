"""Material from a stack's day rows and facts: that of the equivalent log, and what only a stack can know."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from stemtide import facts as facts_module
from stemtide.as_of import day_index
from stemtide.calls import DAY_MS
from stemtide.config import bundled_config
from stemtide.config_schema import Plan
from stemtide.config_training import ChurnIs, Training
from stemtide.facts import Fact, standing_at
from stemtide.features import kernel
from stemtide.features.usage_at import usage_at
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Mapping
from stemtide_cli.training_section import Asked, asked

from models import material as material_module
from models.base_terms import reporting_lag
from models.dataset import Dataset, build
from models.leakage import Origin, require_no_hindsight
from models.material import Material, read_material
from models.stack_material import Known, material_of
from models.train import day_text
from tests.customer_facts import subscription
from tests.stack_knowledge import events_of, known_of, row, rows_of
from tests.training_logs import FIRST, draw_log

CONFIG = msgspec.structs.replace(
    bundled_config(),
    plans=tuple(Plan(name=f"plan_{months}", rank=months) for months in (1, 2, 6)),
    training=Training(every_days=9, first_day=20),
)
DAY = day_index(FIRST)
LATER = DAY + 400


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping, Material]:
    folder = draw_log(tmp_path_factory.mktemp("stack") / "log")
    mapping = folder.parent / "m.toml"
    tiers = 'tiers = ["plan_1", "plan_2", "plan_6"]\naddons = ["extra"]'
    upsell = '[targets.upsell]\nkind = "upgraded"\nhorizon_days = 30\n'
    mapping.write_text(mapping.read_text().replace('addons = ["extra"]', tiers) + upsell)
    return folder, *read_material(str(mapping), folder, CONFIG, as_configured=True)


@pytest.fixture(scope="module")
def known(log: tuple[Path, Mapping, Material]) -> Iterator[Known]:
    folder, _, material = log
    rows = rows_of(events_of(folder / "events.csv"), CONFIG)
    with known_of(rows, material.facts, CONFIG) as found:
        yield found


@pytest.mark.parametrize("target", ["churn", "renewal", "silent", "upsell"])
def test_rows_labels_and_features_are_those_of_the_equivalent_log(
    log: tuple[Path, Mapping, Material], known: Known, target: str
) -> None:
    _, mapping, of_log = log
    questions = msgspec.structs.replace(mapping, treatments=None)
    wanted = mapping.targets[target]

    theirs = build(questions, of_log, wanted)
    ours = build(questions, material_of(known, as_of_day=LATER), wanted)

    assert 2 < ours.positives < len(ours)
    assert_same(ours, theirs)


def assert_same(ours: Dataset, theirs: Dataset) -> None:
    assert ours.names == theirs.names
    assert ours.accounts.tolist() == theirs.accounts.tolist()
    assert ours.day.tolist() == theirs.day.tolist()
    assert ours.y.tolist() == theirs.y.tolist()
    assert ours.outcome_days().tolist() == theirs.outcome_days().tolist()
    assert ours.censored == theirs.censored
    assert ours.x.tobytes() == theirs.x.tobytes()


def test_the_same_knowledge_has_the_same_fingerprint_and_another_another(known: Known) -> None:
    whole = material_of(known, as_of_day=LATER).fingerprint

    assert material_of(known, as_of_day=LATER).fingerprint == whole
    assert material_of(known, as_of_day=DAY + 100).fingerprint != whole
    fewer = replace(known, facts=dict(list(known.facts.items())[1:]))
    assert material_of(fewer, as_of_day=LATER).fingerprint != whole


def questions_of(kind: ChurnIs = ChurnIs.SUBSCRIPTION_ENDED) -> Asked:
    return asked(msgspec.structs.replace(CONFIG.training, churn=kind))


def check(known: Known, questions: Asked, *, days: int = 1) -> tuple[int, ...]:
    """The gate on what the stack knows."""
    material, target = material_of(known, as_of_day=LATER), questions.targets["churn"]
    origin = Origin(
        questions=questions,
        material=material,
        target=target,
        as_of=lambda day: material_of(known, as_of_day=day),
    )
    return require_no_hindsight(build(questions, material, target), origin, seed=3, days=days)


@pytest.mark.parametrize("kind", ChurnIs)
def test_an_honest_stack_passes_the_gate(known: Known, kind: ChurnIs) -> None:
    assert len(check(known, questions_of(kind))) == 1


def test_a_kernel_that_counts_later_days_is_caught(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "usage_at", lambda history, day: usage_at(history, day + 3))

    with pytest.raises(CliError, match="features look past the snapshot 2024-"):
        check(known, questions_of())


def test_facts_that_were_not_known_yet_are_caught(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = facts_module.known_facts
    monkeypatch.setattr(
        facts_module, "known_facts", lambda told, as_of_ms: honest(told, as_of_ms + 60 * DAY_MS)
    )

    with pytest.raises(CliError, match="nothing was trained"):
        check(known, questions_of())


def test_a_standing_of_a_later_day_is_caught(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        material_module, "standing_at", lambda told, at_ms: standing_at(told, at_ms + 40 * DAY_MS)
    )

    with pytest.raises(CliError, match="features look past"):
        check(known, questions_of())


def test_a_population_by_terms_that_became_known_later_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Material, "outcomes_at", lambda self, account, day: self.outcomes(account))

    with stack(late_end()) as told, pytest.raises(CliError, match="who is looked at"):
        check(told, asked(Training(every_days=30, first_day=55, horizon_days=10)), days=2)


EVERY_DAY = asked(Training(every_days=1, first_day=0, horizon_days=10))


def at(day: int) -> str:
    """Noon of a day after the first."""
    return day_text(DAY + day) + "T12:00:00.000Z"


@contextmanager
def stack(facts: list[Fact], *, account: str = "acme") -> Iterator[Known]:
    """An account that is active daily for 120 days, beside one whose terms are heard of to the end."""
    other = [
        subscription("Started", "o-1", at(0), plan="plan_1"),
        subscription("Changed", "o-2", at(119), plan="plan_1", mrr=9),
    ]
    rows = [row(name, DAY + day, {"Opened": 1}) for name in (account, "other") for day in range(120)]
    with known_of(rows, {account: facts, "other": other}, CONFIG) as known:
        yield known


def late_end() -> list[Fact]:
    """A plan that ended on day 50, which became known on day 60."""
    return [
        subscription("Started", "1", at(5), plan="plan_1"),
        subscription("Ended", "2", at(50), at(60), plan="plan_1"),
    ]


def labels_of(known: Known, questions: Asked = EVERY_DAY, target: str = "churn") -> dict[int, bool]:
    rows = build(questions, material_of(known, as_of_day=LATER), questions.targets[target])
    mine = rows.where(rows.accounts == "acme")
    return dict(zip((mine.day - DAY).tolist(), mine.y.tolist(), strict=True))


def test_who_is_looked_at_follows_from_what_was_known_then() -> None:
    with stack(late_end()) as known:
        labels = labels_of(known)
        assert check(known, asked(Training(every_days=30, first_day=55, horizon_days=10)), days=2)

    assert sorted(labels) == list(range(5, 60))
    assert [day for day, label in labels.items() if label] == list(range(40, 60))


def test_a_start_that_became_known_later_makes_nobody_a_customer_before() -> None:
    with stack([subscription("Started", "1", at(5), at(30), plan="plan_1")]) as known:
        assert min(labels_of(known)) == 30


def test_a_change_amid_the_period_is_no_renewal_but_may_be_an_upgrade() -> None:
    facts = [
        subscription("Started", "1", at(5), plan="plan_1", term_start=at(5), term_months=2),
        subscription("Changed", "2", at(30), plan="plan_2"),
    ]
    section = Training(every_days=1, first_day=0, horizon_days=20, churn=ChurnIs.NOT_RENEWED)

    with stack(facts) as known:
        churn = labels_of(known, asked(section))
        upsell = labels_of(known, asked(section), "upsell")

    end = 5 + 60  # 6 January and two calendar months: 6 March
    assert churn == dict.fromkeys(range(end - 20, end), True)
    assert [day for day, label in upsell.items() if label] == list(range(10, 30))


def test_a_renewal_in_time_is_one_whatever_changed_before() -> None:
    facts = [
        subscription("Started", "1", at(5), plan="plan_1", term_start=at(5), term_months=2),
        subscription("Changed", "2", at(30), plan="plan_1", mrr=5),
        subscription("Changed", "3", at(66), plan="plan_1", term_start=at(66), term_months=2),
    ]
    section = Training(every_days=1, first_day=0, horizon_days=20, churn=ChurnIs.NOT_RENEWED)

    with stack(facts) as known:
        churn = labels_of(known, asked(section))

    assert not any(churn[day] for day in range(45, 65))


def test_an_agreed_end_is_known_before_it_comes() -> None:
    facts = [
        subscription("Started", "1", at(5), plan="plan_1"),
        subscription("Ended", "2", at(50), at(40), plan="plan_1"),
    ]
    with stack(facts) as known:
        material = material_of(known, as_of_day=LATER)
        labels = labels_of(known)

    assert material.outcomes_at("acme", DAY + 39).terms[-1].ends is None
    assert material.outcomes_at("acme", DAY + 40).terms[-1].ends == DAY + 50
    assert [day for day, label in labels.items() if label] == list(range(40, 50))


def test_a_plan_that_runs_beside_another_goes_on_when_that_ends() -> None:
    facts = [
        subscription("Started", "1", at(5), plan="plan_1"),
        subscription("Started", "2", at(20), plan="plan_6", term_start=at(20), term_months=1),
        subscription("Started", "3", at(25), plan="seats", addon=True),
    ]
    with stack(facts) as known:
        terms = material_of(known, as_of_day=LATER).terms["acme"]
        labels = labels_of(known)

    assert [(one.start - DAY, one.tier) for one in terms] == [(5, 0), (20, 2), (51, 0)]
    assert not any(labels.values())
    assert max(labels) == 109


def test_nothing_that_came_or_became_known_after_the_day_is_in_the_material() -> None:
    with stack(late_end()) as known:
        material = material_of(known, as_of_day=DAY + 55)

    assert material.last_day == DAY + 55
    assert material.last_term_start == DAY + 5
    assert int(material.histories["acme"].days[-1]) == DAY + 55
    assert material.terms["acme"][-1].ends is None
    assert [fact.kind for fact in material.facts["acme"]] == ["started"]


def test_a_stack_that_knows_nothing_has_no_accounts() -> None:
    with known_of([], {}, CONFIG) as known:
        material = material_of(known, as_of_day=DAY)

    assert material.accounts == ()
    assert material.last_term_start is None


def test_what_may_not_be_told_yet_is_no_sign_that_nobody_left() -> None:
    """Cancellations are told 15 days late: that of day 105 is not known on day 119."""
    facts = {
        "acme": [
            subscription("Started", "1", at(5), plan="plan_1"),
            subscription("Ended", "2", at(105), at(120), plan="plan_1"),
        ],
        "before": [
            subscription("Started", "3", at(5), plan="plan_1"),
            subscription("Ended", "4", at(40), at(55), plan="plan_1"),
        ],
        "other": [
            subscription("Started", "5", at(0), plan="plan_1"),
            subscription("Changed", "6", at(119), plan="plan_1", mrr=9),
        ],
    }
    rows = [row(name, DAY + day, {"Opened": 1}) for name in facts for day in range(120)]
    target = EVERY_DAY.targets["churn"]
    with known_of(rows, facts, CONFIG) as known:
        then = build(EVERY_DAY, material_of(known, as_of_day=DAY + 119), target)
        later = build(EVERY_DAY, material_of(known, as_of_day=LATER), target)

    truth = {(a, d): y for a, d, y in zip(later.accounts, later.day, later.y, strict=True)}
    assert int(then.day.max()) - DAY == 119 - 15 - 10
    assert all(truth[a, d] == y for a, d, y in zip(then.accounts, then.day, then.y, strict=True))


@pytest.mark.parametrize(("late", "lag"), [(1, 0), (2, 30)])
def test_the_lag_is_that_of_nearly_all_events_of_the_kind_that_takes_the_longest(late: int, lag: int) -> None:
    facts = [subscription("Changed", f"c-{n}", at(100), plan="plan_1") for n in range(500)]
    facts += [subscription("Ended", f"e-{n}", at(100), at(130 if n < late else 100)) for n in range(20)]
    facts += [subscription("Ended", "of-old", at(100 - 181), at(101))]

    assert reporting_lag(facts, heard=DAY + 100) == lag
    assert reporting_lag([], heard=DAY) == 0
