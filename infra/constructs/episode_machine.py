"""The state machine that moves an episode along: step, wait for an event or an instant, step again."""

import json
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import nag
from infra.config import Deployment
from infra.constructs.function import Function
from infra.constructs.plan_map_finish import NO_LOG_DELIVERY

RETRY = [
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "BackoffRate": 3,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 300,
        "JitterStrategy": "FULL",
    }
]
"""A step may be repeated: what is done is in the ledger. Some ten minutes of trouble are sat out; whatever
lasts longer ends the execution, and the hourly look starts another."""
RETRY_WAIT = [RETRY[0] | {"ErrorEquals": ["States.TaskFailed"]}]
"""A wait that could not begin is begun again; one whose time is up is over (that error is not meant)."""


def states(*, stepper: str) -> dict[str, Any]:
    """The state machine in Amazon States Language.

    Its history is bounded: an episode looks once a day and at what happens, some 15 events each time, over
    at most 90 days of dunning or 180 of a play; Step Functions allows 25,000.

    Args:
        stepper: ARN of the function that steps and waits.
    """
    step = {"do": "step", "episode.$": "$.episode", "run.$": "$.run"}
    waiting = {
        "do": "wait",
        "episode.$": "$.episode",
        "run.$": "$.run",
        "seen.$": "$.seen",
        "token.$": "$$.Task.Token",
    }
    return {
        "Comment": "Moves an episode along: its row is the truth",
        "StartAt": "Step",
        "States": {
            "Step": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": stepper, "Payload": step},
                "OutputPath": "$.Payload",
                "Retry": RETRY,
                "Next": "WhatNext",
            },
            "WhatNext": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.do", "StringEquals": "again", "Next": "Step"},
                    {"Variable": "$.do", "StringEquals": "wait", "Next": "Wait"},
                ],
                "Default": "Over",
            },
            "Wait": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": stepper, "Payload": waiting},
                "TimeoutSecondsPath": "$.seconds",
                "ResultPath": None,
                "Retry": RETRY_WAIT,
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Step"}],
                "Next": "Step",
            },
            "Over": {"Type": "Succeed"},
        },
    }


def machine_arn(deployment: Deployment, name: str) -> str:
    """The ARN of the state machine `<deployment>-<name>`: its functions must know it before it is made."""
    full = f"{deployment.name}-{name}"
    return f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:stateMachine:{full}"


class EpisodeMachine(Construct):
    """The state machine `<deployment>-<name>` with a role of its own, which may invoke the stepper."""

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, name: str, stepper: Function
    ) -> None:
        super().__init__(scope, construct_id)
        full = f"{deployment.name}-{name}"
        self._name = full
        self.arn = machine_arn(deployment, name)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            description=f"{deployment.name}: what the state machine {full} may do",
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[stepper.function_arn])
        )
        made = sfn.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=full,
            state_machine_type="STANDARD",
            role_arn=role.role_arn,
            definition_string=json.dumps(states(stepper=stepper.function_arn), sort_keys=True),
        )
        made.node.add_dependency(role)
        for rule in ("AwsSolutions-SF1", "AwsSolutions-SF2"):
            nag.acknowledge(made, rule, reason=NO_LOG_DELIVERY)

    def allow_describing(self, function: Function) -> None:
        """Let a function see whether executions of this state machine run."""
        where = f"{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}"
        function.allow(["states:DescribeExecution"], f"arn:{where}:execution:{self._name}:*")
        spelt = "<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>"
        nag.acknowledge(
            function.permissions.node.find_child("DefaultPolicy"),
            f"AwsSolutions-IAM5[Resource::arn:{spelt}:execution:{self._name}:*]",
            reason="executions get their names at run time; the wildcard spans this state machine only",
        )
