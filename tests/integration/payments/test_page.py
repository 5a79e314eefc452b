"""The provider's page for people: what it lists, what its buttons do, and names that would be markup."""

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from payments.page_assets import SCRIPT
from tests.payment_benches import Bench, control

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">'


@dataclass
class Page(HTMLParser):
    """What a browser makes of the page: its tags with their attributes, and its words."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def buttons(self) -> Iterator[tuple[str, str]]:
        """The invoice and the act of each button."""
        for tag, attributes in self.tags:
            if tag == "button" and "data-act" in attributes:
                yield str(attributes["data-invoice"]), str(attributes["data-act"])


def page_of(bench: Bench, query: str = "") -> Page:
    with urllib.request.urlopen(f"{bench.url}/{query}", timeout=10) as answer:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        page = Page()
        page.feed(answer.read().decode())
    return page


def test_it_lists_customers_invoices_and_events(bench: Bench) -> None:
    _, _, invoice = bench.past_due(amount=5000)
    bench.customer(name="Grace Hopper")

    page = page_of(bench)

    assert "Grace Hopper" in page.text
    assert invoice in page.text
    assert "50.00 USD" in page.text
    assert "invoice.payment_failed" in page.text


def test_it_lists_codes_with_what_they_take_off_and_what_became_of_them(bench: Bench) -> None:
    customer, price = bench.customer(), bench.price()
    coupon = bench.ask("POST", "/v1/coupons", percent_off=20, duration="repeating", duration_in_months=3)
    asked = {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "customer": customer}
    taken = bench.ask("POST", "/v1/promotion_codes", code="TAKEN", **asked)
    bench.ask("POST", "/v1/promotion_codes", code="LATE", expires_at=bench.clock.now_s + 60, **asked)
    bench.ask("POST", "/v1/promotion_codes", code="FREE", **asked)
    bench.subscribe(customer, price, discounts=[{"promotion_code": taken["id"]}])
    bench.clock.advance(seconds=61)

    said = page_of(bench).text.partition("Promotion codes")[2].partition("Events")[0]

    assert "20 %, 3 months" in said
    assert re.findall(r"(TAKEN|LATE|FREE).*?(redeemed|expired|active)", said) == [
        ("FREE", "active"),
        ("LATE", "expired"),
        ("TAKEN", "redeemed"),
    ]


@pytest.mark.parametrize(("act", "status"), [("pay", "paid"), ("fail", "open"), ("void", "void")])
def test_its_buttons_do_what_they_say(bench: Bench, act: str, status: str) -> None:
    _, _, invoice = bench.past_due()
    before = bench.ask("GET", f"/v1/invoices/{invoice}")
    assert (invoice, act) in list(page_of(bench).buttons())
    assert "`/_control/invoices/${button.dataset.invoice}/${button.dataset.act}`" in SCRIPT

    answer, _ = control(bench.url, "POST", f"/_control/invoices/{invoice}/{act}", {})

    after = bench.ask("GET", f"/v1/invoices/{invoice}")
    assert (answer, after["status"]) == (200, status)
    assert after["attempt_count"] == before["attempt_count"] + (act == "fail")


def test_every_button_that_is_offered_can_be_pressed(bench: Bench) -> None:
    for _ in range(3):
        bench.past_due()
    pressed = set()

    for _ in range(20):
        left = [one for one in page_of(bench).buttons() if one not in pressed]
        if not left:
            break
        invoice, act = left[0]
        pressed.add((invoice, act))
        assert control(bench.url, "POST", f"/_control/invoices/{invoice}/{act}", {})[0] == 200

    assert {act for _, act in pressed} >= {"fail", "pay", "refund", "dispute"}


def test_one_customer_may_be_looked_at_alone(bench: Bench) -> None:
    one, other = bench.customer(name="Ada"), bench.customer(name="Grace")

    page = page_of(bench, f"?customer={one}")

    assert "Ada" in page.text
    assert "Grace" not in page.text
    assert other not in page.text


def test_a_hostile_name_is_shown_and_is_no_markup(bench: Bench) -> None:
    plain = page_of(bench)
    customer = bench.customer(name=HOSTILE, metadata={"note": HOSTILE})
    bench.subscribe(customer, bench.price())

    page = page_of(bench)

    assert (
        [tag for tag, _ in page.tags].count("script") == [tag for tag, _ in plain.tags].count("script") == 1
    )
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "svg", "object", "form")]
    names = {name for _, attributes in page.tags for name in attributes}
    assert not [name for name in names if re.match("on", name)]
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]
    assert all(link.startswith("/") for link in links)
    assert "alert(1)" in page.text
