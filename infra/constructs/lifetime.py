"""What happens to data when its stack goes."""

from aws_cdk import RemovalPolicy

from infra.config import Deployment


def removal(deployment: Deployment) -> RemovalPolicy:
    """Data stays behind in an account (`keep_data`) and goes with a local cloud."""
    return RemovalPolicy.RETAIN if deployment.keep_data else RemovalPolicy.DESTROY
