"""On which resource a role must be allowed to send mail.

Service Authorization Reference, Amazon SES v2: SendEmail has the required resource type identity
(`arn:${Partition}:ses:${Region}:${Account}:identity/${IdentityName}`): that of the From address. The emulator
asks for `*`, which no policy with a resource allows.
"""

from __future__ import annotations

import json
from email.utils import parseaddr
from typing import Any

from infra.local.emulator.patching import replace

SHA256 = "96f8ace790bed629acf146f5590f710a5d094dc4a8591830861dac4cc8fd6448"
SEND = "/v2/email/outbound-emails"


def install() -> None:
    """Put the identity of the sender in the place of `*`. Raises `EmulatorChanged`."""
    from ministack.core import iam_actions

    resource_of = iam_actions._ses_v2_resource_arn

    def _ses_v2_resource_arn(method: str, path: str, body: bytes, region: str, account_id: str) -> str:
        if method == "POST" and path.rstrip("/") == SEND and (identity := _identity(body)):
            return f"arn:aws:ses:{region}:{account_id}:identity/{identity}"
        return str(resource_of(method, path, body, region, account_id))

    replace(iam_actions, "_ses_v2_resource_arn", _ses_v2_resource_arn, source_sha256=SHA256)


def _identity(body: bytes) -> str:
    """The sender's address if that is an identity of its own, else its domain; empty without a sender."""
    from ministack.services import ses_v2

    try:
        request: Any = json.loads(body)
        address = parseaddr(str(request.get("FromEmailAddress", "")))[1]
    except (ValueError, AttributeError):
        return ""
    return address if address in ses_v2._identities else address.rpartition("@")[2]
