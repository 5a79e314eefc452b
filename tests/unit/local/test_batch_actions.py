"""What the local cloud asks a role's policies for, where AWS has no action of the request's name."""

import pytest
from ministack.core import iam_actions

from infra.local.emulator import batch_actions


@pytest.fixture
def corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam_actions, "_action_from_target", iam_actions._action_from_target)  # put back later
    batch_actions.install()


@pytest.mark.usefixtures("corrected")
@pytest.mark.parametrize(
    ("service", "target", "action"),
    [
        ("sqs", "AmazonSQS.SendMessageBatch", "sqs:SendMessage"),
        ("sqs", "AmazonSQS.DeleteMessageBatch", "sqs:DeleteMessage"),
        ("sqs", "AmazonSQS.ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"),
        ("sqs", "AmazonSQS.SendMessage", "sqs:SendMessage"),
        ("dynamodb", "DynamoDB_20120810.BatchWriteItem", "dynamodb:BatchWriteItem"),
        ("kinesis", "Kinesis_20131202.PutRecords", "kinesis:PutRecords"),
    ],
)
def test_a_batch_of_messages_needs_what_one_message_needs(service: str, target: str, action: str) -> None:
    found = iam_actions.extract_iam_action(service, "POST", "/", {"x-amz-target": target}, b"{}", {})

    assert found == action
