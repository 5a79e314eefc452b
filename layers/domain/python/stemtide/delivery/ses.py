"""Mails out through SES (API v2), each at most once: a request that may have been taken is never repeated."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formataddr
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)

from stemtide.mail.message import Rendered, Sender
from stemtide.mail.ports import Claim, MailRefusedError, SendingStoppedError, TooFastError
from stemtide.mail.tags import tags_of
from stemtide.ports import ThrottledError, UnavailableError
from stemtide.store.errors import code_of, translated

ONCE: Final = Config(
    connect_timeout=3, read_timeout=15, retries={"total_max_attempts": 1, "mode": "standard"}
)
"""SendEmail has no idempotency token: the second request of a retry is a second mail."""
_OF_THE_MAIL: Final = frozenset({"MessageRejected", "BadRequestException"})
_NOT_VERIFIED: Final = "not verified"
"""SES says so in the text of a MessageRejected: for the sender (and in the sandbox the recipient)."""
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_NEVER_LEFT: Final = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)


class _LinksWhole(EmailPolicy):
    """Folds every header but the link to unsubscribe: without spaces it would be folded into encoded words,
    which no mail program reads as a link. A line may have 998 characters (RFC 5322, 2.1.1)."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """The header as it goes out."""
        if name.casefold() == "list-unsubscribe":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_POLICY: Final = _LinksWhole(linesep="\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class SesSender:
    """`mail.ports.MailSender` through `client` (SES v2, made with `ONCE`) and a configuration set."""

    client: Any
    sender: Sender
    reply_to: str
    configuration_set: str

    def send(self, claim: Claim, content: Rendered) -> str:
        """Hand a mail to SES; its message id.

        Raises:
            NotAcceptedError: certainly not taken: `MailRefusedError` for what it is, `TooFastError` for the
                rate, `SendingStoppedError` because nothing may be sent.
            UnavailableError: the reply was lost, or SES failed: nobody knows.
        """
        try:
            raw = message_of(claim.to, content, sender=self.sender, reply_to=self.reply_to)
        except ValueError as error:
            raise MailRefusedError("not a message") from error
        tags = [{"Name": name, "Value": value} for name, value in tags_of(claim).items()]
        try:
            with translated():
                answer = self.client.send_email(
                    FromEmailAddress=formataddr((self.sender.name, self.sender.address)),
                    Destination={"ToAddresses": [claim.to]},
                    Content={"Raw": {"Data": raw}},
                    ConfigurationSetName=self.configuration_set,
                    EmailTags=tags,
                )
        except UnavailableError as error:
            _never_left(error)
            raise
        except ClientError as error:
            raise _refusal(error) from error
        return str(answer["MessageId"])


def message_of(to: str, content: Rendered, *, sender: Sender, reply_to: str) -> bytes:
    """The MIME message: text with an HTML alternative.

    `Auto-Submitted` keeps absence notes from being sent back (RFC 3834), whoever renders.

    Raises:
        ValueError: a header holds what a header cannot hold.
    """
    message = EmailMessage(policy=_POLICY)
    local, _, domain = to.rpartition("@")
    message["From"] = _address(sender)
    message["To"] = Address(username=local, domain=domain)
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = content.subject
    for name, value in {"Auto-Submitted": "auto-generated", **dict(content.headers)}.items():
        if not _HEADER.fullmatch(name):
            raise ValueError("not the name of a header")
        message[name] = value
    message.set_content(content.text)
    message.add_alternative(content.html, subtype="html")
    return message.as_bytes()


def _address(sender: Sender) -> Address:
    return Address(display_name=sender.name, addr_spec=sender.address)


def _never_left(error: UnavailableError) -> None:
    """A throttle is a certain answer; a connection that never stood has carried no mail."""
    if isinstance(error, ThrottledError) or isinstance(error.__cause__, _NEVER_LEFT):
        raise TooFastError(str(error)) from error


def _refusal(error: ClientError) -> MailRefusedError | SendingStoppedError:
    """A 4xx: nothing was taken. Of the mail, or of all mails (paused, suspended, not set up, not allowed)."""
    code = code_of(error)
    text = str(error.response.get("Error", {}).get("Message", ""))
    if code in _OF_THE_MAIL and _NOT_VERIFIED not in text:
        return MailRefusedError(code)
    return SendingStoppedError(code)
