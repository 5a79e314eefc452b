"""Past failures are read from files, and a row that cannot be right is named."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from simulator.dunning.assumptions import FileError
from simulator.dunning.collecting import By, collect
from simulator.dunning.past import read_past
from tests.failed_payments import POLICY

BERLIN = ZoneInfo("Europe/Berlin")
HEADER = "customer,amount,currency,failed_at,decline_code,paid_at"
ROWS = [
    "acme,9900,EUR,2026-01-05T09:00:00Z,do_not_honor,2026-01-07",
    "beta,100,jpy,2026-01-05,expired_card,2026-01-06T12:00:00+01:00",
    "gamma,5000,USD,2026-01-05,,",
]


def csv_file(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    file = tmp_path / "past.csv"
    file.write_text("\n".join([header, *rows, ""]))
    return file


def test_a_soft_decline_works_from_the_day_it_was_paid_and_a_hard_one_takes_the_customer(
    tmp_path: Path,
) -> None:
    acme, beta, gamma = read_past(csv_file(tmp_path, *ROWS), zone=BERLIN)

    assert (acme.works_ms, acme.acts_ms) == (1_767_744_000_000, None)
    assert (beta.works_ms, beta.acts_ms, beta.currency) == (None, 1_767_697_200_000, "JPY")
    assert (gamma.works_ms, gamma.acts_ms, gamma.code, gamma.zone) == (None, None, None, BERLIN)
    assert [collect(one, POLICY).by for one in (acme, beta, gamma)] == [By.RETRY, By.NEW_CARD, None]


def test_a_row_may_name_the_customers_zone(tmp_path: Path) -> None:
    file = csv_file(tmp_path, f"{ROWS[0]},Asia/Kolkata", f"{ROWS[1]},", header=f"{HEADER},zone")

    assert [one.zone for one in read_past(file, zone=BERLIN)] == [ZoneInfo("Asia/Kolkata"), BERLIN]


def test_json_holds_the_same(tmp_path: Path) -> None:
    names = HEADER.split(",")
    file = tmp_path / "past.json"
    file.write_text(json.dumps([dict(zip(names, row.split(","), strict=True)) for row in ROWS], indent=1))

    assert read_past(file, zone=BERLIN) == read_past(csv_file(tmp_path, *ROWS), zone=BERLIN)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (",1,EUR,2026-01-05,,", "customer is empty"),
        ("a,99.00,EUR,2026-01-05,,", "amount '99.00' is no whole number"),
        ("a,0,EUR,2026-01-05,,", "amount '0' is no whole number"),
        ("a,-1,EUR,2026-01-05,,", "amount '-1' is no whole number"),
        ("a,1,EURO,2026-01-05,,", "'EURO' is no currency"),
        ("a,1,EUR,,,", "failed_at is empty"),
        ("a,1,EUR,yesterday,,", "failed_at 'yesterday' is no date"),
        ("a,1,EUR,2026-01-05T09:00:00,,", "has no time zone"),
        ("a,1,EUR,2026-01-05,,2026-01-04", "paid_at is before failed_at"),
        ("a,1,EUR,2026-01-05,", "another number of cells"),
        ("a,1,EUR,2026-01-05,,,x", "another number of cells"),
        ('a,1,EUR,2026-01-05,"x"y,', "not valid CSV"),
    ],
)
def test_a_row_that_cannot_be_right_is_named_by_line_with_a_remedy(
    tmp_path: Path, row: str, says: str
) -> None:
    file = csv_file(tmp_path, ROWS[0], row, ROWS[1])

    with pytest.raises(FileError) as met:
        read_past(file, zone=BERLIN)

    line = 2 if "CSV" in says else 3  # what cannot be parsed comes after the last row that could be
    assert str(met.value).startswith(f"{file}:{line}: ")
    assert says in str(met.value)
    assert met.value.remedy


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[\n {"customer": "a"}\n]', 2, "lacks amount, currency"),
        ('[\n {"customer": "a"},\n]', 3, "not valid JSON"),
        ('{"customer": "a"}', 1, "is no list"),
        ("[\n\n 1]", 3, "is no object"),
        ("[]", 1, "holds no failed payment"),
    ],
)
def test_json_that_cannot_be_right_is_named_by_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = tmp_path / "past.json"
    file.write_text(text)

    with pytest.raises(FileError) as met:
        read_past(file, zone=BERLIN)

    assert str(met.value).startswith(f"{file}:{line}: ")
    assert says in str(met.value)


def test_a_header_that_lacks_columns_and_a_file_without_rows_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the header lacks paid_at"):
        read_past(csv_file(tmp_path, header=HEADER.removesuffix(",paid_at")), zone=BERLIN)
    with pytest.raises(FileError, match="holds no failed payment"):
        read_past(csv_file(tmp_path), zone=BERLIN)
    with pytest.raises(FileError, match="cannot be read"):
        read_past(tmp_path / "none.csv", zone=BERLIN)
