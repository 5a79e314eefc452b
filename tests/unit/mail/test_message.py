"""Keys of mails and addresses: the same for the same mail, and nothing personal in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from stemtide.mail.message import AddressError, MailRequest, address_key, mail_key, normal_address

REQUEST = MailRequest(
    account="acme", to="ada@example.com", template="t", journey="dunning", episode="e1", step="1"
)
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


def addresses() -> st.SearchStrategy[str]:
    """Addresses with letters of every script."""
    domains = st.from_regex(r"[a-z]{1,9}(\.[a-z]{2,5}){1,2}", fullmatch=True)
    return st.builds(lambda local, domain: f"{local}@{domain}", PLAIN, domains).filter(_is_address)


def _is_address(text: str) -> bool:
    try:
        normal_address(text)
    except AddressError:
        return False
    return True


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BU\u0308CHER.example", "ada@xn--bcher-kva.example"),
        ("\uff41da@example.com", "ada@example.com"),
        ("ada@example.com.", "ada@example.com"),
        ("o'hara+x@example.com", "o'hara+x@example.com"),
    ],
)
def test_spellings_of_one_address_are_one(spelled: str, normal: str) -> None:
    assert normal_address(spelled) == normal
    assert address_key(spelled) == address_key(normal)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@example..com",
        "Ada <ada@example.com>",
        "ada@example.com, bob@example.com",
        "ada@example.com\r\nBcc: bob@example.com",
        "ada\u2028@example.com",
        f"{'a' * 250}@example.com",
        f"ada@{'a' * 64}.com",
    ],
)
def test_what_is_no_single_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        normal_address(text)


@given(addresses())
def test_a_normal_address_is_its_own_normal_form_and_no_key_tells_it(address: str) -> None:
    normal = normal_address(address)

    assert normal_address(normal) == normal
    assert len(address_key(address)) == 32
    assert set(address_key(address)) <= set("0123456789abcdef")


def test_a_repetition_has_the_same_key_whatever_it_says() -> None:
    again = replace(
        REQUEST, to="ADA@example.com", values={"name": "Ada"}, locale="de", zone="UTC", template="u"
    )

    assert mail_key(again) == mail_key(REQUEST)
    assert len(mail_key(REQUEST)) == 24


@pytest.mark.parametrize("name", ["account", "episode", "step", "intent"])
def test_another_mail_has_another_key(name: str) -> None:
    assert mail_key(replace(REQUEST, **{name: "other"})) != mail_key(REQUEST)


def test_another_recipient_has_another_key() -> None:
    assert mail_key(replace(REQUEST, to="bob@example.com")) != mail_key(REQUEST)


@given(st.lists(PLAIN, min_size=3, max_size=3), st.lists(PLAIN, min_size=3, max_size=3))
def test_different_parts_never_run_together(one: list[str], other: list[str]) -> None:
    names = ("account", "episode", "step")
    keys = [mail_key(replace(REQUEST, **dict(zip(names, parts, strict=True)))) for parts in (one, other)]

    assert (keys[0] == keys[1]) == (one == other)


def test_the_campaign_is_the_journey_unless_one_is_named() -> None:
    assert REQUEST.of_campaign == "dunning"
    assert replace(REQUEST, campaign="spring").of_campaign == "spring"
