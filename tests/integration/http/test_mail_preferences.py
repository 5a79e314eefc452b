"""The page of mail preferences: shown it changes nothing, posted to it obeys, strangers learn nothing."""

from typing import Any

import pytest
from stemtide.access import GET_UNSUBSCRIBE, POST_UNSUBSCRIBE
from stemtide.mail.links import Linked, Purpose, token
from stemtide.mail.message import address_key
from stemtide.mail.ports import Stop
from stemtide.mail.preferences import Preferences
from stemtide.store.contact_items import ContactItems
from stemtide.store.contacts import Contacts
from stemtide.store.mail_choices import MailChoices

from tests.http_api import ARRIVAL_MS, unsubscribe
from tests.integration.http.conftest import LINK_KEY, Cloud, Reply
from tests.letters import Page

ADDRESS = address_key("ada@customer.example")
LINK = token(
    Linked(address_key=ADDRESS, account="acme", issued_s=1_700_000_000),
    purpose=Purpose.MAIL_PREFERENCES,
    key=LINK_KEY.encode(),
)
ONE_CLICK = "List-Unsubscribe=One-Click"


def contacts(cloud: Cloud) -> Contacts:
    return Contacts(cloud.table["contacts"], accounts_table="accounts")


def choice(cloud: Cloud) -> Preferences:
    return MailChoices(ContactItems(cloud.table["contacts"])).preferences(ADDRESS)


def visit(cloud: Cloud, link: str = LINK, **more: Any) -> Reply:
    return cloud.call(unsubscribe(GET_UNSUBSCRIBE, link, **more))


def post(cloud: Cloud, form: str, link: str = LINK, **more: Any) -> Reply:
    return cloud.call(unsubscribe(POST_UNSUBSCRIBE, link, form, **more))


def told(cloud: Cloud) -> list[tuple[str, dict[str, Any]]]:
    """The kinds and facts of the account's timeline, oldest first."""
    return [(note.kind, dict(note.facts)) for note in reversed(contacts(cloud).notes("acme"))]


def test_row_48_fetching_the_page_changes_nothing(cloud: Cloud) -> None:
    before = cloud.table["contacts"].scan()["Items"]

    replies = [visit(cloud) for _ in range(3)]

    assert [reply.status for reply in replies] == [200] * 3
    assert cloud.table["contacts"].scan()["Items"] == before == []
    page = Page(replies[0].body)
    assert [tag for tag, attributes in page.tags if attributes.get("checked")] == ["input"] * 3
    assert {attributes.get("method") for tag, attributes in page.tags if tag == "form"} == {"post"}


def test_one_click_stops_lifecycle_mail_once_and_for_all(cloud: Cloud) -> None:
    replies = [post(cloud, ONE_CLICK) for _ in range(3)]

    assert [reply.status for reply in replies] == [200] * 3
    assert "You are unsubscribed" in replies[0].body
    assert choice(cloud) == Preferences(opted_out=True)
    assert contacts(cloud).addresses.stops(ADDRESS) == {Stop.OPTED_OUT: ARRIVAL_MS}
    assert told(cloud) == [("opted_out", {"how": "one_click"})]


def test_whoever_opted_out_by_mistake_can_come_back(cloud: Cloud) -> None:
    post(cloud, ONE_CLICK)

    reply = post(cloud, "action=opt_in", at_ms=ARRIVAL_MS + 1)

    assert "Done: you get these mails again." in reply.body
    assert choice(cloud) == Preferences()
    assert [kind for kind, _ in told(cloud)] == ["opted_out", "opted_in"]


def test_a_recipient_chooses_kinds_of_mail(cloud: Cloud) -> None:
    reply = post(cloud, "journey=retention&action=choose")

    assert choice(cloud) == Preferences(journeys_off=frozenset({"win_back", "upsell"}))
    checked = [attributes["value"] for tag, attributes in Page(reply.body).tags if attributes.get("checked")]
    assert checked == ["retention"]
    assert told(cloud) == [("mail_chosen", {"how": "page", "off": "upsell win_back"})]


