"""What a log tells of a product: its parts by whatever its events are called, and the plans it has sold."""

import csv
import random
import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.calls import RESERVED_PREFIX
from stemtide.config_schema import Company, Config, Events, Group, Plan
from stemtide.features.configured_features import Shape
from stemtide.features.registry import registry
from stemtide.limits import MAX_EVENT_NAME_CHARS

from models import log_config
from models.log_config import COMMON_SHARE, MAX_PARTS, NAME_CHARS, part_name
from models.material import read_material
from tests.training_logs import CHURN_LOG

CONFIG = Config(company=Company(name="made", time_zone="UTC", currency="EUR"))
FIRST = date(2024, 1, 1)
TIERS = 'mrr = "mrr"\ncurrency = "USD"\ndiscount = "off"\naddons = ["extra"]\ntiers = ["basic*", "pro*"]'
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
HOSTILE = [
    *(
        "Report Opened",
        "report-opened",
        "REPORT_OPENED!",
        "*",
        "?",
        "[",
        "[a-z]",
        "]",
        "[!x]",
        "a*b?c[d",
        "\\",
    ),
    *("Übersicht geöffnet", "表示", "отчёт", "naïve", "naive", "ß", "😀", "7 days", "  ", "_", "__init__"),
    *("x" * 40, "x" * 41, "x" * 90, "y" * MAX_EVENT_NAME_CHARS, "*" * 60, "line\nbreak", "tab\tbed", "a|b"),
    *("'quoted'", '"double"', "a,b", "%s", "{}", "(", "a+b", "^a$", ".*", "Subscriptions", "NPS"),
]


def parts_of(events: Iterable[str], config: Config = CONFIG) -> tuple[Group, ...]:
    return log_config._with_parts(config, events).events.features


def test_every_event_is_of_its_own_part_and_of_no_other() -> None:
    events = sorted(HOSTILE)

    groups = parts_of(events[:30]), parts_of(events[30:])

    for names, own in ((events[:30], groups[0]), (events[30:], groups[1])):
        told = Events(features=own)
        fitting = [name for name in names if len(re.sub(r"[*?\[]", "[_]", name)) <= MAX_EVENT_NAME_CHARS]
        assert [told.parts(name) for name in fitting] == [(place,) for place in range(len(fitting))]
        assert len(own) == len(fitting)


def test_a_pattern_that_would_be_too_long_is_no_part() -> None:
    """Each star is three characters of a pattern."""
    assert [len(group.events[0]) for group in parts_of(["*" * 42, "*" * 43, "y" * 128])] == [126, 128]
    assert parts_of([""]) == ()


def test_what_differs_by_case_alone_is_one_part() -> None:
    """Patterns ignore case: as two parts, either would count the events of both."""
    groups = parts_of(["Report", "REPORT", "report", "Straße", "STRASSE", "Reports"])

    told = Events(features=groups)
    assert len(groups) == 3
    assert [told.parts(name) for name in ("Report", "rePort", "straße", "Strasse", "reports")] == [
        (0,),
        (0,),
        (1,),
        (1,),
        (2,),
    ]


def test_the_groups_are_as_a_configuration_may_have_them() -> None:
    events = msgspec.convert(msgspec.to_builtins(Events(features=parts_of(sorted(HOSTILE)[:30]))), Events)

    names = registry(Shape.of(events)).names
    assert len(set(names)) == len(names)


@given(st.lists(st.text(max_size=60), max_size=12))
def test_names_are_unlike_and_as_the_schema_wants_them(events: list[str]) -> None:
    taken: list[str] = []
    for event in events:
        taken.append(part_name(event, taken))

    assert len(set(taken)) == len(events)
    assert all(NAME.fullmatch(name) for name in taken)


def test_names_say_what_the_events_are_called() -> None:
    assert part_name("Report Opened", ()) == "report_opened"
    assert part_name("  report--OPENED! ", ()) == "report_opened"
    assert part_name("7 days", ()) == "event_7_days"
    assert part_name("表示", ()) == "event"
    assert part_name("Straße", ()) == "strasse"
    assert part_name("a", ("a", "a_2")) == "a_3"
    assert part_name("x" * 90, ()) == "x" * NAME_CHARS
    assert part_name("x" * 90, ("x" * 40,)) == "x" * 38 + "_2"
    assert part_name("x" * 90, ("x" * 40, *("x" * 38 + f"_{n}" for n in range(2, 10)))) == "x" * 37 + "_10"


