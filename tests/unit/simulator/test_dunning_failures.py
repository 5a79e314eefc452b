"""Made-up failed payments follow from the seed, and are as assumed."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from simulator.dunning.assumptions import SHIPPED, Declined, FileError, read_assumptions, shipped
from simulator.dunning.failures import draw
from tests.failed_payments import DAY, world

COUNT = 4_000


def test_the_same_seed_gives_the_same_and_another_others() -> None:
    first, again, other = (list(draw(shipped(), count=30, seed=seed)) for seed in (1, 1, 2))

    assert first == again
    assert first != other
    assert list(draw(shipped(), count=10, seed=1)) == first[:10]


def test_reasons_come_in_the_assumed_shares() -> None:
    found = Counter(one.code for one in draw(shipped(), count=COUNT, seed=1))

    for declined in shipped().declines:
        sigma = (declined.share * (1 - declined.share) / COUNT) ** 0.5
        assert found[declined.code] / COUNT == pytest.approx(declined.share, abs=4 * sigma)


def test_cards_work_again_by_the_assumed_days() -> None:
    points = ((1.0, 0.2), (5.0, 0.5))
    found = list(
        draw(world(Declined(code="do_not_honor", share=1.0, works_again=points)), count=COUNT, seed=1)
    )

    for day, share in (*points, (3.0, 0.35), (300.0, 0.5)):
        by = sum(one.works_ms is not None and one.works_ms <= one.failed_ms + day * DAY for one in found)
        assert by / COUNT == pytest.approx(share, abs=0.03)


def test_money_comes_on_the_first_payday_in_the_customers_own_morning() -> None:
    declined = Declined(code="insufficient_funds", share=1.0, works_again=((1.0, 1.0),), on_payday=1.0)
    assumed = world(declined, paydays=(15, 31), pay_hour=6)

    for one in draw(assumed, count=300, seed=1):
        assert one.works_ms is not None
        local = datetime.fromtimestamp(one.works_ms / 1000, one.zone)
        assert (local.day, local.hour, local.minute) in {(15, 6, 0), (28, 6, 0), (31, 6, 0)}
        assert one.failed_ms < one.works_ms <= one.failed_ms + 17 * DAY


def test_amounts_spread_around_the_median_and_are_never_nothing() -> None:
    amounts = sorted(one.amount for one in draw(world(Declined(code="x", share=1.0)), count=COUNT, seed=1))

    assert amounts[0] > 0
    assert amounts[COUNT // 2] == pytest.approx(5000, rel=0.05)


def test_mails_are_answered_as_often_and_as_fast_as_assumed() -> None:
    assumed = world(Declined(code="x", share=1.0, answers=0.3), answer_days=2.0, new_card_works=0.9)
    answers = [answer for one in draw(assumed, count=1000, seed=1) for answer in one.answers]
    given = [one for one in answers if one is not None]

    assert len(given) / len(answers) == pytest.approx(0.3, abs=0.02)
    assert sum(one.works for one in given) / len(given) == pytest.approx(0.9, abs=0.02)
    assert sum(one.after_ms for one in given) / len(given) == pytest.approx(2 * DAY, rel=0.08)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("days = 90", "days = 0", "days = 0", ">= 1"),
        ("pay_hour = 6", "pay_hours = 6", "pay_hours", "unknown field"),
        ('"Asia/Kolkata"', '"Asia/Nowhere"', "Asia/Nowhere", "no time zone"),
        ('currency = "JPY"', 'currency = "YEN"', "YEN", "no currency"),
        ("[3, 0.26]", "[3, 0.06]", "[3, 0.06]", "does not rise"),
        ("share = 0.38", "share = 38", "share = 38", "<= 1"),
        ("share = 0.38", "share = ", "share = \n", "not valid TOML"),
    ],
)
def test_a_bad_file_of_assumptions_is_told_with_its_line_and_a_remedy(
    tmp_path: Path, old: str, new: str, line: str, says: str
) -> None:
    text = SHIPPED.read_text().replace(old, new, 1)
    file = tmp_path / "assumed.toml"
    file.write_text(text)
    number = text[: text.index(line)].count("\n") + 1

    with pytest.raises(FileError) as met:
        read_assumptions(file)

    assert str(met.value).startswith(f"{file}:{number}: ")
    assert says in str(met.value)
    assert met.value.remedy


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")

    with pytest.raises(FileError, match="cannot be read"):
        read_assumptions(tmp_path / "none.toml")
    with pytest.raises(FileError, match="UTF-8"):
        read_assumptions(binary)


def test_the_shipped_assumptions_know_their_zones() -> None:
    assert {one.zone for one in draw(shipped(), count=100, seed=1)} == {ZoneInfo(z) for z in shipped().zones}
