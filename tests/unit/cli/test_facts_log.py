"""Terms and traits of a log as calls, each at the time it became known."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from stemtide_cli import packing
from stemtide_cli.errors import CliError
from stemtide_cli.facts_log import Facts, open_facts
from stemtide_cli.mapping import load_mapping
from stemtide_cli.position import END, START

MAPPING = """
[events]
file = "events.csv"
account = "org"
event = "what"
timestamp = "at"
[subscriptions]
file = "terms.csv"
account = "org"
plan = "product"
start = "start"
months = "months"
mrr = "mrr"
quantity = "quantity"
units = "units"
currency = "{currency}"
addons = ["extra_*"]
[accounts]
file = "accounts.csv"
account = "org"
traits = {{ name = "title", seats = "seats" }}
"""
EVENTS = "org,what,at\na,Opened,2024-01-05T10:00:00Z\nb,Opened,2024-01-02T08:30:00Z\n"
TERMS = """org,product,start,end,mrr,quantity,units,months
a,basic,2024-01-31,2024-02-10,99.5,3,users,1
a,basic,2024-02-29,2024-03-31,99.5,3,users,1
a,pro_annual,2024-03-31,2024-04-30,150,5,users,12
a,extra_meetings,2024-01-31,2024-02-29,5,,,1
b,basic,2024-01-31,2024-12-31,99.5,3,users,1
"""
ACCOUNTS = "org,title,seats,colour\na,Acme,12,red\nb,,,blue\nc,Nobody,1,green\n"


def facts_of(tmp_path: Path, *, terms: str | None = TERMS, currency: str = "USD") -> Facts:
    folder = tmp_path / "log"
    folder.mkdir(exist_ok=True)
    (folder / "events.csv").write_text(EVENTS)
    (folder / "accounts.csv").write_text(ACCOUNTS)
    if terms is not None:
        (folder / "terms.csv").write_text(terms)
    path = tmp_path / "m.toml"
    path.write_text(MAPPING.format(currency=currency))
    return open_facts(load_mapping(path), folder=folder, mapping_path=path, spill=tmp_path / "spill")


def calls_of(facts: Facts) -> list[dict[str, Any]]:
    assert facts.log is not None
    rows = [row for batch in facts.log.rows((START, END), batch=100) for row in batch]
    packed = packing.pack(rows, fingerprint="f", properties=facts.log.properties, facts=True)
    records = [msgspec.json.decode(entry.data) for request in packed.requests for entry in request]
    assert {msgspec.json.encode(record["_stemtide"]) for record in records} == {
        b'{"origin":"replay","late_ok":true,"facts_only":true}'
    }
    return [call for record in records for call in record["batch"]]


def of(calls: list[dict[str, Any]], account: str) -> list[tuple[str, str, Any]]:
    return [
        (call["timestamp"][:10], call.get("event", call["type"]), call.get("properties", {}).get("plan"))
        for call in calls
        if call["context"]["groupId"] == account
    ]


def test_a_term_is_known_at_its_start_and_its_end_when_no_other_followed(tmp_path: Path) -> None:
    calls = calls_of(facts_of(tmp_path))

    assert of(calls, "a") == [
        ("2024-01-05", "group", None),
        ("2024-01-31", "Subscription Started", "basic"),
        ("2024-01-31", "Subscription Started", "extra_meetings"),
        ("2024-02-29", "Subscription Changed", "basic"),
        ("2024-02-29", "Subscription Ended", "extra_meetings"),
        ("2024-03-31", "Subscription Changed", "pro_annual"),
    ]
    assert of(calls, "b") == [
        ("2024-01-02", "group", None),
        ("2024-01-31", "Subscription Started", "basic"),
        ("2024-02-29", "Subscription Ended", "basic"),
    ]


def test_a_call_says_what_the_row_says_with_money_in_minor_units(tmp_path: Path) -> None:
    started = next(c for c in calls_of(facts_of(tmp_path)) if c.get("event") == "Subscription Started")

    assert started["properties"] == {
        "plan": "basic",
        "mrr": 9950,
        "quantity": 3.0,
        "units": "users",
        "term_start": "2024-01-31",
        "term_months": 1,
    }


@pytest.mark.parametrize(("currency", "expected"), [("JPY", 100), ("KWD", 99_500)])
def test_minor_units_are_those_of_the_currency(tmp_path: Path, currency: str, expected: int) -> None:
    calls = calls_of(facts_of(tmp_path, currency=currency))

    assert expected in {call.get("properties", {}).get("mrr") for call in calls}


@pytest.mark.parametrize("mrr", ["", "nan", "inf", "1e30", "a lot"])
def test_money_that_is_no_amount_is_not_told_and_the_term_is(tmp_path: Path, mrr: str) -> None:
    told = calls_of(facts_of(tmp_path, terms=TERMS.replace("99.5,3", f"{mrr},3")))

    of_b = next(call for call in told if call.get("event") and call["context"]["groupId"] == "b")
    assert of_b["properties"].get("plan") == "basic"
    assert "mrr" not in of_b["properties"]


def test_the_stored_end_of_a_term_changes_nothing(tmp_path: Path) -> None:
    calls = calls_of(facts_of(tmp_path))

    hindsight = TERMS.replace(",2024-02-10,", ",2031-01-01,").replace("2024-12-31", "2024-02-01")
    assert calls_of(facts_of(tmp_path, terms=hindsight)) == calls


def test_traits_are_known_from_the_first_instant_of_the_account_and_unknown_ones_are_not_sent(
    tmp_path: Path,
) -> None:
    facts = facts_of(tmp_path)
    groups = [call for call in calls_of(facts) if call["type"] == "group"]

    assert [(call["timestamp"], call["traits"]) for call in groups] == [
        ("2024-01-02T08:30:00.000Z", {"currency": "USD"}),
        ("2024-01-05T10:00:00.000Z", {"name": "Acme", "seats": 12, "currency": "USD"}),
    ]
    assert facts.log is not None
    assert facts.log.without_instant() == 1
    assert facts.untimed == ("name", "seats")


def test_an_end_that_the_log_does_not_reach_is_not_told(tmp_path: Path) -> None:
    only_one = "org,product,start,mrr,quantity,units,months\nb,basic,2024-01-31,1,1,users,1\n"

    assert of(calls_of(facts_of(tmp_path, terms=only_one)), "b") == [
        ("2024-01-02", "group", None),
        ("2024-01-31", "Subscription Started", "basic"),
    ]


def test_a_folder_without_the_file_is_noted_and_the_rest_is_told(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, terms=None)

    assert [note for note in facts.notes if "terms.csv" in note and "[subscriptions]" in note]
    assert {call["type"] for call in calls_of(facts)} == {"group"}


def test_a_column_that_the_file_does_not_have_is_named_with_its_section(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        facts_of(tmp_path, terms=TERMS.replace("product", "sku"))

    assert "`plan` of `[subscriptions]`" in caught.value.message
    assert "sku" in caught.value.hint


def test_rows_keep_their_ids_whatever_part_is_read(tmp_path: Path) -> None:
    log = facts_of(tmp_path).log
    assert log is not None

    rows = [row for batch in log.rows((START, END), batch=100) for row in batch]
    later = [row for batch in log.rows((rows[3][:2], END), batch=100) for row in batch]
    assert later == rows[3:]
    assert len({row[1] for row in rows}) == len(rows)


@pytest.mark.parametrize("mrr", ["nan", "inf", "1e30", "99999999999999999999"])
def test_revenue_that_cannot_be_is_unknown(tmp_path: Path, mrr: str) -> None:
    calls = calls_of(facts_of(tmp_path, terms=TERMS.replace("150", mrr)))

    [pro] = [c["properties"] for c in calls if c.get("properties", {}).get("plan") == "pro_annual"]
    assert "mrr" not in pro
    assert pro["quantity"] == 5


def test_a_term_that_begins_in_a_year_that_no_date_has_costs_no_other(tmp_path: Path) -> None:
    calls = calls_of(facts_of(tmp_path, terms=TERMS + "c,basic,294247-01-01,,1,1,users,1\n"))

    assert of(calls, "c") == []
    assert ("2024-01-31", "Subscription Started", "basic") in of(calls, "b")
