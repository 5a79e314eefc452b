"""Where models are kept."""

from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import Deployment
from infra.constructs.archive import housekeeping, private_bucket
from infra.constructs.function import Function


class ModelRegistry(Construct):
    """The bucket of model versions, which never change, and of the pointers to those that serve."""

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, access_logs: s3.IBucket
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            **private_bucket(deployment=deployment, access_logs=access_logs, prefix="models/"),
            lifecycle_rules=housekeeping(deployment),
        )

    def allow_read(self, function: Function) -> None:
        """Let the function load models; to learn that there is none yet it must be allowed to list."""
        function.allow(["s3:ListBucket"], self.bucket.bucket_arn)
        function.allow_objects(["s3:GetObject"], self.bucket, prefix="")
