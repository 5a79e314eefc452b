"""Links in mails: only what we signed for this purpose is believed, old keys included, and nothing else."""

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.mail import links
from stemtide.mail.link_keys import LinkKeys, PreferenceLinks
from stemtide.mail.links import MAX_TOKEN_CHARS, Linked, Purpose, read, token
from stemtide.mail.message import MailRequest, address_key

KEY = b"k" * 64
OTHER = b"o" * 64
ADDRESS = "ada.lovelace@customer.example"
LINKED = Linked(address_key=address_key(ADDRESS), account="org:7", issued_s=1_796_122_800)
SIGNED = token(LINKED, purpose=Purpose.MAIL_PREFERENCES, key=KEY)
BASE64URL = string.ascii_letters + string.digits + "-_"


def believed(text: str, *keys: bytes) -> Linked | None:
    return read(text, purpose=Purpose.MAIL_PREFERENCES, keys=keys or (KEY,))


@given(
    account=st.text("abcXYZ019._:-", min_size=1, max_size=128),
    issued_s=st.integers(0, 2**40 - 1),
    address=st.binary(min_size=16, max_size=16),
)
def test_what_was_signed_is_read_back(account: str, issued_s: int, address: bytes) -> None:
    linked = Linked(address_key=address.hex(), account=account, issued_s=issued_s)

    signed = token(linked, purpose=Purpose.MAIL_PREFERENCES, key=KEY)

    assert believed(signed) == linked
    assert len(signed) <= MAX_TOKEN_CHARS
    assert set(signed) <= set(BASE64URL)


@pytest.mark.parametrize("place", range(len(SIGNED)))
def test_a_link_with_any_other_letter_is_none(place: int) -> None:
    for letter in BASE64URL:
        forged = SIGNED[:place] + letter + SIGNED[place + 1 :]
        assert (believed(forged) is None) == (forged != SIGNED)


@pytest.mark.parametrize("length", range(len(SIGNED)))
def test_a_link_that_was_cut_off_is_none(length: int) -> None:
    assert believed(SIGNED[:length]) is None
    assert believed(SIGNED[length:] if length else "") is None


@pytest.mark.parametrize(
    "text",
    [
        SIGNED + "=",
        SIGNED + "A",
        " " + SIGNED,
        SIGNED + "\n",
        "ä" * 20,
        "A" * 10_000,
        "%41",
        SIGNED[:-1] + "=",
    ],
)
def test_only_our_own_spelling_is_a_link(text: str) -> None:
    assert believed(text) is None


@given(st.text(max_size=400))
def test_no_other_text_is_a_link(text: str) -> None:
    assert believed(text) is None


def test_a_link_of_another_key_is_none_and_a_kept_key_is_believed() -> None:
    assert believed(SIGNED, OTHER) is None
    assert believed(SIGNED, OTHER, KEY) == LINKED


def test_a_link_for_another_purpose_or_of_another_version_is_none() -> None:
    said = base64.urlsafe_b64decode(SIGNED + "=" * (-len(SIGNED) % 4))[:-32]

    for changed in (bytes((1, 2)) + said[2:], bytes((2, 1)) + said[2:]):
        signed = base64.urlsafe_b64encode(changed + links._mac(changed, KEY)).rstrip(b"=").decode()
        assert believed(signed) is None


def test_a_link_holds_no_address() -> None:
    data = base64.urlsafe_b64decode(SIGNED + "=" * (-len(SIGNED) % 4)).lower()

    assert b"ada" not in data
    assert b"customer" not in data


def test_a_link_that_is_too_long_is_none_whoever_has_signed_it() -> None:
    def signed(chars: int) -> str:
        account = "a" * chars
        linked = Linked(address_key=LINKED.address_key, account=account, issued_s=1)
        return token(linked, purpose=Purpose.MAIL_PREFERENCES, key=KEY)

    assert len(signed(170)) == 300
    assert believed(signed(170)) is not None
    assert believed(signed(171)) is None


def test_an_account_whose_id_is_an_address_is_left_out() -> None:
    signed = token(
        Linked(address_key=LINKED.address_key, account="ada@customer.example", issued_s=1),
        purpose=Purpose.MAIL_PREFERENCES,
        key=KEY,
    )

    found = believed(signed)
    assert found is not None
    assert found.account == ""


class Secrets:
    """Secrets Manager with one secret; counts how often it is asked."""

    def __init__(self, **secret: Any) -> None:
        self.secret = secret
        self.reads = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        self.reads += 1
        return {"SecretString": json.dumps(self.secret)}


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def keys_of(secrets: Secrets, clock: Clock) -> LinkKeys:
    return LinkKeys(client=secrets, secret_id="links", clock=clock)


def test_a_changed_key_signs_and_the_old_one_is_believed_for_as_long_as_it_is_kept() -> None:
    secrets, clock = Secrets(current="a" * 64), Clock()
    keys = keys_of(secrets, clock)
    old = keys.sign(LINKED)

    secrets.secret = {"current": "b" * 64, "previous": "a" * 64}
    clock.now = 301
    new = keys.sign(LINKED)
    older_still = {"current": "c" * 64, "previous": ["b" * 64, "a" * 64]}

    assert new != old
    assert keys.read(old) == keys.read(new) == LINKED
    assert keys_of(Secrets(**older_still), Clock()).read(old) == LINKED
    assert keys_of(Secrets(current="b" * 64), Clock()).read(old) is None


def test_a_key_that_is_not_known_yet_is_looked_for_but_forged_links_cost_no_look_each() -> None:
    secrets, clock = Secrets(current="a" * 64), Clock()
    keys = keys_of(secrets, clock)
    assert keys.read("AAAA") is None

    secrets.secret = {"current": "b" * 64}
    signed = keys_of(secrets, Clock()).sign(LINKED)
    reads = secrets.reads
    assert [keys.read(signed) for _ in range(10)] == [None] * 10
    clock.now = 16

    assert secrets.reads == reads
    assert keys.read(signed) == LINKED


@pytest.mark.parametrize("secret", [{"current": "short"}, {"current": "a" * 64, "previous": "b"}])
def test_a_key_that_could_be_guessed_is_refused(secret: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a key of links has fewer than 32 characters"):
        keys_of(Secrets(**secret), Clock()).sign(LINKED)


def test_the_link_of_a_mail_leads_to_the_page_of_its_recipient() -> None:
    keys = keys_of(Secrets(current="a" * 64), Clock())
    made = PreferenceLinks(api_url="https://api.acme.example", keys=keys, at_ms=lambda: 1_796_122_800_999)
    request = MailRequest(
        account="org:7", to=ADDRESS.upper(), template="check_in", journey="retention", episode="e", step="s"
    )

    url = made.url(request)

    beginning = "https://api.acme.example/v1/unsubscribe/"
    assert url.startswith(beginning)
    assert keys.read(url.removeprefix(beginning)) == LINKED
