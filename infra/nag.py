"""cdk-nag (AwsSolutions): every finding is repaired or acknowledged on its own resource, with the reason."""

from aws_cdk import Acknowledgment, App, CfnResource, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct


def check(app: App) -> None:
    """Fail the synth on any finding that is not acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledge(construct: IConstruct, rule: str, *, reason: str) -> None:
    """Accept one finding on the one resource that `construct` stands for.

    Args:
        rule: the finding's id, e.g. `AwsSolutions-COG2` or `AwsSolutions-IAM5[Resource::*]`.
    """
    resource = construct if CfnResource.is_cfn_resource(construct) else construct.node.default_child
    if resource is None:
        raise ValueError(
            f"{construct.node.path} is not one resource: acknowledge {rule} on the resource itself"
        )
    Validations.of(resource).acknowledge(Acknowledgment(id=rule, reason=reason))


def acknowledged(app: App) -> list[tuple[str, str]]:
    """Every acknowledged finding as (path of the resource, rule)."""
    key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    return [
        (node.node.path, str(entry.data))
        for node in app.node.find_all()
        for entry in node.node.metadata
        if entry.type == key
    ]
