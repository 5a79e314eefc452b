"""Every account scored once a night: a state machine around the scorer."""

from dataclasses import replace
from typing import Any

from constructs import Construct
from stemtide.settings import SweepSettings
from stemtide.store.sweeps import PREFIX

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.balance_check import METRICS
from infra.constructs.domain_tables import DomainTables
from infra.constructs.event_stream import LAG_ACTIONS, EventStream
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.model_registry import ModelRegistry
from infra.constructs.plan_map_finish import Words, Work, beginning, ending, machine, over_parts, step
from infra.constructs.schedules import Schedules

NIGHTLY = "cron(30 2 * * ? *)"
"""Half past two UTC: the day before is over everywhere in its own terms, late batches are in, usage is set
right (see `nightly_recompute`)."""
WORDS = Words(
    comment="Scores every account as of the end of a UTC day",
    map="Extract",
    label="extracts",
    task="ExtractBatch",
    verdict="EveryAccountScored",
    good="Scored",
    error="SweepFailed",
)
SCORING = replace(WORDS, map="Score", label="batches", task="ScoreBatch")
"""The second map."""


def states(*, planner: str, scorer: str, concurrency: int) -> dict[str, Any]:
    """The state machine in Amazon States Language: nothing is scored before all was extracted and judged.

    Args:
        planner: ARN of the function that plans, judges, flags and ends.
        scorer: ARN of the function that extracts and scores.
        concurrency: batches at a time.
    """
    invocation = {"FunctionName": scorer, "Payload.$": "$"}
    extract, score = (Work(words=words, invocation=invocation) for words in (WORDS, SCORING))
    return {
        "Comment": WORDS.comment,
        "StartAt": "Plan",
        "States": {
            **beginning(planner, "Extract", nothing=WORDS.verdict),
            "Extract": over_parts(extract, concurrency=concurrency, then="Gate"),
            "Gate": step(planner, {"step": "gate", "plan.$": "$"}, "MayBeScored", noted=True),
            "MayBeScored": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.key", "StringEquals": "", "Next": "Summary"}],
                "Default": "Score",
            },
            "Score": over_parts(score, concurrency=concurrency, then="Flag"),
            "Flag": step(planner, {"step": "flag", "plan.$": "$"}, "Summary", noted=True),
            "Summary": step(planner, {"step": "finish", "plan.$": "$"}, WORDS.verdict, noted=True),
            **ending(planner, WORDS, unmet="$.unmet"),
        },
    }


class NightlySweep(Construct):
    """Plan → extract → quality gate → score → flag → summary; started by schedule or by hand."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        archive: Archive,
        events: EventStream,
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
                event_stream=events.stream.stream_name,
                archive_bucket=archive.bucket.bucket_name,
                model_bucket=models.bucket.bucket_name,
                metric_namespace=METRICS,
            ),
        )
        self.function.allow(["dynamodb:Query"], f"{tables.accounts.table_arn}/index/by_risk")
        self.function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            tables.ingest.table_arn,
        )
        self.function.allow(LAG_ACTIONS, events.stream.stream_arn)
        self.function.allow_objects(["s3:GetObject", "s3:PutObject"], archive.bucket, prefix=PREFIX)
        scorer.allow(["dynamodb:GetItem", "dynamodb:PutItem"], tables.ingest.table_arn)
        scorer.allow_objects(["s3:GetObject", "s3:PutObject"], archive.bucket, prefix=PREFIX)
        models.allow_read(self.function)
        self.arn = machine(
            self,
            deployment=deployment,
            name="sweep",
            definition=states(
                planner=self.function.function_arn,
                scorer=scorer.function_arn,
                concurrency=deployment.sweep_concurrency,
            ),
            functions=[self.function, scorer],
            archive=archive,
            prefix=PREFIX,
        )
        schedules.start(self.arn, name="sweep", cron=NIGHTLY)
