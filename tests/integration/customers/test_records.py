"""The accounts table's store: who may overwrite whom, and the list by risk."""

import time
from typing import Any

import pytest
from stemtide.as_of import parse_as_of
from stemtide.drops import Drop
from stemtide.facts import Fact, Problem
from stemtide.ports import UnavailableError
from stemtide.profile import Profile
from stemtide.scoring.assessment import Assessment, Basis, Tier, Trigger, tier_of
from stemtide.store import clients
from stemtide.store.account_items import AccountItems
from stemtide.store.record_keys import KEPT_S
from stemtide.store.records import Records

MARCH_14, MARCH_15 = parse_as_of("2026-03-14"), parse_as_of("2026-03-15")


def assessment(score: int | None, version: str | None = "v1") -> Assessment:
    if score is None:
        return Assessment(basis=Basis.NOT_ENOUGH_DATA, completeness=0.1)
    basis = Basis.RULES if version is None else Basis.MODEL
    return Assessment(basis=basis, completeness=1.0, score=score, tier=tier_of(score), model_version=version)


def write(records: Records, account: str, score: int | None, **changes: Any) -> bool:
    version = changes.pop("version", "v1")
    given = {"as_of_ms": MARCH_14, "scored_at": MARCH_14, "trigger": "schedule", "vector": b"\x00" * 8}
    return records.write_score(account, assessment(score, version), **{**given, **changes})


def held(records: Records, account: str = "acme") -> tuple[Any, ...]:
    record = records.read(account)
    assert record is not None
    assert record.assessment is not None
    return record.assessment.score, record.as_of_ms, record.model_version


def test_a_fact_is_kept_once_and_read_by_when_it_became_known(records: Records) -> None:
    late = Fact(id="b" * 12, known_ms=2000, at_ms=500, kind="traits", data={"plan": "pro"})
    early = Fact(
        id="a" * 12, known_ms=1000, at_ms=1000, kind="traits", data={"mrr": 5}, dropped={"seats": "?"}
    )

    records.put_facts("acme", [late, early, late])
    records.put_facts("acme", [early])

    assert records.facts("acme") == [early, late]
    assert records.facts("acm") == []


def test_facts_of_many_pages_are_all_read(records: Records) -> None:
    facts = [
        Fact(id=f"{n:012x}", known_ms=n, at_ms=n, kind="traits", data={"name": "x" * 200_000})
        for n in range(8)
    ]

    records.put_facts("acme", facts)

    assert records.facts("acme") == facts


def test_a_profile_of_fewer_facts_does_not_replace_one_of_more(records: Records) -> None:
    fuller = records.write_profile("acme", Profile(plan="new"), facts=3, as_of_ms=3000)
    poorer = records.write_profile("acme", Profile(plan="old"), facts=2, as_of_ms=2000)
    same = records.write_profile(
        "acme", Profile(plan="new"), facts=3, as_of_ms=3000, problems=[Problem(name="a", detail="b", at_ms=1)]
    )

    record = records.read("acme")
    assert (fuller, poorer, same) == (True, False, True)
    assert record is not None
    assert (record.profile.plan, record.profile_as_of_ms) == ("new", 3000)
    assert [problem.name for problem in record.problems] == ["a"]


def test_a_csm_that_was_taken_back_leaves_the_index(records: Records) -> None:
    records.write_profile("acme", Profile(csm="Carla@acme.example"), facts=1, as_of_ms=1)
    before = [r.account for r in records.list_records(csm="carla@ACME.example").records]

    records.write_profile("acme", Profile(), facts=2, as_of_ms=2)

    assert before == ["acme"]
    assert records.list_records(csm="carla@acme.example").records == []
    assert records.csm_of("acme") is None


def test_the_latest_day_with_usage_stays(records: Records) -> None:
    outcomes = [
        records.touch("acme", day) for day in ("2026-03-03", "2026-03-14", "2026-03-03", "2026-03-14")
    ]

    record = records.read("acme")
    assert outcomes == [True, True, False, False]
    assert record is not None
    assert record.last_day == "2026-03-14"


