"""Every letter in every language: complete, safe whatever the customer is called, the same in both parts."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.mail.filling import LetterError
from stemtide.mail.message import MailClass, MailRequest
from stemtide.mail.rendering import FOLDER, MAX_PART_BYTES, MAX_SUBJECT_CHARS, Letterhead, Letters, languages
from stemtide.mail.templates import TEMPLATES, class_of, find

from tests.letters import EVERY, HOSTILE, LETTERS, UNSUBSCRIBE_URL, Page, hostile_values, mail

LIFECYCLE = [name for name in TEMPLATES if class_of(name) is MailClass.LIFECYCLE]
ALLOWED_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td"),
    *("h1", "p", "strong", "span", "bdi", "a", "br"),
}
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""But the line feed."""


def in_both(text: str) -> str:
    """A text as a reader sees it, with single spaces."""
    return " ".join(text.split())


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_a_letter_leaves_nothing_open(template: str, language: str) -> None:
    written = mail(template, locale=language)

    for part in (written.subject, written.text, Page(written.html).text):
        assert not re.search(r"\{\{|\}\}|\{%|%\}|\bNone\b|[Uu]ndefined|Shown\(", part)
        assert not re.search(r" [,.;:](\s|$)|\(\)", part)
    assert 10 <= len(written.subject) <= 78


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_a_letter_without_its_optional_values_leaves_nothing_open_either(
    template: str, language: str
) -> None:
    needed = {name: one.example for name, one in find(template).values.items() if one.required}

    written = mail(template, needed, locale=language)

    assert not re.search(r"\bNone\b|[Uu]ndefined| [,.;](\s|$)", written.text + Page(written.html).text)


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_both_parts_say_the_same_facts(template: str, language: str) -> None:
    written = mail(template, locale=language, zone="Europe/Berlin")

    page = Page(written.html)
    text = in_both(written.text)
    rows = re.findall(r'<td class="quiet"[^>]*>(.*?)</td>\n<td[^>]*>(.*?)</td>', written.html)
    for label, value in rows:
        assert f"{in_both(Page(label).text)}: {in_both(Page(value).text)}" in text
    assert set(page.links()) == set(re.findall(r"https://\S+", written.text))
    figures = set(re.findall(r"\d[\d.,:]*\d|\d", text.replace("https://", " ")))
    shown = page.text + " ".join(page.links())
    assert not [figure for figure in figures if figure not in shown]


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_a_page_is_well_formed_says_its_language_and_loads_nothing(template: str, language: str) -> None:
    html = mail(template, locale=language).html

    ElementTree.fromstring(html.replace("<!DOCTYPE html>", ""))
    page = Page(html)
    assert (page.unclosed, page.wrongly_closed) == ([], [])
    assert {tag for tag, _ in page.tags} <= ALLOWED_TAGS
    assert dict(page.tags)["html"]["lang"] == language
    assert not re.search(r"src=|url\(|@import|<link|javascript:", html)
    tables = [attributes for tag, attributes in page.tags if tag == "table"]
    assert all(attributes.get("role") == "presentation" for attributes in tables)
    assert html.count("<h1") == 1