def test_a_choice_replaces_the_one_before(cloud: Cloud) -> None:
    post(cloud, "journey=retention&action=choose")
    post(cloud, ONE_CLICK)

    post(cloud, "journey=upsell&journey=nonsense&action=choose")

    assert choice(cloud) == Preferences(journeys_off=frozenset({"win_back", "retention"}))


def test_to_choose_none_is_to_opt_out(cloud: Cloud) -> None:
    post(cloud, "action=choose")

    assert choice(cloud).opted_out


def test_a_complaint_is_not_taken_back_on_the_page(cloud: Cloud) -> None:
    contacts(cloud).addresses.stop(ADDRESS, Stop.COMPLAINED, at_ms=1)
    post(cloud, ONE_CLICK)

    reply = post(cloud, "action=opt_in")

    assert choice(cloud) == Preferences(stopped=True)
    assert "<button" not in reply.body


def forged() -> list[str]:
    """Links that nobody signed, or not for this."""
    other = Linked(address_key=ADDRESS, account="acme", issued_s=1)
    flipped = ("A" if LINK[10] != "A" else "B").join((LINK[:10], LINK[11:]))
    unsigned = token(other, purpose=Purpose.MAIL_PREFERENCES, key=b"x" * 64)
    return [flipped, unsigned, LINK[:-1], "A", "%00", "<script>", LINK * 9]


@pytest.mark.parametrize("link", forged())
def test_a_link_that_nobody_signed_gets_the_same_page_whatever_is_wrong(cloud: Cloud, link: str) -> None:
    seen, posted = visit(cloud, link), post(cloud, ONE_CLICK, link)

    assert (seen.status, posted.status) == (404, 404)
    assert seen.body == posted.body == visit(cloud, "never").body
    assert cloud.table["contacts"].scan()["Items"] == []


@pytest.mark.parametrize(
    "form", ["", "action=delete", "List-Unsubscribe=Two-Clicks", "action=opt_in&action=choose"]
)
def test_a_post_that_says_nothing_is_refused_and_changes_nothing(cloud: Cloud, form: str) -> None:
    reply = post(cloud, form)

    assert (reply.status, reply.body["type"]) == (400, "urn:stemtide:problem:nothing-to-do")
    assert cloud.table["contacts"].scan()["Items"] == []


def test_a_form_that_is_too_large_is_refused(cloud: Cloud) -> None:
    assert post(cloud, "a=" + "x" * 9000).status == 413


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR,fr;q=0.9", "en"),
        ("fr, de;q=0.4, en;q=0.3", "de"),
        ("en;q=0.1, de;q=0", "en"),
        ("*", "en"),
        (None, "en"),
        ("\x00;q=x,,,;", "en"),
    ],
)
def test_the_page_speaks_the_browsers_language(
    cloud: Cloud, accept_language: str | None, language: str
) -> None:
    reply = visit(cloud, language=accept_language)

    assert reply.headers["Content-Language"] == language
    assert dict(Page(reply.body).tags)["html"]["lang"] == language


def test_the_page_runs_nothing_is_kept_nowhere_and_tells_no_other_site(cloud: Cloud) -> None:
    for reply in (visit(cloud), visit(cloud, "never"), post(cloud, ONE_CLICK)):
        policy = reply.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["X-Robots-Tag"] == "noindex, nofollow"
        page = Page(reply.body)
        assert (page.unclosed, page.wrongly_closed) == ([], [])
        assert not {"script", "img", "iframe", "link"} & {tag for tag, _ in page.tags}
        assert not [a for _, a in page.tags if "style" in a or [n for n in a if n.startswith("on")]]


def test_a_link_of_an_account_whose_id_is_an_address_works_without_a_timeline(cloud: Cloud) -> None:
    linked = Linked(address_key=ADDRESS, account="ada@customer.example", issued_s=1)
    link = token(linked, purpose=Purpose.MAIL_PREFERENCES, key=LINK_KEY.encode())

    post(cloud, ONE_CLICK, link)

    assert choice(cloud).opted_out
    assert len(cloud.table["contacts"].scan()["Items"]) == 1
