"""The local mailbox: what SES was given, as scripts and people are shown it."""

import base64
import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from stemtide.clock import REAL_TIME, ModelClock

from infra.local.emulator.mailbox import Mailbox
from infra.local.emulator.mailbox.letter import row_of
from infra.local.emulator.mailbox.routes import answer, is_route
from tests.letters import mail

AT_MS = 1_796_122_800_000
HOSTILE = '<script>alert(1)</script>"'


def sent(
    number: int = 1,
    *,
    to: str = "ada@customer.example",
    account: str = "acct-1",
    subject: str = "Hello",
    html: str = "<html><head></head><body><p>Hi</p></body></html>",
    clock: ModelClock = REAL_TIME,
) -> dict[str, Any]:
    """The row of a mail as the product sends it."""
    message = EmailMessage()
    message["From"] = "Acme <hello@acme.example>"
    message["To"] = to
    message["Subject"] = subject
    message["List-Unsubscribe"] = "<https://a.example/u>"
    message.set_content("Hi, Zoë")
    message.add_alternative(html, subtype="html")
    tagged = base64.urlsafe_b64encode(account.encode()).decode().rstrip("=")
    tags = {"account": tagged, "class": "lifecycle", "episode": "e1", "step": "day-3"}
    request = {
        "FromEmailAddress": "hello@acme.example",
        "Destination": {"ToAddresses": [to]},
        "Content": {"Raw": {"Data": base64.b64encode(message.as_bytes()).decode()}},
        "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
    }
    at_ms = AT_MS + number * 1000
    return row_of(f"m-{number}", request, real_ms=at_ms, clock=clock, shown={})


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path / "mailbox.db")


def ask(
    mailbox: Mailbox, path: str = "", *, query: str = "", method: str = "GET", accept: str = "*/*"
) -> Any:
    """Status and content of an answer; JSON is parsed."""
    path = f"/_stemtide/mailbox{path}"
    assert is_route(path)
    reply = answer(mailbox, method=method, path=path, query=query, accept=accept)
    is_json = reply.headers["content-type"] == "application/json"
    return reply.status, json.loads(reply.body) if is_json else reply.body.decode()


def test_a_row_says_who_was_written_what_about_which_account_and_step() -> None:
    row = sent()

    assert {name: row[name] for name in ("id", "to", "from", "subject")} == {
        "id": "m-1",
        "to": "ada@customer.example",
        "from": "Acme <hello@acme.example>",
        "subject": "Hello",
    }
    assert (row["class"], row["account"], row["episode"], row["step"]) == (
        *("lifecycle", "acct-1"),
        *("e1", "day-3"),
    )
    assert row["headers"]["List-Unsubscribe"] == "<https://a.example/u>"
    assert (row["text"], row["html"].strip()[:6]) == ("Hi, Zoë\n", "<html>")
    assert row["at"] == row["sent_at"] == "2026-12-01T11:00:01.000Z"


def test_the_instant_of_a_mail_is_that_of_the_model_clock() -> None:
    row = sent(clock=ModelClock(real_ms=AT_MS, model_ms=AT_MS, scale=86_400.0))

    assert row["at"] == "2026-12-02T11:00:00.000Z"
    assert row["sent_at"] == "2026-12-01T11:00:01.000Z"


def test_an_account_of_any_letters_is_told_as_it_is() -> None:
    assert sent(account="org:7@eu_1.x-2")["account"] == "org:7@eu_1.x-2"


def test_a_mail_that_is_no_mime_message_is_told_as_the_emulator_understood_it() -> None:
    request = {"FromEmailAddress": "a@b.example", "Destination": {"ToAddresses": ["c@d.example"]}}

    row = row_of("m", request, real_ms=AT_MS, clock=REAL_TIME, shown={"Subject": "S", "BodyText": "T"})

    assert (row["from"], row["to"], row["subject"], row["text"], row["html"]) == (
        *("a@b.example", "c@d.example"),
        *("S", "T", ""),
    )
    assert row["account"] is None


def test_the_newest_mail_comes_first(mailbox: Mailbox) -> None:
    for number in (1, 2, 3):
        mailbox.add(sent(number))

    assert [row["id"] for row in ask(mailbox)[1]] == ["m-3", "m-2", "m-1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("account=acct-1", ["m-3", "m-1"]),
        ("to=BOB@customer.example", ["m-2"]),
        ("to=ob@customer.example", []),
        ("since=2026-12-01T11:00:02Z", ["m-3", "m-2"]),
        ("since=2026-12-01T12:00:02+01:00", ["m-3", "m-2"]),
        (f"since={AT_MS + 3000}", ["m-3"]),
        ("account=acct-1&since=2026-12-01T11:00:02Z", ["m-3"]),
    ],
)
def test_mails_are_found_by_account_address_and_instant(
    mailbox: Mailbox, query: str, found: list[str]
) -> None:
    mailbox.add(sent(1))
    mailbox.add(sent(2, to="bob@customer.example", account="acct-2"))
    mailbox.add(sent(3))

    assert [row["id"] for row in ask(mailbox, query=query)[1]] == found


@pytest.mark.parametrize("query", ["from=x", "since=yesterday", "since=99999999999999999999"])
def test_a_filter_that_cannot_be_used_is_refused(mailbox: Mailbox, query: str) -> None:
    assert ask(mailbox, query=query)[0] == 400


def test_one_mail_is_found_by_its_id_and_no_other(mailbox: Mailbox) -> None:
    mailbox.add(sent(1))

    assert ask(mailbox, "/m-1")[1]["subject"] == "Hello"
    assert ask(mailbox, "/m-2")[0] == 404
    assert ask(mailbox, "/m-1/text")[0] == 404


def test_an_emptied_mailbox_is_empty(mailbox: Mailbox) -> None:
    mailbox.add(sent(1))

    assert ask(mailbox, method="DELETE") == (200, {"deleted": 1})
    assert ask(mailbox) == (200, [])
    assert ask(mailbox, method="POST")[0] == 405


def test_mails_outlive_the_process(tmp_path: Path) -> None:
    Mailbox(tmp_path / "mailbox.db").add(sent(1))

    assert [row["id"] for row in Mailbox(tmp_path / "mailbox.db").rows()] == ["m-1"]


def test_people_see_the_list_and_the_chosen_mail_in_a_frame_of_its_own(mailbox: Mailbox) -> None:
    mailbox.add(sent(1, subject=HOSTILE, html=mail("check_in").html))

    listed = ask(mailbox, accept="text/html,*/*;q=0.8")[1]
    chosen = ask(mailbox, ".html", query="id=m-1")[1]
    alone = answer(mailbox, method="GET", path="/_stemtide/mailbox/m-1/html", query="", accept="")

    assert "<script" not in listed + chosen
    assert 'href="/_stemtide/mailbox.html?id=m-1"' in listed
    assert 'src="/_stemtide/mailbox/m-1/html"' in chosen
    assert "allow-scripts" not in chosen + alone.headers["content-security-policy"]
    assert alone.headers["content-security-policy"].startswith("default-src 'none'")
    assert "How are things going?" in alone.body.decode()