@pytest.mark.parametrize(("template", "language"), EVERY)
@pytest.mark.parametrize("attack", HOSTILE)
def test_no_text_of_a_customer_becomes_anything_but_text(template: str, language: str, attack: str) -> None:
    plain = Page(mail(template, locale=language).html)

    written = mail(template, hostile_values(template, HOSTILE[attack]), locale=language)

    page = Page(written.html)
    handlers = [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert {tag for tag, _ in page.tags} <= ALLOWED_TAGS
    assert handlers == []
    assert set(page.links()) == set(plain.links())
    assert not UNSEEN.search(written.subject + written.text + written.html)
    assert "\n" not in written.subject
    assert len(written.subject) <= MAX_SUBJECT_CHARS
    assert max(len(written.text.encode()), len(written.html.encode())) < MAX_PART_BYTES


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_in_a_value_is_shown_and_never_filled_in(template: str) -> None:
    written = mail(template, hostile_values(template, "{{7*7}}"))

    assert "{{7*7}}" in written.text
    assert "{{7*7}}" in Page(written.html).text


@given(text=st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_at_all_can_be_a_name(text: str) -> None:
    values: dict[str, Any] = {**find("payment_failed").example(), "name": text, "plan": f"P{text}"}

    written = mail("payment_failed", values)

    page = Page(written.html)
    assert (page.unclosed, page.wrongly_closed) == ([], [])
    assert {tag for tag, _ in page.tags} <= ALLOWED_TAGS
    assert not UNSEEN.search(written.subject + written.text + written.html)
    written.html.encode()


@pytest.mark.parametrize(
    "name", ["https://evil.example", "www.evil.example", "evil.example/x", "a@b.example"]
)
def test_a_name_that_would_become_a_link_is_not_greeted(name: str) -> None:
    written = mail("payment_failed", {**find("payment_failed").example(), "name": name})

    assert written.text.startswith("Hi there,\n")
    assert "evil" not in written.html


def test_a_name_from_right_to_left_is_kept_and_kept_apart() -> None:
    written = mail("payment_failed", {**find("payment_failed").example(), "name": "עדה"})

    assert "Hi <bdi>עדה</bdi>," in written.html
    assert written.text.startswith("Hi עדה,\n")


@pytest.mark.parametrize("template", LIFECYCLE)
def test_whoever_gets_a_lifecycle_mail_can_leave_by_one_click_or_by_a_link(template: str) -> None:
    written = mail(template)

    headers = dict(written.headers)
    assert headers["List-Unsubscribe"] == f"<{UNSUBSCRIBE_URL}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert UNSUBSCRIBE_URL in written.text
    assert UNSUBSCRIBE_URL in Page(written.html).links()


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name not in LIFECYCLE])
def test_a_mail_about_a_payment_offers_no_way_out_and_no_advertising(template: str) -> None:
    written = mail(template)

    assert not [name for name, _ in written.headers if name.startswith("List-")]
    assert "unsubscribe" not in written.text.lower()
    assert not re.search(r"\boffer|discount|upgrade", written.text, re.IGNORECASE)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("reason", ["declined", "expired"])
def test_nobody_is_told_that_a_card_was_stolen_or_is_shamed(language: str, reason: str) -> None:
    values = {**find("payment_needs_card").example(), "reason": reason}

    written = mail("payment_needs_card", values, locale=language)

    said = (written.subject + written.text).lower()
    shaming = "stolen|fraud|lost|insufficient|gestohlen|betrug|verloren|gesperrt|guthaben|your fault|debt"
    assert not re.search(shaming, said)
    assert ("expired" in said or "abgelaufen" in said) is (reason == "expired")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("template", TEMPLATES)
def test_no_letter_shouts_or_hurries(template: str, language: str) -> None:
    written = mail(template, locale=language)

    assert "!" not in written.subject + written.text
    assert not re.search(
        r"(?i)act now|last chance|hurry|jetzt handeln|letzte chance|nur noch heute", written.text
    )


@pytest.mark.parametrize(
    ("locale", "greeting"),
    [
        *((tag, "Guten Tag") for tag in ("de", "de-AT", "DE_at")),
        *((tag, "Hi") for tag in ("en-GB", "fr", "", None, "../../etc", "de-\x00", "zz")),
    ],
)
def test_a_language_falls_back_to_its_parent_and_then_to_the_companys(
    locale: str | None, greeting: str
) -> None:
    assert mail("payment_failed", locale=locale).text.startswith(f"{greeting} Ada,")


def test_the_companys_own_language_comes_before_english() -> None:
    german = Letters(letterhead=Letterhead(company="Acme", postal_address="", locale="de-CH"))

    assert mail("payment_failed", locale="fr", letters=german).text.startswith("Guten Tag")


