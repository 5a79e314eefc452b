"""What happens to data when its stack goes."""

from aws_cdk import RemovalPolicy

from infra.config import Deployment


def removal(deployment: Deployment) -> RemovalPolicy:
    """Data outlives its stack in an account (`keep_data`), once created, and goes with a local cloud."""
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if deployment.keep_data else RemovalPolicy.DESTROY


def removal_of_protected(deployment: Deployment) -> RemovalPolicy:
    """The same for what has deletion protection of its own: it stays even when its creation is rolled back.

    CloudFormation would try to delete it then, be refused, and leave the stack in ROLLBACK_FAILED.
    """
    return RemovalPolicy.RETAIN if deployment.keep_data else RemovalPolicy.DESTROY
