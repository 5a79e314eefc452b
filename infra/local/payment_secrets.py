"""What a person copies from the payment provider's pages in an account: here from the stand-in."""

import json
from typing import Any


def provision(client: Any, *, outputs: dict[str, str], signing_secret: str, api_key: str) -> None:
    """Put the stand-in's signing secret and API key where the functions read them.

    Args:
        client: boto3's of Secrets Manager.
        outputs: the CloudFormation outputs of all stacks by name.
    """
    wanted = {
        outputs["WebhookSecret"]: {"current": signing_secret},
        outputs["ProviderKeySecret"]: {"api_key": api_key},
    }
    for secret, content in wanted.items():
        text = json.dumps(content)
        if client.get_secret_value(SecretId=secret)["SecretString"] != text:
            client.put_secret_value(SecretId=secret, SecretString=text)
