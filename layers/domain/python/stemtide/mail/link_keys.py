"""The keys that sign links, from Secrets Manager: the newest signs, every kept one is still believed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from stemtide.access import GET_UNSUBSCRIBE
from stemtide.mail.links import Linked, Purpose, read, token
from stemtide.mail.message import MailRequest, address_key

CACHE_SECONDS: Final = 300.0
RECHECK_SECONDS: Final = 15.0
"""A link that no known key has signed makes a running function look again after this long."""
MIN_KEY_CHARS: Final = 32
UNSUBSCRIBE_PATH: Final = GET_UNSUBSCRIBE.path.removesuffix("{token}")


class _Secret(msgspec.Struct, frozen=True):
    """The secret's JSON: links in mails that were sent live as long as their key is kept in `previous`."""

    current: str
    previous: str | tuple[str, ...] | None = None


@dataclass(slots=True, kw_only=True)
class LinkKeys:
    """Signs and reads links with the secret `secret_id` (`client` of Secrets Manager).

    `clock` gives seconds that only grow.
    """

    client: Any
    secret_id: str
    clock: Callable[[], float]
    _keys: tuple[bytes, ...] = field(default=(), init=False)
    _read_at: float | None = field(default=None, init=False)

    def sign(self, linked: Linked, *, purpose: Purpose = Purpose.MAIL_PREFERENCES) -> str:
        """A token by the newest key."""
        self._refresh(CACHE_SECONDS)
        return token(linked, purpose=purpose, key=self._keys[0])

    def read(self, text: str, *, purpose: Purpose = Purpose.MAIL_PREFERENCES) -> Linked | None:
        """What a token says; None when none of the keys has signed it for this purpose."""
        self._refresh(CACHE_SECONDS)
        found = read(text, purpose=purpose, keys=self._keys)
        if found is None and self._refresh(RECHECK_SECONDS):
            return read(text, purpose=purpose, keys=self._keys)
        return found

    def _refresh(self, max_age: float) -> bool:
        now = self.clock()
        if self._read_at is not None and now - self._read_at < max_age:
            return False
        answer = self.client.get_secret_value(SecretId=self.secret_id)
        secret = msgspec.json.decode(answer["SecretString"], type=_Secret)
        kept = (secret.previous,) if isinstance(secret.previous, str) else secret.previous or ()
        keys = tuple(key.encode("utf-8") for key in (secret.current, *kept) if key)
        if any(len(key) < MIN_KEY_CHARS for key in keys) or not secret.current:
            raise ValueError(f"a key of {self.secret_id} has fewer than {MIN_KEY_CHARS} characters")
        self._keys = keys
        self._read_at = now
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceLinks:
    """The addresses of recipients' preference pages, for their mails.

    Args:
        api_url: the HTTP API's address, without a slash at its end.
        at_ms: what time it is (epoch ms).
    """

    api_url: str
    keys: LinkKeys
    at_ms: Callable[[], int]

    def url(self, request: MailRequest) -> str:
        """Where the recipient chooses what mails to get: the page and the one-click alike.

        Raises:
            AddressError: the recipient is no address.
        """
        issued_s = self.at_ms() // 1000
        linked = Linked(address_key=address_key(request.to), account=request.account, issued_s=issued_s)
        return f"{self.api_url}{UNSUBSCRIBE_PATH}{self.keys.sign(linked)}"
