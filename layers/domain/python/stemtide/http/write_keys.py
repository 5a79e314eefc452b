"""Write keys: who may send events. They only write; no route that reads takes them."""

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec

from stemtide.http.problem import Problem

CACHE_SECONDS: Final = 300.0
"""A replaced key keeps being accepted by a running function for at most this long."""
RECHECK_SECONDS: Final = 15.0
"""An unknown key makes a running function look again after this long, so that a new key works at once
without every wrong one costing a call to Secrets Manager."""


class _Secret(msgspec.Struct, frozen=True):
    """The secret's JSON: during a rotation both keys are accepted."""

    current: str
    previous: str | None = None


@dataclass(slots=True, kw_only=True)
class WriteKeys:
    """The accepted keys, read from Secrets Manager (`client`) and kept for `CACHE_SECONDS`.

    `clock` gives seconds that only grow.
    """

    client: Any
    secret_id: str
    clock: Callable[[], float]
    _keys: tuple[bytes, ...] = field(default=(), init=False)
    _read_at: float | None = field(default=None, init=False)

    def accepts(self, key: str) -> bool:
        """Whether `key` is the current or the previous key, in time that does not depend on the key."""
        self._refresh(CACHE_SECONDS)
        if self._matches(key):
            return True
        return self._refresh(RECHECK_SECONDS) and self._matches(key)

    def _matches(self, key: str) -> bool:
        sent = key.encode("utf-8")
        results = [hmac.compare_digest(sent, known) for known in self._keys]
        return any(results)

    def _refresh(self, max_age: float) -> bool:
        now = self.clock()
        if self._read_at is not None and now - self._read_at < max_age:
            return False
        answer = self.client.get_secret_value(SecretId=self.secret_id)
        secret = msgspec.json.decode(answer["SecretString"], type=_Secret)
        self._keys = tuple(k.encode("utf-8") for k in (secret.current, secret.previous) if k)
        self._read_at = now
        return True


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