def read(
    folder: Path,
    events: Iterable[tuple[str, str, int]],
    terms: Iterable[str] = (),
    *,
    config: Config = CONFIG,
    tiers: str = TIERS,
    until: int | None = None,
    as_configured: bool = False,
) -> Config:
    """The configuration by a log of events (account, name, day) and terms."""
    made = folder / "log"
    made.mkdir(parents=True, exist_ok=True)
    (folder / "m.toml").write_text(CHURN_LOG.format(subscriptions=tiers, every_days=7, first_day=0))
    with (made / "events.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["org", "who", "what", "at"])
        rows.writerows(
            [org, "u1", what, f"{FIRST + timedelta(days=day)}T10:00:00Z"] for org, what, day in events
        )
    (made / "terms.csv").write_text("\n".join(["org,product,start,months,mrr,off", *terms]) + "\n")
    last = None if until is None else (FIRST - date(1970, 1, 1)).days + until
    _, material = read_material(str(folder / "m.toml"), made, config, until=last, as_configured=as_configured)
    return material.config


def names(config: Config) -> list[str]:
    return [group.name for group in config.events.features]


def common(event: str, accounts: int, day: int = 1) -> list[tuple[str, str, int]]:
    return [(f"org-{i:02}", event, day) for i in range(accounts)]


def test_parts_are_what_a_twentieth_of_the_accounts_does(tmp_path: Path) -> None:
    assert COMMON_SHARE == 0.05
    rows = [*common("Opened", 40), *common("Enough", 2), *common("Rare", 1) * 30, *common("Rarely", 1)]
    rows += [("org-00", "Mixed Case", 1), ("org-01", "mixed case", 1)]

    found = read(tmp_path, rows)

    assert names(found) == ["enough", "mixed_case", "opened"]
    assert found.events.parts("MIXED CASE") == (1,)


def test_what_systems_tell_and_what_cannot_be_sent_is_no_part(tmp_path: Path) -> None:
    told = [f"{prefix}Something" for prefix in RESERVED_PREFIX] + ["group"]
    rows = [row for event in (*told, "Opened", "") for row in common(event, 10)]
    rows += [("not an account!", "Opened Elsewhere", 1)] * 5

    assert names(read(tmp_path, rows)) == ["opened"]


def test_the_most_common_of_too_many_are_parts(tmp_path: Path) -> None:
    rows = [row for n in range(MAX_PARTS + 5) for row in common(f"Event {n:02}", 40 - n)]

    assert names(read(tmp_path, rows)) == [f"event_{n:02}" for n in range(MAX_PARTS)]


def test_what_came_later_is_not_known_yet(tmp_path: Path) -> None:
    rows = [*common("Opened", 10), *common("Launched", 10, 50), *common("Opened", 10, 100)]
    terms = ["org-00,basic,2024-01-02,1,10,0", "org-01,pro,2024-02-20,1,30,0"]

    before = read(tmp_path, rows, terms, until=49)
    at_the_day = read(tmp_path, rows, terms, until=50)
    by_default = read(tmp_path, [*rows, *common("Late", 10, 66)], terms)  # 65 % of 99 days: day 65

    assert (names(before), [plan.name for plan in before.plans]) == (["opened"], ["basic"])
    assert (names(at_the_day), [plan.name for plan in at_the_day.plans]) == (
        ["launched", "opened"],
        ["basic", "pro"],
    )
    assert names(by_default) == ["launched", "opened"]


def test_plans_have_the_rank_of_their_tier_and_the_price_of_most_terms(tmp_path: Path) -> None:
    terms = [
        *("a,pro_m,2024-01-02,1,45,0.1", "b,pro_m,2024-01-02,1,50,0", "c,pro_m,2024-01-03,1,80,0"),
        *("a,basic_m,2024-01-02,1,9,0.1", "b,basic_m,2024-01-02,1,12,0"),
        *("a,basic_y,2024-01-02,12,9,", "a,extra,2024-01-02,1,5,0", "a,odd,2024-01-02,1,5,0"),
    ]

    found = read(tmp_path, common("Opened", 3), terms)

    assert found.plans == (
        Plan(name="basic_m", rank=1, mrr=1000),  # of several prices as common, the lowest
        Plan(name="basic_y", rank=1, mrr=0),  # without a discount's column the price is not known
        Plan(name="pro_m", rank=2, mrr=5000),
    )
    assert found.company.currency == "USD"
    turned = read(tmp_path / "turned", common("Opened", 3), terms[::-1])
    assert turned.plans == found.plans


def test_without_tiers_or_terms_the_plans_are_as_configured(tmp_path: Path) -> None:
    rows, terms = common("Opened", 3), ["a,pro_m,2024-01-02,1,45,0.1"]
    without = TIERS.replace('tiers = ["basic*", "pro*"]', "")

    assert read(tmp_path, rows, terms, tiers=without).plans == ()
    assert read(tmp_path, rows, []).plans == ()
    assert read(tmp_path, rows, []).company.currency == "EUR"


def test_what_is_configured_wins(tmp_path: Path) -> None:
    rows, terms = common("Opened", 3), ["a,pro_m,2024-01-02,1,45,0.1", "a,basic,2024-01-02,1,45,0"]
    own = Events(features=(Group(name="reports", events=("Report *",)),))
    plans = (Plan(name="pro_m", rank=7, mrr=1), Plan(name="none_of_the_logs", rank=8))
    configured = msgspec.structs.replace(CONFIG, events=own, plans=plans)
    foreign = msgspec.structs.replace(CONFIG, plans=plans[1:])

    assert read(tmp_path, rows, terms, config=configured) == configured
    assert [plan.name for plan in read(tmp_path, rows, terms, config=foreign).plans] == ["basic", "pro_m"]
    assert read(tmp_path, rows, terms, as_configured=True) == CONFIG


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_tells_nothing(tmp_path: Path, seed: int) -> None:
    rows = [row for n in range(12) for row in common(f"Event {n}", 5 + n % 3)]
    shuffled = random.Random(seed).sample(rows, len(rows))

    assert read(tmp_path / "a", rows) == read(tmp_path / "b", shuffled)
