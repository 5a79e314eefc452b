"""Mails to SES: what is handed over, and what each of its answers means."""

from email import message_from_bytes
from email.policy import default
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st
from stemtide.delivery.ses import ONCE, SesSender, message_of
from stemtide.mail.message import MailClass, Rendered, Sender
from stemtide.mail.ports import Asked, Claim, MailRefusedError, SendingStoppedError, TooFastError
from stemtide.mail.tags import tagged, tags_of
from stemtide.ports import UnavailableError

CLAIM = Claim(
    asked=Asked(account="beta:1@x", key="0123456789abcdef01234567", address="aa", campaign="dunning"),
    token="t",
    to="ada@example.com",
    mail_class=MailClass.TRANSACTIONAL,
    template="payment_failed",
    journey="dunning",
    episode="in_1 / 2",
    step="",
    at_ms=1,
    real_ms=1,
    run=0,
    contacts=(),
    budget_version=0,
)
CONTENT = Rendered(
    subject="Zahlung über 5 € — Ünïcode",
    text="Hallo\nAda",
    html="<p>Hallo Ada</p>",
    headers=(("List-Unsubscribe", "<https://example.com/u/abc>"), ("Auto-Submitted", "auto-generated")),
)
ACME = Sender("Acmé, Inc.", "hello@example.com")


def sesv2() -> Any:
    return boto3.client(
        "sesv2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x", config=ONCE
    )


def sender_on(client: Any) -> SesSender:
    return SesSender(client=client, sender=ACME, reply_to="help@example.com", configuration_set="stemtide")


def test_a_mail_is_sent_with_its_set_and_tags_that_ses_takes() -> None:
    client = sesv2()
    with Stubber(client) as stub:
        stub.add_response(
            "send_email",
            {"MessageId": "m-1"},
            {
                "FromEmailAddress": "=?utf-8?b?QWNtw6ksIEluYy4=?= <hello@example.com>",
                "Destination": {"ToAddresses": ["ada@example.com"]},
                "Content": {"Raw": {"Data": ANY}},
                "ConfigurationSetName": "stemtide",
                "EmailTags": [{"Name": name, "Value": value} for name, value in tags_of(CLAIM).items()],
            },
        )

        found = sender_on(client).send(CLAIM, CONTENT)

    assert found == "m-1"


def test_tags_tell_back_whose_mail_it_is() -> None:
    tags = tags_of(CLAIM)

    told = tagged({name: [value] for name, value in tags.items()})

    assert told == ("beta:1@x", "0123456789abcdef01234567", MailClass.TRANSACTIONAL)
    assert (tags["episode"], tags["step"]) == ("in_1---2", "-")


@given(st.text(min_size=1, max_size=128))
def test_any_account_survives_its_tag(account: str) -> None:
    try:
        account.encode()
    except UnicodeEncodeError:
        return
    claim = Claim(
        **{name: getattr(CLAIM, name) for name in Claim.__slots__}
        | {"asked": Asked(account=account, key=CLAIM.asked.key, address="aa", campaign="c")}
    )

    tags = tags_of(claim)

    assert all(set(value) <= set(ALLOWED) and 0 < len(value) <= 256 * 3 for value in tags.values())
    told = tagged({name: [value] for name, value in tags.items()})
    assert told is not None
    assert told.account == account


ALLOWED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def test_the_message_has_text_and_html_and_every_header_once() -> None:
    raw = message_of("ada@example.com", CONTENT, sender=ACME, reply_to="help@example.com")

    message = message_from_bytes(raw, policy=default)
    assert message["From"] == '"Acmé, Inc." <hello@example.com>'
    assert message["To"] == "ada@example.com"
    assert message["Reply-To"] == "help@example.com"
    assert message["Subject"] == CONTENT.subject
    assert message["List-Unsubscribe"] == "<https://example.com/u/abc>"
    assert message.get_all("Auto-Submitted") == ["auto-generated"]
    body, page = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert body is not None
    assert page is not None
    assert body.get_content().replace("\r\n", "\n").strip() == "Hallo\nAda"
    assert page.get_content().strip() == "<p>Hallo Ada</p>"


