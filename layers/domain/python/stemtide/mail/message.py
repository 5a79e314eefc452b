"""What is asked of the mail service: one mail to one recipient, and the key under which it is sent once."""

import unicodedata
from dataclasses import dataclass
from email.utils import getaddresses
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, Protocol, Self

import msgspec

CHANNEL: Final = "mail"
FIRST: Final = "first"
"""The intent of a step's ordinary mail; a deliberate resend has another."""
KEY_BYTES: Final = 12
ADDRESS_KEY_BYTES: Final = 16
MAX_ADDRESS_CHARS: Final = 254
"""Longest address that SMTP carries (RFC 5321, 4.5.3.1.3, less the angle brackets)."""


class AddressError(ValueError):
    """The text is no address that a mail could be sent to."""


class MailClass(StrEnum):
    """What a mail is for: opting out stops the second kind only."""

    TRANSACTIONAL = "transactional"
    LIFECYCLE = "lifecycle"


class MailRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mail to one recipient.

    `journey` is what it belongs to ("dunning", "win_back", "upsell", "retention", "alerts", ...), `episode`
    the run of the journey, `step` the place in it. `intent` tells a deliberate resend from a repetition.
    `campaign` is what pauses when too many bounce (empty: the journey). `values` is JSON for the template,
    `zone` the account's IANA zone, `locale` the recipient's language.
    """

    account: str
    to: str
    template: str
    journey: str
    episode: str
    step: str
    intent: str = FIRST
    campaign: str = ""
    values: dict[str, Any] = {}
    locale: str | None = None
    zone: str | None = None

    @property
    def of_campaign(self) -> str:
        """The campaign that the mail counts in."""
        return self.campaign or self.journey


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A mail's content; `headers` are further ones than subject, sender and recipient, e.g.
    `List-Unsubscribe`."""

    subject: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...] = ()


class Renderer(Protocol):
    """Makes a mail's content from its template."""

    def render(
        self, request: MailRequest, /, *, mail_class: MailClass, unsubscribe_url: str | None
    ) -> Rendered:
        """The content in the request's language.

        Args:
            unsubscribe_url: where the recipient may opt out; None for a transactional mail.

        Raises:
            ValueError: no such template, or values that do not fit it: it never can be rendered.
        """


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail is from: a name (may be empty) and an address."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The sender in `Name <address>` or an address alone.

        Raises:
            AddressError: neither.
        """
        found = getaddresses([text])
        if not text.isprintable() or len(found) != 1:
            raise AddressError("no sender: write an address, or Name <address>")
        [(name, address)] = found
        if normal_address(address) != address.lower():
            raise AddressError("no sender: its address has letters that SMTP does not carry")
        return cls(name, address)

    @property
    def domain(self) -> str:
        """The part behind the @."""
        return self.address.rpartition("@")[2]


def normal_address(address: str) -> str:
    """An address as it is compared: NFKC, lower case, the domain as its ASCII form (IDNA).

    Providers take the local part without regard to case, so two spellings are one recipient.

    Raises:
        AddressError: no single plain address `local@domain`.
    """
    text = _folded(address.strip())
    local, at, domain = text.rpartition("@")
    if not at or not local or len(text) > MAX_ADDRESS_CHARS or not _is_plain(text):
        raise AddressError("no mail address")
    try:
        ascii_domain = domain.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError as error:
        raise AddressError("no mail address: its domain is none") from error
    if not ascii_domain or any(not label for label in ascii_domain.split(".")):
        raise AddressError("no mail address: its domain is none")
    return f"{local}@{ascii_domain}"


def address_key(address: str) -> str:
    """What stands for an address in keys, links and logs: 32 hex digits that do not tell it.

    Raises:
        AddressError: see `normal_address`.
    """
    return blake2b(normal_address(address).encode(), digest_size=ADDRESS_KEY_BYTES).hexdigest()


def mail_key(request: MailRequest) -> str:
    """The key under which a mail is claimed, 24 hex digits: the same for every repetition of a request.

    Content, language and zone are not in it: a step that is asked for again with other words is the same
    mail.

    Raises:
        AddressError: the recipient is no address.
    """
    parts = [
        request.account,
        request.episode,
        request.step,
        CHANNEL,
        normal_address(request.to),
        request.intent,
    ]
    return blake2b(msgspec.json.encode(parts), digest_size=KEY_BYTES).hexdigest()


def _folded(text: str) -> str:
    """NFKC of the lower-cased, which lower-casing changes no more."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())


def _is_plain(text: str) -> bool:
    """No white space, control character, quote, bracket or second address that a header would be read by."""
    return text.isprintable() and not any(c in ' "(),:;<>[\\]' for c in text) and text.count("@") == 1
