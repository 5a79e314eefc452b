"""Where raw events and quarantined payloads stay."""

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import Deployment
from infra.constructs.lifetime import removal

TIERING_AFTER_DAYS = 30
"""Recomputes read days; what is older is read by training and whole replays only."""
ABANDONED_UPLOAD_DAYS = 7
AFTER_ITS_ROW_DAYS = 3
"""DynamoDB takes up to two days to expire the row that names a quarantined payload."""
ACCESS_LOG_DAYS = 90
PLANS_DAYS = 30
"""Who was in which part of a nightly run: of use while somebody looks into that run."""


class Archive(Construct):
    """The archive bucket and its access logs.

    `raw/` by arrival day, `history/` by account-day, `quarantine/`, nightly runs' plans.
    What came in (`raw/`) never expires: recomputes and replays rest on it. Nor does `history/`: its rows
    outlive the items of the usage table.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, quarantine_days: int
    ) -> None:
        super().__init__(scope, construct_id)
        self.access_logs = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(id="expire", expiration=Duration.days(ACCESS_LOG_DAYS))],
            removal_policy=removal(deployment),
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            **private_bucket(deployment=deployment, access_logs=self.access_logs, prefix="archive/"),
            lifecycle_rules=[
                *housekeeping(deployment),
                s3.LifecycleRule(
                    id="quarantine",
                    prefix="quarantine/",
                    expiration=Duration.days(quarantine_days + AFTER_ITS_ROW_DAYS),
                ),
                *(
                    s3.LifecycleRule(id=name, prefix=f"{name}/", expiration=Duration.days(PLANS_DAYS))
                    for name in ("sweeps", "recomputes")
                ),
                s3.LifecycleRule(
                    id="cheaper when old",
                    prefix="raw/",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                            transition_after=Duration.days(TIERING_AFTER_DAYS),
                        )
                    ],
                ),
            ],
        )


def private_bucket(*, deployment: Deployment, access_logs: s3.IBucket, prefix: str) -> dict[str, object]:
    """What every bucket with customers' data is: encrypted, TLS only, versioned, private, logged."""
    return {
        "encryption": s3.BucketEncryption.S3_MANAGED,
        "enforce_ssl": True,
        "minimum_tls_version": 1.2,
        "versioned": True,
        "block_public_access": s3.BlockPublicAccess.BLOCK_ALL,
        "object_ownership": s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        "server_access_logs_bucket": access_logs,
        "server_access_logs_prefix": prefix,
        "removal_policy": removal(deployment),
    }


def housekeeping(deployment: Deployment) -> list[s3.LifecycleRule]:
    """Old versions and abandoned uploads cost money and serve nobody."""
    return [
        s3.LifecycleRule(
            id="housekeeping",
            noncurrent_version_expiration=Duration.days(deployment.noncurrent_version_days),
            abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_UPLOAD_DAYS),
        )
    ]