def test_numbers_are_written_as_in_the_customers_region() -> None:
    values = {**find("payment_failed").example(), "amount": {"amount": 123456, "currency": "EUR"}}

    assert "1.234,56\u00a0€" in mail("payment_failed", values, locale="de").text
    assert "€\u00a01.234,56" in mail("payment_failed", values, locale="de-AT").text
    assert "€1,234.56" in mail("payment_failed", values, locale="en-GB").text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"plan": None}, r"value 'plan' is missing: give the plan's name, e\.g\. 'Business'"),
        ({"plan": 7}, "value 'plan' is wrong: give a text"),
        ({"plan": " \u202e "}, "value 'plan' is wrong: give a text in which something can be seen"),
        ({"planet": "Mars"}, "value 'planet' is unknown: it takes name, sender, amount"),
        ({"amount": 49}, r'value \'amount\' is wrong: give \{"amount": whole minor units'),
        ({"amount": {"amount": 49.0, "currency": "EUR"}}, "value 'amount' is wrong"),
        ({"amount": {"amount": True, "currency": "EUR"}}, "value 'amount' is wrong"),
        ({"amount": {"amount": -1, "currency": "EUR"}}, "value 'amount' is wrong"),
        ({"amount": {"amount": 1, "currency": "eur"}}, "value 'amount' is wrong"),
        ({"retry_at": 1_796_122_800}, "value 'retry_at' is wrong: give an instant in UTC epoch milliseconds"),
        ({"update_url": "javascript:alert(1)"}, "value 'update_url' is wrong: give an address"),
        ({"card": {"brand": "Visa", "last4": "4242424242424242"}}, "value 'card' is wrong"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name_with_a_remedy(values: dict[str, Any], says: str) -> None:
    with pytest.raises(LetterError, match=f"letter payment_failed: {says}"):
        mail("payment_failed", {**find("payment_failed").example(), **values})


def test_an_offer_is_told_with_its_code_and_its_end_or_not_at_all() -> None:
    with pytest.raises(LetterError, match="give all of offer, code, expires_at, or none"):
        mail("win_back_last", {**find("win_back_last").example(), "code": None})


def test_a_letter_that_does_not_exist_is_refused_with_those_that_do() -> None:
    asked = MailRequest(account="a", to="a@b.example", template="pay", journey="j", episode="e", step="s")

    with pytest.raises(LetterError, match=r"there is no letter 'pay': write one of payment_failed, "):
        LETTERS.render(asked, mail_class=MailClass.TRANSACTIONAL, unsubscribe_url=None)


@pytest.mark.parametrize("url", [None, "", "http://api.acme.example/u", "https://a@b.example/"])
def test_no_lifecycle_mail_goes_without_a_way_out(url: str | None) -> None:
    asked = MailRequest(
        account="a", to="a@b.example", template="check_in", journey="j", episode="e", step="s"
    )

    with pytest.raises(LetterError, match="its link to opt out is missing or wrong"):
        LETTERS.render(asked, mail_class=MailClass.LIFECYCLE, unsubscribe_url=url)


def test_no_letter_is_sent_as_what_it_is_not() -> None:
    asked = MailRequest(
        account="a", to="a@b.example", template="check_in", journey="j", episode="e", step="s"
    )

    with pytest.raises(LetterError, match="it is no transactional mail: send it as a lifecycle mail"):
        LETTERS.render(asked, mail_class=MailClass.TRANSACTIONAL, unsubscribe_url=None)


def test_every_letter_has_its_words_in_every_language_and_no_words_are_left_over() -> None:
    for language in languages():
        files = {path.name for path in (FOLDER / language).iterdir() if not path.name.startswith("_")}
        wanted = {f"{name}.{part}" for name in TEMPLATES for part in ("txt", "html")}
        assert files == wanted | {"preferences.toml"}