def test_an_older_instant_never_overwrites_a_newer_and_its_row_is_kept(records: Records) -> None:
    newer = write(records, "acme", 80, as_of_ms=MARCH_15)
    older = write(records, "acme", 10, as_of_ms=MARCH_14, trigger="usage_drop")

    assert (newer, older) == (True, False)
    assert held(records) == (80, MARCH_15, "v1")
    assert [(s.assessment.score, s.trigger) for s in records.scores("acme", MARCH_14, MARCH_15)] == [
        (10, Trigger.USAGE_DROP),
        (80, Trigger.SCHEDULE),
    ]


def test_the_same_instant_and_model_again_changes_nothing(records: Records, table: Any) -> None:
    write(records, "acme", 80)
    before = table.scan()["Items"]

    again = write(records, "acme", 20, scored_at=MARCH_15)

    assert again is True
    assert table.scan()["Items"] == before


def test_of_two_models_at_one_instant_the_later_computed_stays(records: Records) -> None:
    write(records, "acme", 30, version="v1", scored_at=MARCH_14 + 1000)
    newer = write(records, "acme", 60, version="v2", scored_at=MARCH_14 + 5000)
    redelivered = write(records, "acme", 30, version="v1", scored_at=MARCH_14 + 1000)
    rolled_back = write(records, "acme", 35, version="v1", scored_at=MARCH_14 + 9000, trigger="manual")

    assert (newer, redelivered, rolled_back) == (True, False, True)
    assert held(records) == (35, MARCH_14, "v1")


def test_a_score_interrupted_after_its_row_is_completed_by_its_repetition(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(AccountItems, "update", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("crash")))
        with pytest.raises(RuntimeError):
            write(records, "acme", 80)
    assert records.read("acme") is None

    assert write(records, "acme", 80) is True
    assert held(records) == (80, MARCH_14, "v1")
    assert len(records.scores("acme", 0, MARCH_15)) == 1


def test_writers_of_one_record_touch_only_their_own_part(records: Records) -> None:
    records.touch("acme", "2026-03-14")
    write(records, "acme", 80)
    records.write_profile("acme", Profile(plan="pro"), facts=1, as_of_ms=1)
    records.touch("acme", "2026-03-15")

    record = records.read("acme")
    assert record is not None
    assert (record.profile.plan, record.last_day) == ("pro", "2026-03-15")
    assert held(records)[0] == 80
    assert [r.account for r in records.list_records(tier="critical").records] == ["acme"]


def test_without_enough_data_the_account_is_among_those_without_a_score(records: Records) -> None:
    write(records, "acme", 80)
    write(records, "acme", None, as_of_ms=MARCH_15, version=None)

    assert held(records) == (None, MARCH_15, "rules")
    assert [r.account for r in records.list_records(tier="none").records] == ["acme"]
    assert records.list_records(tier="critical").records == []


def test_whoever_is_no_customer_any_more_leads_no_list_and_keeps_its_scores(records: Records) -> None:
    write(records, "acme", 90)
    write(records, "other", 40)

    ended = records.end_score("acme", as_of_ms=MARCH_15, ended_at=MARCH_15, trigger="schedule")
    again = records.end_score("acme", as_of_ms=MARCH_15, ended_at=MARCH_15 + 1, trigger="schedule")

    record = records.read("acme")
    assert record is not None
    assert (ended, again, record.assessment, record.as_of_ms) == (True, False, None, MARCH_15)
    assert [one.account for one in records.list_records().records] == ["other", "acme"]
    assert [one.account for one in records.list_records(tier="none").records] == ["acme"]
    assert [one.assessment.score for one in records.scores("acme", 0, MARCH_15)] == [90]


