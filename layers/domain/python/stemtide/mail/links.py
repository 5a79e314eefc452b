"""Links in mails that act for their recipient: signed, for one purpose, valid for good, naming no person.

A token is base64url of what it says and its HMAC-SHA256. Whoever has the mail has the right it gives, so it
gives only that one: what mails to get.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final

VERSION: Final = 1
MAX_TOKEN_CHARS: Final = 300
_ADDRESS_KEY_BYTES: Final = 16
_ISSUED_BYTES: Final = 5
_HEAD_BYTES: Final = 2 + _ADDRESS_KEY_BYTES + _ISSUED_BYTES
_MAC_BYTES: Final = sha256().digest_size
_DOMAIN: Final = b"stemtide/link\0"
"""Keeps a signature of ours that was made for something else from passing as a link's."""


class Purpose(IntEnum):
    """What a link is good for: one of another purpose is none."""

    MAIL_PREFERENCES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What a token says: whose choice it is (`address_key`), in which mail's account, since when (epoch s).

    `account` is empty when its id is an address: a link names no person.
    """

    address_key: str
    account: str
    issued_s: int


def token(linked: Linked, *, purpose: Purpose, key: bytes) -> str:
    """The token, in characters that a URL takes as they are."""
    account = "" if "@" in linked.account else linked.account
    issued = linked.issued_s.to_bytes(_ISSUED_BYTES, "big")
    said = bytes((VERSION, purpose)) + bytes.fromhex(linked.address_key) + issued + account.encode("ascii")
    return base64.urlsafe_b64encode(said + _mac(said, key)).rstrip(b"=").decode("ascii")


def read(text: str, *, purpose: Purpose, keys: Sequence[bytes]) -> Linked | None:
    """What a token says if one of the keys signed it for this purpose, else None: nobody learns why.

    Every key is tried, so the time tells nothing.
    """
    data = _decoded(text)
    if data is None or len(data) < _HEAD_BYTES + _MAC_BYTES:
        return None
    said, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    signed = [hmac.compare_digest(mac, _mac(said, key)) for key in keys]
    if not any(signed) or said[:2] != bytes((VERSION, purpose)):
        return None
    return Linked(
        address_key=said[2 : 2 + _ADDRESS_KEY_BYTES].hex(),
        account=said[_HEAD_BYTES:].decode("ascii"),
        issued_s=int.from_bytes(said[2 + _ADDRESS_KEY_BYTES : _HEAD_BYTES], "big"),
    )


def _mac(said: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + said, "sha256")


def _decoded(text: str) -> bytes | None:
    """The bytes of a token; None unless it is spelled as we spell it (base64 has more than one spelling)."""
    if not text.isascii() or len(text) > MAX_TOKEN_CHARS:
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:  # binascii's is one
        return None
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") == text else None
