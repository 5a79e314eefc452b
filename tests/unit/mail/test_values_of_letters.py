"""Amounts to the minor unit, days and instants in the customer's zone, links that lead where they look."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.currencies import CODES, minor_digits
from stemtide.mail.formatting import Manner, zone_of
from stemtide.mail.safe_text import one_line, person
from stemtide.mail.values import Kind, Money, WrongValueError, check, link

from tests.letters import mail

ENGLISH = Manner(locale=Locale("en"), zone=ZoneInfo("UTC"))


def paid(amount: dict[str, Any], locale: str = "en") -> str:
    """The amount as the letter of a recovered payment says it."""
    values = {"amount": amount, "plan": "Business", "paid_at": 1_796_122_800_000}
    text = mail("payment_recovered", values, locale=locale).text
    [line] = [line for line in text.splitlines() if line.startswith(("Amount: ", "Betrag: "))]
    return line.partition(": ")[2]


@pytest.mark.parametrize(
    ("currency", "amount", "english", "german"),
    [
        ("EUR", 4900, "€49.00", "49,00 €"),
        ("USD", 123456, "$1,234.56", "1.234,56 $"),
        ("JPY", 4900, "¥4,900", "4.900 ¥"),
        ("ISK", 4900, "ISK 4,900", "4.900 ISK"),
        ("KWD", 12345, "KWD 12.345", "12,345 KWD"),
        ("KWD", 5, "KWD 0.005", "0,005 KWD"),
        ("AFN", 1250, "AFN 12.50", "12,50 AFN"),  # CLDR would leave the minor unit out
        ("IQD", 1_234_567, "IQD 1,234.567", "1.234,567 IQD"),
        ("EUR", 0, "€0.00", "0,00 €"),
    ],
)
def test_row_44_an_amount_is_written_to_its_minor_unit(
    currency: str, amount: int, english: str, german: str
) -> None:
    money = {"amount": amount, "currency": currency}

    assert paid(money).replace("\u00a0", " ") == english
    assert paid(money, "de").replace("\u00a0", " ") == german


@given(
    currency=st.sampled_from(sorted(CODES)),
    amount=st.integers(0, 2**53),
    tag=st.sampled_from(["en", "de", "de_AT", "de_CH", "en_IN"]),
)
@settings(max_examples=500, deadline=None)
def test_no_amount_loses_a_minor_unit(currency: str, amount: int, tag: str) -> None:
    text = Manner(locale=Locale.parse(tag), zone=ZoneInfo("UTC")).money(
        Money(amount=amount, currency=currency)
    )

    digits = minor_digits(currency)
    figures = "".join(c for c in text if c.isdigit())
    assert figures == f"{amount:0{digits + 1}d}"
    decimals = Locale.parse(tag).number_symbols["latn"]["decimal"]
    number = "".join(c for c in text if c.isdigit() or c == decimals).strip(decimals).replace(decimals, ".")
    assert Decimal(number) == Decimal(amount).scaleb(-digits)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "February 29, 2028"),
        ("Pacific/Auckland", "March 1, 2028"),
        ("America/Los_Angeles", "February 29, 2028"),
        ("Asia/Kathmandu", "March 1, 2028"),
        ("Mars/Olympus", "February 29, 2028"),
        ("../../etc/passwd", "February 29, 2028"),
        ("", "February 29, 2028"),
        (None, "February 29, 2028"),
    ],
)
def test_an_instant_of_29_february_is_told_as_the_customers_day(zone: str | None, shown: str) -> None:
    at_ms = int(datetime(2028, 2, 29, 18, 30, tzinfo=UTC).timestamp() * 1000)
    values = {"amount": {"amount": 1, "currency": "EUR"}, "plan": "P", "paid_at": at_ms}

    assert f"Paid on: {shown}\n" in mail("payment_recovered", values, zone=zone).text


def test_a_day_that_the_calendar_lacks_is_refused() -> None:
    assert str(check(Kind.DAY, "2028-02-29")) == "2028-02-29"
    for wrong in ("2027-02-29", "2028-2-29", "29.02.2028", 20280229, "2028-02-29T00:00", "²028-02-29"):
        with pytest.raises(WrongValueError, match="YYYY-MM-DD"):
            check(Kind.DAY, wrong)


def test_the_end_of_an_offer_is_told_with_its_hour_and_zone_on_both_sides_of_a_change_of_clocks() -> None:
    berlin = Manner(locale=Locale("en"), zone=ZoneInfo("Europe/Berlin"))
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1000)

    said = [berlin.moment(first), berlin.moment(first + 3_600_000)]

    assert said[0] != said[1]
    assert all("October 25, 2026, 2:30\u00a0AM (" in one for one in said)


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        ({"percent": 20, "months": 3}, "20% off each of your first 3 months"),
        ({"percent": 50, "months": 1}, "50% off your first month"),
        ({"amount": 1000, "currency": "JPY", "months": 12}, "¥1,000 off each of your first 12 months"),
    ],
)
def test_an_offer_says_how_much_and_how_long(offer: dict[str, Any], says: str) -> None:
    values = {
        "plan": "Business",
        "offer": offer,
        "code": "BACK-1",
        "expires_at": 1_798_218_000_000,
        "return_url": "https://app.acme.example/",
    }

    assert says in mail("win_back_offer", values).text


@pytest.mark.parametrize(
    ("written", "leads_to"),
    [
        ("https://acme.example/p?a=1&b=2#c", "https://acme.example/p?a=1&b=2#c"),
        ("https://bücher.example/straße/ü", "https://xn--bcher-kva.example/stra%C3%9Fe/%C3%BC"),
        ("https://acme.example/100%", "https://acme.example/100%25"),
        ("https://acme.example/%E2%82%AC", "https://acme.example/%E2%82%AC"),
        ("HTTPS://ACME.example:8443/a", "https://acme.example:8443/a"),
        ("http://127.0.0.1:4566/_aws/x", "http://127.0.0.1:4566/_aws/x"),
    ],
)
def test_a_link_is_percent_encoded(written: str, leads_to: str) -> None:
    assert link(written) == leads_to
    assert link(leads_to) == leads_to


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "http://acme.example/",
            "ftp://acme.example/",
            "//acme.example/",
            "/p",
            "acme.example",
            "",
            None,
            7,
        ),
        *("javascript:alert(1)", "data:text/html,x", "mailto:a@acme.example"),
        *("https://acme.example@evil.example/", "https://", "https:///p", "https://acme..example/"),
        *("https://acme.example/a b", 'https://acme.example/"x', "https://acme.example/<x>", "https://a\\b/"),
        *("https://acme.example/\r\nBcc: x", "https://acme.example/\u202e", "https://acme.example:99999/"),
        f"https://acme.example/{'x' * 1000}",
    ],
)
def test_what_could_lead_elsewhere_is_no_link(wrong: object) -> None:
    with pytest.raises(WrongValueError, match="give an address that begins with https://"):
        link(wrong)


@given(text=st.text(max_size=200), most=st.integers(1, 60))
@settings(max_examples=500)
def test_a_text_in_one_line_is_short_and_stays_as_it_is_when_cleaned_again(text: str, most: int) -> None:
    cleaned = one_line(text, most=most)

    assert len(cleaned) <= most
    assert one_line(cleaned, most=most) == cleaned
    assert cleaned == cleaned.strip()
    cleaned.encode()


def test_a_long_text_is_cut_between_letters_and_not_within_one() -> None:
    family = "👩\u200d👩\u200d👧"

    assert one_line("ab" + family, most=6) == "ab…"
    assert one_line("abcde\u0301f", most=6) == "abcdéf"
    assert one_line("abcdx\u0301fg", most=6) == "abcd…"


@pytest.mark.parametrize("name", ["Ada", "Ada B. Lovelace", "O'Neil", "Jean-Luc", "李小龙", "Ada & Co."])
def test_an_ordinary_name_is_greeted_as_it_is(name: str) -> None:
    assert person(name, most=60) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [("P0://", "P0"), ("https:// https://", "https https"), ("b2b://b2b://", "b2b b2b"), ("x1://y", "y")],
)
def test_a_name_that_is_nothing_but_a_scheme_keeps_its_letters(text: str, shown: str) -> None:
    assert one_line(text, most=80) == shown


def test_no_scheme_hides_in_another_one() -> None:
    assert one_line("see hthttps://tps://evil.example now", most=60) == "see evil.example now"


def test_the_first_zone_that_exists_counts() -> None:
    assert zone_of("Nowhere/None", "Europe/Berlin").key == "Europe/Berlin"
    assert zone_of(None, "", "Europe").key == "UTC"