def test_an_older_look_takes_no_score_out_and_an_older_score_does_not_come_back(records: Records) -> None:
    write(records, "acme", 90, as_of_ms=MARCH_15)

    older = records.end_score("acme", as_of_ms=MARCH_14, ended_at=MARCH_15, trigger="manual")
    still = held(records)
    records.end_score("acme", as_of_ms=MARCH_15, ended_at=MARCH_15 + 1, trigger="schedule")
    redelivered = write(records, "acme", 90, as_of_ms=MARCH_15)
    late_drop = write(records, "acme", 95, as_of_ms=MARCH_14, trigger="usage_drop")

    record = records.read("acme")
    assert record is not None
    assert (older, still[0], redelivered, late_drop) == (False, 90, False, False)
    assert record.assessment is None


def test_whoever_becomes_a_customer_again_has_a_score_again(records: Records) -> None:
    write(records, "acme", 90)
    records.end_score("acme", as_of_ms=MARCH_14, ended_at=MARCH_14, trigger="schedule")

    assert write(records, "acme", 30, as_of_ms=MARCH_15)
    assert held(records) == (30, MARCH_15, "v1")


def test_a_score_row_has_its_vector_and_expires(records: Records, table: Any) -> None:
    write(records, "acme", 80, vector=b"\x01\x02", scored_at=MARCH_15)

    (score,) = records.scores("acme", MARCH_14, MARCH_14)
    row = table.get_item(Key={"account": "acme", "item": "score#2026-03-14T23:59:59.999Z#schedule#v1"})[
        "Item"
    ]
    assert (score.vector, score.scored_at_ms, score.assessment) == (b"\x01\x02", MARCH_15, assessment(80))
    assert row["expires_at"] == MARCH_15 // 1000 + KEPT_S
    assert records.scores("acme", MARCH_14 + 1, MARCH_15) == []


def test_a_drop_is_kept_once_per_day_and_rule(records: Records) -> None:
    drop = Drop(
        account="acme", rule="api", as_of_ms=MARCH_14, figures={"before": 10, "now": 1, "change": -0.9}
    )
    later = Drop(account="acme", rule="api", as_of_ms=MARCH_14 - 5, figures={"before": 9})

    assert [records.put_drop(one) for one in (drop, later, drop)] == [True, False, False]
    assert records.drops("acme") == [drop]


def test_a_replayed_drop_of_years_ago_is_kept_as_long_as_any_other(records: Records, table: Any) -> None:
    long_ago = MARCH_14 - 5 * 365 * 86_400_000

    records.put_drop(Drop(account="acme", rule="api", as_of_ms=long_ago, figures={}))

    [row] = [item for item in table.scan()["Items"] if item["item"].startswith("drop#")]
    assert row["expires_at"] > time.time() + KEPT_S - 3600


@pytest.fixture
def base(records: Records) -> Records:
    """Scored and unscored accounts of two csms."""
    for number, score in enumerate([0, 10, 30, 30, 60, 99, 100, 76]):
        account = f"a{number}"
        csm = ("carla", "otto")[number % 2] + "@acme.example"
        records.write_profile(account, Profile(csm=csm), facts=1, as_of_ms=1)
        write(records, account, score)
    for account in ("u1", "u2"):
        records.write_profile(account, Profile(csm="carla@acme.example"), facts=1, as_of_ms=1)
    return records


def pages(records: Records, *, limit: int, **filters: Any) -> list[str]:
    found, cursor = [], None
    while True:
        page = records.list_records(limit=limit, cursor=cursor, **filters)
        assert len(page.records) <= limit
        found += [record.account for record in page.records]
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 3, 10, 50])
def test_the_list_is_by_score_over_all_tiers_in_pages_of_any_size(base: Records, limit: int) -> None:
    falling = ["a6", "a5", "a7", "a4", "a3", "a2", "a1", "a0"]

    assert pages(base, limit=limit) == [*falling, "u2", "u1"]
    assert pages(base, limit=limit, descending=False) == [*falling[::-1], "u1", "u2"]
    assert pages(base, limit=limit, tier="critical") == ["a6", "a5", "a7"]
    assert pages(base, limit=limit, csm="Carla@acme.example") == ["a6", "a4", "a2", "a0", "u2", "u1"]
    assert pages(base, limit=limit, csm="otto@acme.example", tier="critical") == ["a5", "a7"]
    assert pages(base, limit=limit, csm="nobody@acme.example") == []


