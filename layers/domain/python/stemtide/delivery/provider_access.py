"""The way to the payment provider: its client with the API key that the secret holds at the moment."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from stemtide.billing.provider import PaymentProvider
from stemtide.delivery.stripe_api import StripeApi
from stemtide.ports import UnavailableError

CACHE_SECONDS: Final = 300.0
"""A new key is used by a running function after at most this long."""


class _Secret(msgspec.Struct, frozen=True):
    """The secret's JSON."""

    api_key: str = ""


class NoKeyError(UnavailableError):
    """Nobody has put the provider's API key into its secret yet: events wait for it."""


@dataclass(slots=True, kw_only=True)
class ProviderAccess:
    """Reads the key from Secrets Manager (`client`); `url` is empty for the provider's own address, `clock`
    gives seconds that only grow."""

    client: Any
    secret_id: str
    url: str
    clock: Callable[[], float]
    _provider: PaymentProvider | None = field(default=None, init=False)
    _key: str = field(default="", init=False)
    _read_at: float = field(default=0.0, init=False)

    def provider(self) -> PaymentProvider:
        """The provider's client.

        Raises:
            NoKeyError: there is no key.
        """
        now = self.clock()
        if self._provider is None or now - self._read_at >= CACHE_SECONDS:
            answer = self.client.get_secret_value(SecretId=self.secret_id)
            key = msgspec.json.decode(answer["SecretString"], type=_Secret).api_key
            if not key:
                raise NoKeyError(f"the secret {self.secret_id} holds no api_key")
            if self._provider is None or key != self._key:
                self._provider, self._key = StripeApi.connect(key, url=self.url or None), key
            self._read_at = now
        return self._provider
