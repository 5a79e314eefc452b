"""Plays on the deployed stack, and what ends what they do."""

import json
import time
import urllib.request
from typing import Any

from stemtide.domain_events import SOURCE
from stemtide.dunning.ledger import Entry, whole
from stemtide.plays.play import Journey, Play, drawn
from stemtide.scoring.assessment import Assessment, Basis, Driver, Trigger, tier_of
from stemtide.store.contacts import Contacts
from stemtide.store.plays import PlayTable
from stemtide.store.records import Records

from tests.e2e.journeys import mails, table_of, until
from tests.e2e.stack import Stack

HELD_OUT_PCT = 10
FORM = "application/x-www-form-urlencoded"


def plays_of(stack: Stack) -> PlayTable:
    """The plays of a stack."""
    return PlayTable(table_of(stack, "episodes"))


def treated(name: str, *lots: str) -> str:
    """An account's name by which none of these lots holds it out."""
    names = (f"{name}-{number}" for number in range(100))
    return next(one for one in names if not any(drawn(lot, one, HELD_OUT_PCT) for lot in lots))


def held_out(name: str, lot: str) -> str:
    """An account's name by which a lot holds it out."""
    return next(
        one for one in (f"{name}-{number}" for number in range(1000)) if drawn(lot, one, HELD_OUT_PCT)
    )


def play_of(plays: PlayTable, account: str, journey: Journey) -> tuple[Play, list[Entry]] | None:
    """The newest play of a journey about an account, with its ledger."""
    listed = [one for one in plays.of_account(account) if one.journey is journey]
    found = plays.read(listed[0].id) if listed else None
    return None if found is None else (found[0], whole(found[1]))


def ended(plays: PlayTable, account: str, journey: Journey) -> tuple[Play, list[Entry]]:
    """The play when its outcome is known."""

    def look() -> Any:
        found = play_of(plays, account, journey)
        return found if found is not None and found[0].is_over else None

    over: tuple[Play, list[Entry]] = until(look)
    return over


def halted(plays: PlayTable, account: str, journey: Journey) -> tuple[Play, list[Entry]]:
    """The play when nothing is done any more, though its outcome is not known."""

    def look() -> Any:
        found = play_of(plays, account, journey)
        return found if found is not None and found[0].halted_ms is not None else None

    over: tuple[Play, list[Entry]] = until(look)
    return over


def waiting(plays: PlayTable, account: str, journey: Journey, *steps: str) -> Play:
    """The play when these steps are behind it and it waits for the next thing."""

    def look() -> Any:
        found = play_of(plays, account, journey)
        if found is None or found[0].token is None or found[0].is_over:
            return None
        return found[0] if set(steps) <= {entry.step for entry in found[1]} else None

    play: Play = until(look)
    return play


def one_click(stack: Stack, account: str) -> None:
    """Leave by the link in the account's newest lifecycle mail, as a mail program does."""
    _choose(stack, account, "List-Unsubscribe=One-Click")


def wants_no_win_back(stack: Stack, account: str) -> None:
    """Choose all lifecycle mail but win-back on the page behind the link."""
    _choose(stack, account, "action=choose&journey=upsell&journey=retention")


def _choose(stack: Stack, account: str, form: str) -> None:
    newest = next(mail for mail in mails(stack, account)[::-1] if mail["class"] == "lifecycle")
    link = newest["headers"]["List-Unsubscribe"].strip("<>")
    asked = urllib.request.Request(link, data=form.encode(), headers={"Content-Type": FORM})
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200


def hold(stack: Stack, account: str) -> None:
    """A person lets no mail go to the account."""
    contacts = Contacts(table_of(stack, "contacts"), accounts_table=stack.facts["tables"]["accounts"])
    assert contacts.hold(account, why="a case", at_ms=time.time_ns() // 1_000_000)


def claimed(stack: Stack, account: str) -> int:
    """How many mails to an account were ever claimed."""
    contacts = Contacts(table_of(stack, "contacts"), accounts_table=stack.facts["tables"]["accounts"])
    return len(list(contacts.mails(account)))


def complain(stack: Stack, account: str) -> None:
    """Tell the topic, as SES does, that the account's newest mail was reported as spam."""
    newest = mails(stack, account)[-1]
    notice = {
        "eventType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": newest["to"]}],
            "timestamp": newest["sent_at"],
        },
        "mail": {"timestamp": newest["sent_at"], "messageId": newest["id"]},
    }
    stack.client("sns").publish(TopicArn=stack.facts["topics"]["ses_events"], Message=json.dumps(notice))


def scored(stack: Stack, account: str, score: int, *drivers: Driver) -> None:
    """The account's record shows a score as of now; the feature that moved it is `drivers`."""
    assessment = Assessment(
        basis=Basis.RULES, completeness=1.0, score=score, tier=tier_of(score), drivers=drivers
    )
    real_ms = time.time_ns() // 1_000_000
    Records(table_of(stack, "accounts")).write_score(
        account, assessment, as_of_ms=real_ms, scored_at=real_ms, trigger=Trigger.MANUAL, vector=b""
    )


class Overheard:
    """A consumer of one sort of facts: a rule of the company's own, and its queue."""

    def __init__(self, stack: Stack, detail_type: str) -> None:
        self._sqs, events = stack.client("sqs"), stack.client("events")
        self._url = self._sqs.create_queue(QueueName=f"overheard-{detail_type}")["QueueUrl"]
        asked = {"QueueUrl": self._url, "AttributeNames": ["QueueArn"]}
        arn = self._sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
        where = {"EventBusName": stack.facts["event_bus"]}
        pattern = json.dumps({"source": [SOURCE], "detail-type": [detail_type]})
        events.put_rule(Name=f"overheard-{detail_type}", EventPattern=pattern, **where)
        target = {"Id": "queue", "Arn": arn}
        events.put_targets(Rule=f"overheard-{detail_type}", Targets=[target], **where)
        self._told: list[dict[str, Any]] = []

    def told(self, account: str) -> list[dict[str, Any]]:
        """The details of all facts about an account so far."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                self._told.append(json.loads(message["Body"])["detail"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [one for one in self._told if one["account"] == account]
