"""The functions of mail on AWS as moto imitates it: a mail goes out once, and what SES tells of it counts."""

import dataclasses
import json
from email import message_from_string
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from msgspec.structs import replace
from stemtide.config_mail import QuietHours
from stemtide.contact_events import NOTE_PREFIX, ContactStopped
from stemtide.domain_events import event_of
from stemtide.mail.message import MailRequest, address_key, mail_key
from stemtide.mail.notices import SES_SOURCE
from stemtide.mail.outcomes import Sent
from stemtide.mail.tags import tags_of
from stemtide.ports import UnavailableError
from stemtide.store import clients
from stemtide.table_consumers import STOPS
from stemtide.table_stream import Change, plain

from tests.integration.mail.conftest import MAIL, Cloud, request
from tests.lost_replies import lose_reply


def bounce(
    message_id: str,
    *,
    address: str = "ada@example.org",
    tags: dict[str, Any] | None = None,
    kind: str = "Permanent",
) -> str:
    """A bounce, as SNS delivers it."""
    event = {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bouncedRecipients": [{"emailAddress": address}],
            "timestamp": "2026-11-30T07:00:02.669Z",
        },
        "mail": {"timestamp": "2026-11-30T07:00:00.000Z", "messageId": message_id, "tags": tags or {}},
    }
    return json.dumps({"Type": "Notification", "TopicArn": "t", "Message": json.dumps(event)})


def test_a_claim_that_is_still_being_worked_off_when_it_is_repeated_is_sent_once(cloud: Cloud) -> None:
    client = cloud.mail.contacts()._items.table.meta.client
    seen = lose_reply(client, "TransactWriteItems", in_progress=2)

    outcomes = [cloud.send()["outcome"] for _ in range(2)]

    assert seen == ["TransactWriteItems"] * 3
    assert (outcomes, len(cloud.sent())) == (["sent", "duplicate"], 1)


def test_a_mail_goes_out_once_however_often_it_is_asked_for(cloud: Cloud) -> None:
    first, again = cloud.send(), cloud.send()

    key = mail_key(MailRequest(**MAIL))
    assert (first["outcome"], first["key"]) == ("sent", key)
    assert again == {"outcome": "duplicate", "key": key, "of": first["message_id"]}
    [message] = cloud.sent()
    assert "ada@example.org" in message.raw_data


def test_outcomes_come_back_for_each_in_order(cloud: Cloud) -> None:
    mails = [request(), request(to="nobody"), request(account="b", to="bob@example.org")]

    answer = cloud.mail.handler({"mails": mails}, None)

    assert [one["outcome"] for one in answer["outcomes"]] == ["sent", "refused", "sent"]
    assert answer["outcomes"][1]["reason"] == "no_address"
    json.dumps(answer)  # what Step Functions reads


def test_a_lifecycle_mail_leads_to_the_page_where_its_recipient_opts_out(cloud: Cloud) -> None:
    hours = QuietHours(start="00:00", end="00:00", weekdays_only=False)
    service = cloud.mail.service()
    awake = replace(service.config, mail=replace(service.config.mail, quiet_hours=hours))
    asked = MailRequest(**request(template="win_back_hello", journey="win_back"))

    outcome = dataclasses.replace(service, config=awake).send(asked)

    assert isinstance(outcome, Sent)
    message = message_from_string(cloud.sent()[-1].raw_data)
    assert "https://api.example.com/v1/unsubscribe/" in message["List-Unsubscribe"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_bounce_suppresses_before_the_next_claim(cloud: Cloud) -> None:
    sent = cloud.send()

    again = cloud.tell(bounce(sent["message_id"]), bounce(sent["message_id"]))
    next_mail = cloud.send(step="next")

    assert again == []
    assert (next_mail["outcome"], next_mail["reason"]) == ("refused", "bounced")
    kinds = [note.kind for note in cloud.contacts.notes("acme")]
    assert kinds.count("mail_bounced") == 1


def test_a_bounce_on_the_default_bus_comes_by_its_rule_and_suppresses_too(cloud: Cloud) -> None:
    events, sqs = boto3.client("events"), boto3.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=cloud.queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    events.put_rule(Name="ses", EventPattern=json.dumps({"source": [SES_SOURCE]}))
    events.put_targets(Rule="ses", Targets=[{"Id": "queue", "Arn": arn}])
    sent = cloud.send()
    told = {
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": "ada@example.org"}],
            "timestamp": "2026-11-30T07:00:02.669Z",
        },
        "mail": {"timestamp": "2026-11-30T07:00:00.000Z", "messageId": sent["message_id"], "tags": {}},
    }
    detail = {"Detail": json.dumps(told), "DetailType": "Email Bounced"}
    events.put_events(Entries=[detail | {"Source": "somebody.else"}, detail | {"Source": "aws.ses"}])
    came = sqs.receive_message(QueueUrl=cloud.queue, MaxNumberOfMessages=10)["Messages"]

    again = cloud.tell(*(message["Body"] for message in came))

    assert (len(came), again) == (1, [])
    assert cloud.send(step="next")["reason"] == "bounced"


