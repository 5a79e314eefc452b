"""Every account scored once a night: a state machine around the scorer."""

import json
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct
from stemtide.settings import SweepSettings
from stemtide.store.sweeps import PREFIX

from infra import nag
from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.balance_check import METRICS
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function, arn_in_findings
from infra.constructs.layers import Layers
from infra.constructs.model_registry import ModelRegistry
from infra.constructs.schedules import Schedules

NIGHTLY = "cron(30 2 * * ? *)"
"""Half past two UTC: the day before is over everywhere in its own terms, and late batches are in."""
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
"""Every step may be repeated: scores of the same instant and model change nothing."""
GIVEN_UP = {
    "scored": 0,
    "unchanged": 0,
    "not_customers": 0,
    "failed.$": "$.size",
    "first.$": "$.accounts[0]",
    "given_up": True,
}
"""The answer in place of a batch's own; its execution and the scorer's log have the error."""
NO_LOG_DELIVERY = (
    "log delivery and tracing need permissions on every resource; a standard workflow keeps each execution's "
    "history for 90 days, and each run leaves a row with counts and cause"
)
CHILDREN = "a map's child executions get their names at run time; the wildcard spans this state machine only"

BATCHES = "object keys are made at run time; the wildcard spans one prefix of one bucket"


class NightlySweep(Construct):
    """Plan (list, batches to S3) → map over the batches → finish (counts); started by schedule or by hand."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        archive: Archive,
        models: ModelRegistry,
        scorer: Function,
        schedules: Schedules,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="sweep",
            deployment=deployment,
            layers=layers,
            settings=SweepSettings(
                accounts_table=tables.accounts.table_name,
                ingest_table=tables.ingest.table_name,
                archive_bucket=archive.bucket.bucket_name,
                model_bucket=models.bucket.bucket_name,
                metric_namespace=METRICS,
            ),
        )
        self.function.allow(["dynamodb:Query"], f"{tables.accounts.table_arn}/index/by_risk")
        self.function.allow(
            ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], tables.ingest.table_arn
        )
        self.function.allow_objects(["s3:PutObject"], archive.bucket, prefix=PREFIX)
        models.allow_read(self.function)
        name = f"{deployment.name}-sweep"
        self.arn = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:stateMachine:{name}"
        role = self._role(deployment, scorer, archive, name)
        self.machine = sfn.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type="STANDARD",
            role_arn=role.role_arn,
            definition_string=json.dumps(
                definition(
                    sweep=self.function.function_arn,
                    score=scorer.function_arn,
                    concurrency=deployment.sweep_concurrency,
                ),
                sort_keys=True,
            ),
        )
        self.machine.node.add_dependency(role)
        for rule in ("AwsSolutions-SF1", "AwsSolutions-SF2"):
            nag.acknowledge(self.machine, rule, reason=NO_LOG_DELIVERY)
        schedules.start(self.arn, name="sweep", cron=NIGHTLY)

    def _role(self, deployment: Deployment, scorer: Function, archive: Archive, name: str) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            description=f"{deployment.name}: what the nightly sweep may do",
        )
        executions = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:execution:{name}/*"
        batches = archive.bucket.arn_for_objects(f"{PREFIX}*")
        granted = {
            "lambda:InvokeFunction": [self.function.function_arn, scorer.function_arn],
            "states:StartExecution": [self.arn],
            "states:DescribeExecution": [executions],
            "states:StopExecution": [executions],
            "s3:GetObject": [batches],
        }
        for action, resources in granted.items():
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=resources))
        policy = role.node.find_child("DefaultPolicy")
        spelt = f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{name}/*"
        nag.acknowledge(policy, f"AwsSolutions-IAM5[Resource::{spelt}]", reason=CHILDREN)
        listed = f"{arn_in_findings(archive.bucket, archive.bucket.bucket_arn, seen_from=self)}/{PREFIX}*"
        nag.acknowledge(policy, f"AwsSolutions-IAM5[Resource::{listed}]", reason=BATCHES)
        return role


def definition(*, sweep: str, score: str, concurrency: int) -> dict[str, Any]:
    """The state machine in Amazon States Language.

    Args:
        sweep: ARN of the function that plans and ends.
        score: ARN of the scorer.
        concurrency: batches at a time.
    """
    return {
        "Comment": "Scores every account as of the end of a UTC day",
        "StartAt": "Plan",
        "States": {
            "Plan": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {
                    "FunctionName": sweep,
                    "Payload": {"step": "plan", "run.$": "$$.Execution.Name", "input.$": "$"},
                },
                "OutputPath": "$.Payload",
                "Retry": RETRY,
                "Next": "AnythingToDo",
            },
            "AnythingToDo": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.key", "StringEquals": "", "Next": "NothingToDo"}],
                "Default": "Score",
            },
            "NothingToDo": {"Type": "Succeed"},
            "Score": _score(score, concurrency),
            "Finish": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {
                    "FunctionName": sweep,
                    "Payload": {"step": "finish", "plan.$": "$", "results.$": "$.results"},
                },
                "OutputPath": "$.Payload",
                "Retry": RETRY,
                "Next": "EveryAccountScored",
            },
            "EveryAccountScored": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.failed", "NumericEquals": 0, "Next": "Scored"}],
                "Default": "Failed",
            },
            "Scored": {"Type": "Succeed"},
            "NoteFailure": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {
                    "FunctionName": sweep,
                    "Payload": {"step": "fail", "plan.$": "$", "error.$": "$.error"},
                },
                "OutputPath": "$.Payload",
                "Retry": RETRY,
                "Next": "Failed",
            },
            "Failed": {"Type": "Fail", "Error": "SweepFailed", "CausePath": "$.cause"},
        },
    }


def _score(score: str, concurrency: int) -> dict[str, Any]:
    """The map: one child execution per batch; without a result writer, as answers are a few numbers.

    A batch that keeps failing is counted and the others go on: one account costs no other its score.
    """
    return {
        "Type": "Map",
        "Label": "batches",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.key"},
        },
        "MaxConcurrency": concurrency,
        "ToleratedFailurePercentage": 0,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "ScoreBatch",
            "States": {
                "ScoreBatch": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": score, "Payload.$": "$"},
                    "OutputPath": "$.Payload",
                    "Retry": RETRY,
                    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "GivenUp"}],
                    "End": True,
                },
                "GivenUp": {"Type": "Pass", "Parameters": GIVEN_UP, "End": True},
            },
        },
        "ResultPath": "$.results",
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "NoteFailure"}],
        "Next": "Finish",
    }
