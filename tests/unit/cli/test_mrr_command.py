"""`stemtide mrr` over a log: months, amounts in words and numbers, what is left out and why."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from stemtide_cli.main import main
from stemtide_cli.mrr_tables import money

TERMS = """\
account_id,product,start_date,end_date,mrr,quantity,units,bill_period_months,discount
acme,basic_mthly,2024-01-31,,100.50,1,users,1,0
acme,basic_mthly,2024-02-29,,100.50,1,users,1,0
acme,premier_mthly,2024-03-31,,1200.00,1,users,1,0
acme,meetings,2024-02-10,,30.25,1,users,1,0
beta,basic_mthly,2024-01-05,,200.00,1,users,1,0
beta,basic_mthly,2024-03-20,,150.00,1,users,1,0
late,basic_mthly,2024-04-02,,70.00,1,users,1,0
"""
EVENTS = "timestamp,account_id,user_id,event,value\n2024-01-31 10:00:00,acme,u,opened,1\n"
ACCOUNTS = "account_id,channel,country\nacme,web,US\nbeta,web,US\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "subscriptions.csv").write_text(TERMS)
    (folder / "events.csv").write_text(EVENTS)
    (folder / "accounts.csv").write_text(ACCOUNTS)
    return folder


def run(log: Path, *arguments: str) -> Result:
    everything = ["mrr", "--mapping", "crm", "--data", str(log), *arguments]
    return CliRunner().invoke(main, everything, catch_exceptions=False)


def told(log: Path, *arguments: str, expect: int = 0) -> dict[str, Any]:
    result = run(log, *arguments, "--json")
    assert result.exit_code == expect, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def months(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    [own] = found["currencies"]
    return {month["month"]: month for month in own["months"]}


def test_the_months_tell_every_movement_in_minor_units_with_its_sign(log: Path) -> None:
    found = told(log)

    assert (found["from"], found["to"], found["as_of"]) == ("2024-01", "2024-04", "2024-04-02T23:59:59.999Z")
    assert found["reconciles"] is True
    assert found["notes"] == []
    march = months(found)["2024-03"]
    assert march == {
        "month": "2024-03",
        "complete": True,
        "opening": 13_075,
        "new": 0,
        "expansion": 109_950,
        "contraction": -3_025,
        "churn": 0,
        "reactivation": 15_000,
        "transfer": 0,
        "closing": 135_000,
        "customers": {
            "opening": 1,
            "new": 0,
            "churn": 0,
            "reactivation": 1,
            "transfer": 0,
            "closing": 2,
            "price_unknown": 0,
        },
        "logo_churn": 0.0,
        "revenue_churn": 0.0,
        "grr": 10_050 / 13_075,
        "nrr": 120_000 / 13_075,
    }
    february = months(found)["2024-02"]
    assert (february["churn"], february["customers"]["churn"]) == (-20_000, -1)
    assert (february["logo_churn"], february["revenue_churn"]) == (0.5, 20_000 / 30_050)


def test_the_total_takes_all_months_as_one(log: Path) -> None:
    [own] = told(log)["currencies"]

    assert (own["total"]["opening"], own["total"]["closing"]) == (0, 142_000)
    for kind in ("new", "expansion", "contraction", "churn", "reactivation"):
        assert own["total"][kind] == sum(month[kind] for month in own["months"])
    assert "month" not in own["total"]


def test_from_and_to_choose_months_without_changing_them(log: Path) -> None:
    everything = months(told(log))

    found = told(log, "--from", "2024-02", "--to", "2024-03")

    assert months(found) == {name: everything[name] for name in ("2024-02", "2024-03")}
    assert found["currencies"][0]["total"]["opening"] == everything["2024-02"]["opening"]


def test_a_month_that_is_not_over_is_marked(log: Path) -> None:
    found = told(log, "--as-of", "2024-03-10")
    shown = run(log, "--as-of", "2024-03-10").stdout

    assert {name: month["complete"] for name, month in months(found).items()} == {
        "2024-01": True,
        "2024-02": True,
        "2024-03": False,
    }
    assert months(found)["2024-03"]["closing"] == 10_050
    assert "2024-03*" in shown
    assert "* until 2024-03-10T23:59:59.999Z" in shown


def test_a_later_instant_than_the_log_knows_is_told_with_a_caution(log: Path) -> None:
    found = told(log, "--as-of", "2024-05-31")

    assert months(found)["2024-04"]["churn"] == -135_000
    [note] = found["notes"]
    assert note.startswith("nothing is known of subscriptions after 2024-04-02T23:59:59.999Z")


def test_months_that_had_not_begun_are_left_out_and_it_says_so(log: Path) -> None:
    found = told(log, "--to", "2024-12")

    assert list(months(found))[-1] == "2024-04"
    assert found["notes"] == ["the months after 2024-04 are left out: told is what was known by --as-of"]
    assert told(log, "--to", "2024-04")["notes"] == []


def test_what_cannot_be_told_is_refused_with_the_reason(log: Path) -> None:
    later = told(log, "--from", "2024-05", expect=1)
    before = told(log, "--as-of", "2024-01-04", expect=1)
    turned = run(log, "--from", "2024-03", "--to", "2024-02")

    assert later["error"].startswith("2024-05 had not begun by 2024-04-02")
    assert before["error"].startswith("nobody is known to have been a customer until 2024-01-04")
    assert turned.exit_code == 2
    assert told(log, "--from", "2024-03", "--to", "2024-03")["from"] == "2024-03"


def test_a_log_without_terms_is_refused(log: Path) -> None:
    (log / "subscriptions.csv").unlink()
    (log / "accounts.csv").unlink()

    found = told(log, expect=1)

    assert found["error"].endswith("tells of no subscription")


def test_people_see_money_in_major_units_and_rates_in_per_cent(log: Path) -> None:
    shown = run(log).stdout
    march = [line for line in shown.splitlines() if "2024-03" in line]

    assert [cell.strip() for cell in march[0].split("│")[2:-1]] == [
        "130.75", "0.00", "1,099.50", "-30.25", "0.00", "150.00", "1,350.00",
    ]  # fmt: skip
    assert [cell.strip() for cell in march[1].split("│")[2:-1]] == [
        "1", "0", "0", "1", "2", "0.0 %", "0.0 %", "76.9 %", "917.8 %",
    ]  # fmt: skip
    assert "transfer" not in shown
    assert "│ all " in shown
    assert "│ all " not in run(log, "--to", "2024-01").stdout


def test_a_plan_without_a_price_is_counted_and_named(log: Path) -> None:
    (log / "subscriptions.csv").write_text(TERMS + "free,basic_annual,2024-02-01,,,1,users,12,0\n")

    found = told(log)

    assert months(found)["2024-02"]["customers"]["price_unknown"] == 1
    assert months(found)["2024-02"]["customers"]["new"] == 1
    assert "customers at the end whose price is not known in full: 1" in run(log).stdout


@pytest.mark.parametrize(
    ("minor", "digits", "expected"),
    [
        (123_456, 2, "1,234.56"),
        (-5, 2, "-0.05"),
        (-123_400, 2, "-1,234.00"),
        (0, 2, "0.00"),
        (1_234_567, 0, "1,234,567"),
        (-7, 0, "-7"),
        (1_234_567, 3, "1,234.567"),
        (7, 3, "0.007"),
        (10**17 + 1, 2, "1,000,000,000,000,000.01"),
    ],
)
def test_money_is_shown_to_the_minor_unit(minor: int, digits: int, expected: str) -> None:
    assert money(minor, digits) == expected
