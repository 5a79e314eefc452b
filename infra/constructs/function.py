"""One Lambda function with a role, a log group and settings of its own."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct
from stemtide.settings import Settings

from infra import bundling, nag
from infra.config import Deployment
from infra.constructs.layers import ARCHITECTURES, Layers, LayerSet, runtime_of
from infra.constructs.short_lived_log import short_lived_log
from infra.sizes import SIZES

NEWER_RUNTIME = (
    "the layers are locked, bundled and tested for this Python version; moving on is a deliberate step"
)


class Function(lambda_.Function):
    """`functions/<name>/handler.py` on the layers and, if it needs more, `extra` ones; `code` names another
    folder, where functions differ in what they may do and not in what they do.

    Its role may write its log and what `allow` adds.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        deployment: Deployment,
        layers: Layers,
        settings: Settings,
        extra: LayerSet | None = None,
        code: str | None = None,
    ) -> None:
        size = SIZES[name]
        sets = [layers] if extra is None else [layers, extra]
        folder = bundling.ROOT / "functions" / (code or name)
        function_name = f"{deployment.name}-{name.replace('_', '-')}"
        log_group = short_lived_log(
            scope, f"{construct_id}Log", deployment=deployment, name=f"/aws/lambda/{function_name}"
        )
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"{deployment.name}: what the {name} function may do",
        )
        super().__init__(
            scope,
            construct_id,
            function_name=function_name,  # people look for it; dead letters are told apart by it
            description=f"Stemtide {name}: {size.reason}",
            code=lambda_.Code.from_asset(str(folder), exclude=["__pycache__"]),
            handler="handler.handler",
            runtime=runtime_of(deployment),
            architecture=ARCHITECTURES[deployment.architecture],
            memory_size=size.memory_mb,
            timeout=Duration.seconds(size.timeout_s),
            environment=settings.to_env(),
            layers=[version for one in sets for version in one.versions],
            log_group=log_group,
            role=role,
        )
        self.short_name = name
        self.permissions = role
        self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group.log_group_arn)
        nag.acknowledge(self, "AwsSolutions-L1", reason=NEWER_RUNTIME)
        self.unzipped_bytes = bundling.unzipped_bytes(folder) + sum(one.unzipped_bytes for one in sets)

    def allow(self, actions: Sequence[str], *resources: str) -> None:
        """Let the function do exactly `actions` on exactly `resources` (ARNs)."""
        self.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))

    def allow_rows(self, actions: Sequence[str], table: dynamodb.ITable, *, partitions: str) -> None:
        """Let the function do `actions` on the items of `table` whose partition key is like `partitions`."""
        self.add_to_role_policy(
            iam.PolicyStatement(
                actions=list(actions),
                resources=[table.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [partitions]}},
            )
        )

    def allow_listing(self, bucket: s3.IBucket, *, prefix: str) -> None:
        """Let the function list the objects of `bucket` whose key begins with `prefix`."""
        self.add_to_role_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{prefix}*"}},
            )
        )

    def allow_objects(self, actions: Sequence[str], bucket: s3.IBucket, *, prefix: str) -> None:
        """Let the function do `actions` on the objects of `bucket` whose key begins with `prefix`."""
        self.allow(actions, bucket.arn_for_objects(f"{prefix}*"))
        acknowledge_objects(self, f"{arn_in_findings(bucket, bucket.bucket_arn, seen_from=self)}/{prefix}")


def acknowledge_objects(function: Function, prefix_arn: str) -> None:
    """Accept the wildcard of "every object under this prefix" in the function's policy.

    Args:
        prefix_arn: as cdk-nag spells it in its finding, tokens in angle brackets, without the final `*`.
    """
    nag.acknowledge(
        function.permissions.node.find_child("DefaultPolicy"),
        f"AwsSolutions-IAM5[Resource::{prefix_arn}*]",
        reason="object keys are made at run time; the wildcard spans one prefix of one bucket",
    )


def acknowledge_streams(function: Function, table: dynamodb.Table) -> None:
    """Accept the wildcard of "the streams of this table" in the function's policy."""
    arn = arn_in_findings(table, table.table_arn, seen_from=function)
    nag.acknowledge(
        function.permissions.node.find_child("DefaultPolicy"),
        f"AwsSolutions-IAM5[Resource::{arn}/stream/*]",
        reason="a stream's name is the instant it was made; the wildcard spans the streams of one table",
    )


def arn_in_findings(resource: IConstruct, arn: str, *, seen_from: IConstruct) -> str:
    """A resource's ARN as cdk-nag spells it: a reference, or the name of another stack's export."""
    home = Stack.of(resource)
    if home is not Stack.of(seen_from):
        return str(home.resolve(home.export_value(arn))["Fn::ImportValue"])
    return f"<{home.get_logical_id(resource.node.default_child)}.Arn>"
