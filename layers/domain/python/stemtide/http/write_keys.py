"""Write keys: who may send events. They only write; no route that reads takes them."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from http import HTTPStatus

from stemtide.http.problem import Problem
from stemtide.rotating_secret import CACHE_SECONDS, RECHECK_SECONDS, RotatingSecret

__all__ = ["CACHE_SECONDS", "RECHECK_SECONDS", "WriteKeys", "check_write_key"]


@dataclass(slots=True, kw_only=True)
class WriteKeys(RotatingSecret):
    """The accepted keys; see `RotatingSecret`."""

    def accepts(self, key: str) -> bool:
        """Whether `key` is the current or the previous key, in time that does not depend on the key."""
        sent = key.encode("utf-8")
        return self.fits(lambda known: hmac.compare_digest(sent, known.encode("utf-8")))


def check_write_key(authorization: str | None, keys: WriteKeys) -> None:
    """Let a request with a write key as HTTP Basic user pass; the password is ignored, as Segment does.

    Raises:
        Problem: 401 for a missing, malformed or unknown key, always with the same words.
    """
    key = _basic_user(authorization or "")
    if not key or not keys.accepts(key):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "bad-write-key",
            "Send a write key as the user name of HTTP Basic authentication, with an empty password.",
            headers={"WWW-Authenticate": 'Basic realm="stemtide", charset="UTF-8"'},
        )


def _basic_user(authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.casefold() != "basic":
        return None
    try:
        user = base64.b64decode(credentials.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return user.partition(":")[0]
