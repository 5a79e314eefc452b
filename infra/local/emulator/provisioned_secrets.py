"""Secrets made by CloudFormation: named by their ARN, generated as asked.

AWS::SecretsManager::Secret: "When you pass the logical ID of this resource to the intrinsic Ref function,
the function returns the ARN of the secret"; the emulator returns the name, which as a policy's resource
allows nothing. ExcludePunctuation: "specifies whether to exclude punctuation characters from the
password"; the emulator ignores it.
"""

from __future__ import annotations

import string
from typing import Any

from infra.local.emulator.cloudformation import replace_handler

KIND = "AWS::SecretsManager::Secret"
SHA256 = {
    "_sm_secret_create": "0bae0110fce2f2baa9ec508747f6337766ad2beba95c0f0262fb0b48855ebe08",
    "_sm_secret_update": "e87220a5ff35a459a751b78bd9c91e0edeed98c72e49221722a4270cc1f49ed9",
    "_sm_secret_delete": "4ff615ac828999af57cf913dc4e68c0d573d90004f7979c7567bb3f6f6f749c9",
}


def install() -> None:
    """Put the provisioning of secrets in place. Raises `EmulatorChanged`."""
    from ministack.services.cloudformation import provisioners

    create, update = provisioners._sm_secret_create, provisioners._sm_secret_update
    delete = provisioners._sm_secret_delete

    def _sm_secret_create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        _, attributes = create(logical_id, _generation(props), stack_name)
        return attributes["Arn"], attributes

    def _sm_secret_update(
        physical_id: str,
        old_props: dict[str, Any],
        new_props: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> Any:
        before, after = _generation(old_props), _generation(new_props)
        _, attributes = update(_name(physical_id), before, after, stack_name, logical_id)
        return attributes["Arn"], attributes

    def _sm_secret_delete(physical_id: str, props: dict[str, Any]) -> None:
        delete(_name(physical_id), props)

    for event, new in (
        ("create", _sm_secret_create),
        ("update", _sm_secret_update),
        ("delete", _sm_secret_delete),
    ):
        replace_handler(provisioners, KIND, event, new, source_sha256=SHA256[new.__name__])


def _name(physical_id: str) -> str:
    """The name under which the emulator keeps a secret, given its ARN or the name itself."""
    from ministack.services import secretsmanager

    for name, secret in secretsmanager._secrets.items():
        if secret.get("ARN") == physical_id:
            return str(name)
    return physical_id


def _generation(props: dict[str, Any]) -> dict[str, Any]:
    """The properties with ExcludePunctuation spelled out as characters."""
    asked = props.get("GenerateSecretString")
    if not asked or str(asked.get("ExcludePunctuation")).lower() != "true":
        return props
    excluded = asked.get("ExcludeCharacters", "") + string.punctuation
    return {**props, "GenerateSecretString": {**asked, "ExcludeCharacters": excluded}}