def test_what_is_no_notice_goes_where_people_look_and_holds_nothing_up(cloud: Cloud) -> None:
    sent = cloud.send()

    again = cloud.tell("no JSON", bounce(sent["message_id"]))

    assert again == []
    [message] = boto3.client("sqs").receive_message(QueueUrl=cloud.dead, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert message["Body"] == "no JSON"
    assert "NoticeError" in message["MessageAttributes"]["reason"]["StringValue"]
    assert cloud.send(step="next")["reason"] == "bounced"


def test_a_notice_whose_outcome_is_unknown_comes_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = cloud.send()
    take = cloud.notices.noticing().take

    def fails_once(notice: Any) -> None:
        monkeypatch.setattr(cloud.notices, "noticing", lambda: SimpleNamespace(take=take))
        raise UnavailableError("no reply")

    monkeypatch.setattr(cloud.notices, "noticing", lambda: SimpleNamespace(take=fails_once))

    again = cloud.tell(bounce(sent["message_id"]), "no JSON")

    assert again == ["q0"]
    assert cloud.tell(bounce(sent["message_id"])) == []
    assert cloud.send(step="next")["reason"] == "bounced"


def test_the_schedule_tells_of_claims_that_nobody_confirmed(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = cloud.mail.service()

    class Dying:
        def send(self, claim: Any, content: Any) -> str:
            assert set(tags_of(claim)) >= {"mail", "account", "class"}
            raise KeyboardInterrupt

    dying = dataclasses.replace(service, sender=Dying())
    with pytest.raises(KeyboardInterrupt):
        dying.send(MailRequest(**request()))
    monkeypatch.setattr(cloud.mail, "_real_ms", lambda: service.real_ms() + 3_600_000)
    capsys.readouterr()

    found = cloud.mail.handler({"job": "unconfirmed", "scheduled_at": "2026-11-30T07:00:00Z"}, None)

    assert found == {"unknown": 1}
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [line["UnknownMails"] for line in metrics] == [[1.0]]
    assert cloud.send() == {"outcome": "unknown", "key": mail_key(MailRequest(**MAIL)), "reason": "abandoned"}


def complaint(message_id: str) -> str:
    """A report of spam, as SNS delivers it."""
    event = {
        "eventType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": "ada@example.org"}],
            "timestamp": "2026-11-30T07:00:02.669Z",
        },
        "mail": {"timestamp": "2026-11-30T07:00:00.000Z", "messageId": message_id},
    }
    return json.dumps({"Type": "Notification", "TopicArn": "t", "Message": json.dumps(event)})


def stops(cloud: Cloud) -> list[str]:
    """What the contacts table's stream tells the bus of the account: how its mail was stopped."""
    items = clients.dynamodb().Table("contacts").scan()["Items"]
    changes = [
        Change(
            sequence="1",
            event="INSERT",
            keys={"pk": item["pk"], "sk": item["sk"]},
            new=plain_of(item),
            old=None,
        )
        for item in items
        if item["sk"].startswith(NOTE_PREFIX)
    ]
    told = [event_of(change) for change in changes]
    assert all(STOPS.concerns(change) for change, fact in zip(changes, told, strict=True) if fact)
    return sorted(fact.how for fact in told if isinstance(fact, ContactStopped))


def plain_of(item: dict[str, Any]) -> dict[str, Any]:
    """An item as a stream's change holds it."""
    return plain({name: TypeSerializer().serialize(value) for name, value in item.items()})


def test_whatever_stops_mail_to_an_account_leaves_a_note_that_sequences_hear_of(cloud: Cloud) -> None:
    sent = cloud.send()
    address = address_key(MAIL["to"])
    before = stops(cloud)

    cloud.tell(bounce(sent["message_id"], kind="Transient"))
    transient = stops(cloud)
    cloud.tell(bounce(sent["message_id"]))
    cloud.tell(complaint(sent["message_id"]))
    cloud.contacts.choices.choose(address, off=["upsell"], account="acme", at_ms=1, how="page")
    cloud.contacts.choices.choose(address, off=["win_back"], account="acme", at_ms=2, how="page")
    cloud.contacts.opt_out(address, account="acme", at_ms=3, how="link")
    cloud.contacts.hold("acme", why="a case", at_ms=4)
    cloud.contacts.release("acme", at_ms=5)
    cloud.contacts.erase("acme", at_ms=6)

    assert (before, transient) == ([], [])
    assert stops(cloud) == [
        "erased",
        "held",
        "mail_bounced",
        "mail_chosen",
        "mail_complained",
        "opted_out",
    ]