def test_a_long_link_to_unsubscribe_stays_a_link() -> None:
    link = f"<https://api.example.com/v1/unsubscribe/{'A' * 300}>"
    content = Rendered(subject="s", text="t", html="h", headers=(("List-Unsubscribe", link),))

    raw = message_of("ada@example.com", content, sender=ACME, reply_to="")

    assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in raw


@pytest.mark.parametrize(
    "content",
    [
        Rendered(
            subject="s", text="t", html="h", headers=(("List-Unsubscribe", "<a>\r\nBcc: bob@b.example"),)
        ),
        Rendered(subject="a\r\nBcc: bob@example.com", text="t", html="h"),
        Rendered(subject="s", text="t", html="h", headers=(("X-A", "b\nBcc: bob@example.com"),)),
        Rendered(subject="s", text="t", html="h", headers=(("X A\nBcc", "b"),)),
    ],
)
def test_a_header_that_would_be_two_is_refused_before_anything_is_sent(content: Rendered) -> None:
    with Stubber(sesv2()) as stub, pytest.raises(MailRefusedError):
        sender_on(stub.client).send(CLAIM, content)


@pytest.mark.parametrize(
    ("code", "status", "message", "means"),
    [
        ("TooManyRequestsException", 429, "slow down", TooFastError),
        ("LimitExceededException", 400, "Daily message quota exceeded", TooFastError),
        ("MessageRejected", 400, "Email address is a blackhole", MailRefusedError),
        ("BadRequestException", 400, "Illegal address", MailRefusedError),
        ("MessageRejected", 400, "Email address is not verified.", SendingStoppedError),
        ("MailFromDomainNotVerifiedException", 400, "", SendingStoppedError),
        ("SendingPausedException", 400, "", SendingStoppedError),
        ("AccountSuspendedException", 400, "", SendingStoppedError),
        ("NotFoundException", 404, "no such configuration set", SendingStoppedError),
        ("AccessDeniedException", 403, "", SendingStoppedError),
        ("InternalFailure", 500, "", UnavailableError),
        ("ServiceUnavailable", 503, "", UnavailableError),
    ],
)
def test_row_46_an_answer_is_certain_or_unknown(
    code: str, status: int, message: str, means: type[Exception]
) -> None:
    client = sesv2()
    with Stubber(client) as stub:
        stub.add_client_error("send_email", code, message, status)

        with pytest.raises(means) as caught:
            sender_on(client).send(CLAIM, CONTENT)

    assert type(caught.value) is means


class Unreachable:
    """A client whose every request ends without an answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_email(self, **_: Any) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (ReadTimeoutError(endpoint_url="x"), UnavailableError),
        (ConnectionClosedError(endpoint_url="x"), UnavailableError),
        (EndpointConnectionError(endpoint_url="x"), TooFastError),
    ],
)
def test_row_45_a_lost_reply_is_unknown_and_a_connection_that_never_stood_is_not(
    error: Exception, means: type[Exception]
) -> None:
    with pytest.raises(means):
        sender_on(Unreachable(error)).send(CLAIM, CONTENT)


def test_the_client_never_sends_a_request_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client, tries = sesv2(), []

    def fail(request: Any, **_: Any) -> Any:
        tries.append(request)
        raise ConnectionClosedError(endpoint_url="x")

    client.meta.events.register("before-send.sesv2.SendEmail", fail)

    with pytest.raises(UnavailableError):
        sender_on(client).send(CLAIM, CONTENT)

    assert len(tries) == 1


def test_a_refusal_that_nobody_knows_stops_the_campaign_rather_than_the_mail() -> None:
    error = ClientError(
        {"Error": {"Code": "Novel"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "SendEmail"
    )

    with pytest.raises(SendingStoppedError, match="Novel"):
        sender_on(Unreachable(error)).send(CLAIM, CONTENT)
