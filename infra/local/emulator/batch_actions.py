"""What a role must be allowed for a batch of messages: what it must be allowed for one.

IAM knows no `sqs:SendMessageBatch`: AWS asks for `sqs:SendMessage` (Amazon SQS API permissions reference).
The emulator asks for an action of the batch's own name, which no policy can grant in a real account.
"""

from __future__ import annotations

from typing import Final

from infra.local.emulator.patching import replace

ACTION_FROM_TARGET = "c5279c8ae2ff792f582b0b0ad4df17266bf49d0e82047573d5deb4553296b2f0"
SQS_TARGET: Final = "AmazonSQS."
BATCH: Final = "Batch"


def install() -> None:
    """Replace how an action is told from a request. Raises `EmulatorChanged`."""
    from ministack.core import iam_actions

    told = iam_actions._action_from_target

    def _action_from_target(headers: dict[str, str]) -> str | None:
        action: str | None = told(headers)
        if action is not None and headers.get("x-amz-target", "").startswith(SQS_TARGET):
            return action.removesuffix(BATCH)
        return action

    replace(iam_actions, "_action_from_target", _action_from_target, source_sha256=ACTION_FROM_TARGET)