def test_a_page_that_ends_the_list_has_no_cursor(base: Records) -> None:
    assert base.list_records(limit=10).cursor is None
    assert base.list_records(limit=9).cursor is not None


@pytest.mark.parametrize(
    "forged",
    ["", "x", "é", "W10", "eyJhIjoxfQ", "WyJbbnVsbCxudWxsLHRydWVdIiw5LCIwODAjYSIsImEiXQ", "A" * 5000],
)
def test_a_forged_cursor_is_refused(base: Records, forged: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        base.list_records(cursor=forged)


@pytest.mark.parametrize(
    "filters", [{"tier": "low"}, {"csm": "carla@acme.example"}, {"descending": False}, {"tier": Tier.HIGH}]
)
def test_a_cursor_of_other_filters_is_refused(base: Records, filters: dict[str, Any]) -> None:
    cursor = base.list_records(limit=1).cursor

    with pytest.raises(ValueError, match="not a cursor"):
        base.list_records(cursor=cursor, **filters)


def moved(records: Records, account: str = "acme") -> tuple[Any, ...] | None:
    record = records.read(account)
    assert record is not None
    found = record.moved
    return None if found is None else (found.since[:10], found.score_then, found.score_now)


def test_the_record_says_what_moved_since_the_score_before_it(records: Records) -> None:
    write(records, "acme", 20)
    first = moved(records)
    write(records, "acme", 80, as_of_ms=MARCH_15)

    assert first is None
    assert moved(records) == ("2026-03-14", 20, 80)


def test_a_score_that_comes_late_is_what_the_newer_one_has_moved_from(records: Records) -> None:
    write(records, "acme", 10, as_of_ms=MARCH_14 - 1)
    write(records, "acme", 80, as_of_ms=MARCH_15)
    before = moved(records)

    late = write(records, "acme", 20, as_of_ms=MARCH_14, trigger="usage_drop")

    assert (before, late) == (("2026-03-14", 10, 80), False)
    assert moved(records) == ("2026-03-14", 20, 80)
    assert held(records) == (80, MARCH_15, "v1")


def test_of_two_triggers_at_one_instant_both_have_their_row_and_the_order_does_not_matter(
    records: Records,
) -> None:
    for account, triggers in (("acme", ("schedule", "manual")), ("other", ("manual", "schedule"))):
        for trigger in triggers:
            write(records, account, 40, trigger=trigger)

        record = records.read(account)
        assert record is not None
        assert (record.trigger, record.moved) == (Trigger.MANUAL, None)
        assert len(records.scores(account, MARCH_14, MARCH_14)) == 2


def test_a_record_that_another_changed_meanwhile_is_read_again(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(records, "acme", 10, as_of_ms=MARCH_14 - 1)
    update, others = AccountItems.update, [MARCH_14]

    def raced(self: AccountItems, *args: Any, **more: Any) -> bool:
        if others:
            write(Records(records_table(records)), "acme", 20, as_of_ms=others.pop(), trigger="login")
        return update(self, *args, **more)

    monkeypatch.setattr(AccountItems, "update", raced)
    shown = write(records, "acme", 80, as_of_ms=MARCH_15)

    assert shown is True
    assert moved(records) == ("2026-03-14", 20, 80)


def records_table(records: Records) -> Any:
    """The table that a store is on."""

    return clients.dynamodb().Table(records._name)


def test_a_record_that_always_changes_is_left_to_a_repetition(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AccountItems, "update", lambda *_, **__: False)

    with pytest.raises(UnavailableError, match="changed by others"):
        write(records, "acme", 80)


def test_what_moved_ends_with_the_score(records: Records) -> None:
    write(records, "acme", 10)
    write(records, "acme", 80, as_of_ms=MARCH_15)

    records.end_score("acme", as_of_ms=MARCH_15, ended_at=MARCH_15 + 1, trigger="schedule")

    assert moved(records) is None
