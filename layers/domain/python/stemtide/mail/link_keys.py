"""The keys that sign links, from Secrets Manager: the newest signs, every kept one is still believed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stemtide.access import GET_UNSUBSCRIBE
from stemtide.mail.links import Linked, Purpose, read, token
from stemtide.mail.message import MailRequest, address_key
from stemtide.rotating_secret import RotatingSecret

MIN_KEY_CHARS: Final = 32
UNSUBSCRIBE_PATH: Final = GET_UNSUBSCRIBE.path.removesuffix("{token}")


@dataclass(slots=True, kw_only=True)
class LinkKeys(RotatingSecret):
    """Signs and reads links; see `RotatingSecret`. Links in mails that were sent live as long as their key is
    kept in `previous`."""

    least_chars: int = MIN_KEY_CHARS

    def sign(self, linked: Linked, *, purpose: Purpose = Purpose.MAIL_PREFERENCES) -> str:
        """A token by the newest key."""
        return token(linked, purpose=purpose, key=self.current().encode("utf-8"))

    def read(self, text: str, *, purpose: Purpose = Purpose.MAIL_PREFERENCES) -> Linked | None:
        """What a token says; None when none of the keys has signed it for this purpose."""
        return self.found(
            lambda values: read(text, purpose=purpose, keys=[value.encode("utf-8") for value in values])
        )


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
