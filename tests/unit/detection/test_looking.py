"""What is read when an account is looked at: the year before and earlier drops only for a fall."""

import pytest
from msgspec.structs import replace
from stemtide.as_of import as_of_text, end_of_day_ms
from stemtide.calls import DAY_MS, day_number
from stemtide.config import bundled_config
from stemtide.config_detection import Against, Detection, DetectionRule, Measure
from stemtide.config_schema import Config
from stemtide.detecting import on_silence
from stemtide.detection import DayUse
from stemtide.drops import Drop
from stemtide.usual import SEASON_DAYS

from tests.detect_ports import ports_of

D = day_number("2026-03-16")
AS_OF = D * DAY_MS + 9 * 3_600_000
RULE = DetectionRule(
    name="below_usual", measure=Measure.EVENTS, against=Against.USUAL, drop=0.4, cooldown_days=14
)


class Tables:
    """Usage and drops of one account; notes what is read."""

    def __init__(self, totals: dict[int, int], drops: list[Drop] | None = None) -> None:
        self.totals = totals
        self.found = drops or []
        self.read: list[tuple[int, int]] = []
        self.drops_read = 0
        self.put: list[Drop] = []

    def days(self, account: str, first: int, last: int) -> list[DayUse]:
        self.read.append((first - D, last - D))
        return [
            DayUse(day=day, events=total, by_event={"page": total})
            for day, total in sorted(self.totals.items())
            if first <= day <= last
        ]

    def drops(self, account: str) -> list[Drop]:
        self.drops_read += 1
        return self.found

    def keep(self, drop: Drop) -> bool:
        self.put.append(drop)
        return True


def look(tables: Tables, rule: DetectionRule = RULE, *, as_of_ms: int = AS_OF) -> list[str]:
    ports = ports_of(days=tables.days, drops=tables.drops, put=tables.keep)
    config: Config = replace(bundled_config(), detection=Detection(rules=(rule,)))
    last_day = as_of_text((D - 8) * DAY_MS)[:10]
    on_silence([("acme", last_day)], as_of_ms=as_of_ms, config=config, ports=ports)
    return [drop.rule for drop in tables.put]


STEADY = dict.fromkeys(range(D - 70, D - 1), 20)
FALLEN = {day: total for day, total in STEADY.items() if day < D - 7}


def test_nothing_more_is_read_of_an_account_that_has_not_fallen() -> None:
    tables = Tables(STEADY)

    assert look(tables) == []
    assert (tables.read, tables.drops_read) == ([(-63, -1)], 0)


def test_a_fall_is_held_against_the_year_before_and_earlier_drops() -> None:
    tables = Tables(FALLEN)

    assert look(tables) == ["below_usual"]
    assert tables.read == [(-63, -1), (-SEASON_DAYS - 35, -SEASON_DAYS + 2)]
    assert tables.drops_read == 1


def test_a_fall_that_comes_every_year_is_no_drop() -> None:
    year_before = {day - SEASON_DAYS: total for day, total in FALLEN.items()}

    assert look(Tables(FALLEN | year_before)) == []


def test_a_rule_that_is_cooling_down_finds_nothing() -> None:
    earlier = Drop(account="acme", rule="below_usual", as_of_ms=AS_OF - 5 * DAY_MS)

    assert look(Tables(FALLEN, [earlier])) == []
    assert look(Tables(FALLEN, [earlier]), replace(RULE, cooldown_days=4)) == ["below_usual"]


def test_a_rule_against_the_week_before_reads_no_year_before() -> None:
    tables = Tables(FALLEN)

    assert look(tables, replace(RULE, against=Against.WEEK_BEFORE, cooldown_days=0)) == ["below_usual"]
    assert (tables.read, tables.drops_read) == ([(-14, -1)], 1)


@pytest.mark.parametrize("cooldown", [0, 14])
def test_a_drop_of_a_closed_day_is_the_same_asked_for_by_the_day_or_on_the_next_one(cooldown: int) -> None:
    """`--as-of` with the date of a day means its last millisecond, the hourly check of it is on the next."""
    by_day, next_day = end_of_day_ms(D - 1), AS_OF
    rule = replace(RULE, cooldown_days=cooldown)
    found = [Drop(account="acme", rule="below_usual", as_of_ms=at_ms) for at_ms in (by_day, next_day)]

    assert look(Tables(FALLEN, found[:1]), rule, as_of_ms=next_day) == []
    assert look(Tables(FALLEN, found[1:]), rule, as_of_ms=by_day) == []
