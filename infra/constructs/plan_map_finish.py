"""A run over many parts as a state machine: plan → map over what the plan wrote to S3 → finish.

Its pieces (`step`, `over_parts`) serve longer machines, too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import nag
from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.function import Function, arn_in_findings

RETRY = [
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxAttempts": 5,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }
]
"""Every step may be repeated: what is done already changes nothing."""
NO_LOG_DELIVERY = (
    "log delivery and tracing need permissions on every resource; a standard workflow keeps each execution's "
    "history for 90 days, and each run leaves a row with counts and cause"
)
CHILDREN = "a map's child executions get their names at run time; the wildcard spans this state machine only"
BATCHES = "object keys are made at run time; the wildcard spans one prefix of one bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a machine's states and its failure are called, for people who read an execution."""

    comment: str
    map: str
    label: str
    task: str
    verdict: str
    good: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a map does: its task's Lambda invocation."""

    words: Words
    invocation: Mapping[str, Any]


def machine(
    scope: Construct,
    *,
    deployment: Deployment,
    name: str,
    definition: Mapping[str, Any],
    functions: Sequence[Function],
    archive: Archive,
    prefix: str,
) -> str:
    """The state machine `<deployment>-<name>` with a role of its own, in `scope`; its ARN.

    Args:
        functions: what it may invoke.
        archive: where the plan writes the parts, under `prefix`.
    """
    full = f"{deployment.name}-{name}"
    arn = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:stateMachine:{full}"
    batches = archive.bucket.arn_for_objects(f"{prefix}*")
    role = _role(scope, deployment, full, arn, functions, batches)
    listed = f"{arn_in_findings(archive.bucket, archive.bucket.bucket_arn, seen_from=scope)}/{prefix}*"
    policy = role.node.find_child("DefaultPolicy")
    nag.acknowledge(policy, f"AwsSolutions-IAM5[Resource::{listed}]", reason=BATCHES)
    made = sfn.CfnStateMachine(
        scope,
        "Machine",
        state_machine_name=full,
        state_machine_type="STANDARD",
        role_arn=role.role_arn,
        definition_string=json.dumps(definition, sort_keys=True),
    )
    made.node.add_dependency(role)
    for rule in ("AwsSolutions-SF1", "AwsSolutions-SF2"):
        nag.acknowledge(made, rule, reason=NO_LOG_DELIVERY)
    return arn


def _role(
    scope: Construct,
    deployment: Deployment,
    name: str,
    arn: str,
    functions: Sequence[Function],
    batches: str,
) -> iam.Role:
    """The state machine's role: its functions, its plan's objects, its map's child executions."""
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal(
            "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        ),
        description=f"{deployment.name}: what the state machine {name} may do",
    )
    executions = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:execution:{name}/*"
    granted = {
        "lambda:InvokeFunction": [function.function_arn for function in functions],
        "states:StartExecution": [arn],
        "states:DescribeExecution": [executions],
        "states:StopExecution": [executions],
        "s3:GetObject": [batches],
    }
    for action, resources in granted.items():
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=resources))
    spelt = f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{name}/*"
    policy = role.node.find_child("DefaultPolicy")
    nag.acknowledge(policy, f"AwsSolutions-IAM5[Resource::{spelt}]", reason=CHILDREN)
    return role


def definition(work: Work, *, planner: str, concurrency: int) -> dict[str, Any]:
    """The state machine in Amazon States Language.

    Args:
        work: what the map does.
        planner: ARN of the function that plans and ends.
        concurrency: parts at a time.
    """
    words = work.words
    return {
        "Comment": words.comment,
        "StartAt": "Plan",
        "States": {
            **beginning(planner, words.map),
            words.map: over_parts(work, concurrency=concurrency, then="Finish"),
            "Finish": step(planner, {"step": "finish", "plan.$": "$"}, words.verdict, noted=True),
            **ending(planner, words, unmet="$.failed"),
        },
    }


def step(planner: str, payload: Mapping[str, Any], then: str, *, noted: bool = False) -> dict[str, Any]:
    """A call of the planner; what it answers is what the next state is given.

    Args:
        noted: whether its failure, when repetitions are of no help, is noted in the run's log (`ending`).
    """
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "NoteFailure"}]
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": planner, "Payload": payload},
        "OutputPath": "$.Payload",
        "Retry": RETRY,
        **({"Catch": caught} if noted else {}),
        "Next": then,
    }


def beginning(planner: str, then: str, *, nothing: str = "NothingToDo") -> dict[str, Any]:
    """The plan; without a key of items there is nothing to do, and `nothing` comes next."""
    return {
        "Plan": step(planner, {"step": "plan", "run.$": "$$.Execution.Name", "input.$": "$"}, "AnythingToDo"),
        "AnythingToDo": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.key", "StringEquals": "", "Next": nothing}],
            "Default": then,
        },
        **({"NothingToDo": {"Type": "Succeed"}} if nothing == "NothingToDo" else {}),
    }


def ending(planner: str, words: Words, *, unmet: str) -> dict[str, Any]:
    """The verdict on what the last step answered, and what follows a map that failed as a whole.

    Args:
        unmet: path of the number that is 0 when all is well.
    """
    return {
        words.verdict: {
            "Type": "Choice",
            "Choices": [{"Variable": unmet, "NumericEquals": 0, "Next": words.good}],
            "Default": "Failed",
        },
        words.good: {"Type": "Succeed"},
        "NoteFailure": step(planner, {"step": "fail", "plan.$": "$", "error.$": "$.error"}, "Failed"),
        "Failed": {"Type": "Fail", "Error": words.error, "CausePath": "$.cause"},
    }


def over_parts(work: Work, *, concurrency: int, then: str) -> dict[str, Any]:
    """The map over the items at `$.bucket`, `$.key`: one child execution per part.

    Without a result writer, and what the parts answer is dropped: it is in the run's log. Together it may
    have 256 KB anyway, which is why they answer next to nothing. A part that keeps failing leaves nothing in
    the log, is counted by that, and the others go on.
    """
    return {
        "Type": "Map",
        "Label": work.words.label,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.key"},
        },
        "MaxConcurrency": concurrency,
        "ToleratedFailurePercentage": 0,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": work.words.task,
            "States": {
                work.words.task: {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": work.invocation,
                    "OutputPath": "$.Payload",
                    "Retry": RETRY,
                    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "GivenUp"}],
                    "End": True,
                },
                "GivenUp": {"Type": "Pass", "Parameters": {"given_up": True}, "End": True},
            },
        },
        "ResultPath": None,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "NoteFailure"}],
        "Next": then,
    }
