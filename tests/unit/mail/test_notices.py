"""Notices of SES in every shape: read, told apart, and refused when they are none."""

import json
from typing import Any

import pytest
from stemtide.calls import timestamp_ms
from stemtide.mail.message import MailClass, address_key
from stemtide.mail.notices import NoticeError, NoticeKind, parse
from stemtide.mail.tags import Tagged

KEY = "0123456789abcdef01234567"
TAGS = {"mail": [KEY], "account": ["YmV0YTox"], "class": ["lifecycle"], "ses:source-ip": ["192.0.2.0"]}
MAIL = {
    "timestamp": "2026-11-30T07:00:00.000Z",
    "source": "Acme <hello@example.com>",
    "messageId": "0100-m1-000000",
    "destination": ["Ada@example.com"],
    "tags": TAGS,
}
BOUNCE = {
    "bounceType": "Permanent",
    "bounceSubType": "General",
    "bouncedRecipients": [
        {"emailAddress": "Ada@example.com", "diagnosticCode": "smtp; 550 <ada@example.com> unknown"}
    ],
    "timestamp": "2026-11-30T07:00:02.669Z",
    "feedbackId": "f-1",
}
COMPLAINT = {
    "complainedRecipients": [{"emailAddress": "ada@example.com"}],
    "timestamp": "2026-11-30T09:00:00.000Z",
    "complaintFeedbackType": "abuse",
}


def published(name: str, part: str = "", told: dict[str, Any] | None = None, **mail: Any) -> dict[str, Any]:
    """An event of event publishing."""
    return {"eventType": name, "mail": MAIL | mail, **({part: told or {}} if part else {})}


def through_sns(event: dict[str, Any]) -> str:
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "sns-1",
            "TopicArn": "arn:aws:sns:eu-west-1:000000000000:ses",
            "Message": json.dumps(event),
            "Timestamp": "2026-11-30T07:00:03.000Z",
        }
    )


def through_the_bus(event: dict[str, Any], detail_type: str, *, named: bool = True) -> str:
    detail = event if named else {name: value for name, value in event.items() if name != "eventType"}
    return json.dumps({"version": "0", "source": "aws.ses", "detail-type": detail_type, "detail": detail})


@pytest.mark.parametrize(
    "body",
    [
        through_sns(published("Bounce", "bounce", BOUNCE)),
        json.dumps(published("Bounce", "bounce", BOUNCE)),
        through_the_bus(published("Bounce", "bounce", BOUNCE), "Email Bounced"),
        through_the_bus(published("Bounce", "bounce", BOUNCE), "Email Bounced", named=False),
    ],
    ids=["sns", "raw", "bus", "bus without a name"],
)
def test_a_bounce_is_the_same_in_every_envelope(body: str) -> None:
    notice = parse(body)

    assert notice is not None
    assert (notice.kind, notice.message_id) == (NoticeKind.BOUNCED, "0100-m1-000000")
    assert notice.at_ms == timestamp_ms("2026-11-30T07:00:02.669Z")
    assert notice.addresses == (address_key("ada@example.com"),)
    assert notice.tagged == Tagged("beta:1", KEY, MailClass.LIFECYCLE)
    assert notice.detail == "Permanent/General"  # what the remote server says may quote an address


def test_a_feedback_notification_has_another_name_and_no_tags() -> None:
    event = {"notificationType": "Complaint", "complaint": COMPLAINT, "mail": MAIL | {"tags": None}}

    notice = parse(through_sns(event))

    assert notice is not None
    assert (notice.kind, notice.tagged) == (NoticeKind.COMPLAINED, None)


@pytest.mark.parametrize("kind", ["Transient", "Undetermined"])
def test_a_bounce_that_may_pass_is_a_soft_one(kind: str) -> None:
    notice = parse(json.dumps(published("Bounce", "bounce", BOUNCE | {"bounceType": kind})))

    assert notice is not None
    assert notice.kind is NoticeKind.SOFT_BOUNCED


@pytest.mark.parametrize(
    ("name", "detail_type", "part", "kind"),
    [
        ("Send", "Email Sent", "send", NoticeKind.ACCEPTED),
        ("Delivery", "Email Delivered", "delivery", NoticeKind.DELIVERED),
        ("Complaint", "Email Complaint Received", "complaint", NoticeKind.COMPLAINED),
        ("Reject", "Email Rejected", "reject", NoticeKind.REJECTED),
        ("Open", "Email Opened", "open", NoticeKind.OPENED),
        ("Click", "Email Clicked", "click", NoticeKind.CLICKED),
        ("Rendering Failure", "Email Rendering Failed", "failure", NoticeKind.NOT_RENDERED),
        ("DeliveryDelay", "Email Delivery Delayed", "deliveryDelay", NoticeKind.DELAYED),
    ],
)
def test_every_kind_is_known_by_both_of_its_names(
    name: str, detail_type: str, part: str, kind: NoticeKind
) -> None:
    told = COMPLAINT if kind is NoticeKind.COMPLAINED else {}
    event = published(name, part, told)

    both = [parse(through_sns(event)), parse(through_the_bus(event, detail_type, named=False))]

    assert [notice and notice.kind for notice in both] == [kind, kind]


def test_who_takes_a_mail_out_of_the_spam_folder_does_not_complain() -> None:
    event = published("Complaint", "complaint", COMPLAINT | {"complaintFeedbackType": "not-spam"})

    assert parse(json.dumps(event)) is None


def test_what_is_of_no_interest_is_nothing() -> None:
    assert parse(json.dumps(published("Subscription", "subscription"))) is None
    hello = "Successfully validated SNS topic for Amazon SES event publishing."
    assert parse(json.dumps({"Type": "Notification", "TopicArn": "t", "Message": hello})) is None


@pytest.mark.parametrize(
    "tags",
    [
        {},
        TAGS | {"mail": ["../etc"]},
        TAGS | {"mail": []},
        TAGS | {"account": ["%%%"]},
        TAGS | {"account": ["_w"]},
        TAGS | {"class": ["other"]},
    ],
)
def test_tags_of_somebody_else_name_no_mail(tags: dict[str, Any]) -> None:
    notice = parse(json.dumps(published("Delivery", "delivery", {}, tags=tags)))

    assert notice is not None
    assert notice.tagged is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"eventType": "Bounce"}',
        json.dumps(published("Unheard Of", "unheard")),
        json.dumps(published("Bounce", "bounce", {})),
        json.dumps(published("Bounce", "bounce", BOUNCE | {"bouncedRecipients": [{"emailAddress": "x"}]})),
        json.dumps(published("Bounce", "bounce", BOUNCE | {"timestamp": "soon"})),
        json.dumps({"Type": "Notification", "TopicArn": "t", "Message": "no JSON"}),
        json.dumps({"source": "aws.ses", "detail-type": "Email Bounced", "detail": None}),
    ],
)
def test_what_is_no_notice_says_so(body: str) -> None:
    with pytest.raises(NoticeError):
        parse(body)
