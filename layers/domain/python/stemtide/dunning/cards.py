"""A customer's cards, read from the provider's objects: which is charged, and what their network has said."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from stemtide.billing.provider import Json
from stemtide.dunning.declines import Decline, decline_of, is_of_card_data, strength
from stemtide.dunning.facts import Card

_USUAL: Final = "default_payment_method"
_ADVICES: Final = ("network_advice_code", "advice_code")
_S: Final = 1000


def made_ms(charge: Json) -> int:
    """When a charge was made."""
    return int(charge["created"]) * _S


def decline_words(charge: Json) -> tuple[str | None, str | None]:
    """Decline code and advice code of a failed charge, as the network said them; of two advices the one that
    says more."""
    outcome = charge.get("outcome") or {}
    code = outcome.get("reason") or charge.get("failure_code")
    advices = [said for name in _ADVICES if (said := outcome.get(name))]
    return code, max(advices, key=strength, default=None)


def fingerprint(charge: Json) -> str | None:
    """What names the card of a charge."""
    return _details(charge).get("fingerprint")


def declined_last(charges: Iterable[Json]) -> dict[str, Json]:
    """The last charge of each card by its fingerprint, of those whose last one failed.

    Args:
        charges: oldest first.
    """
    last = {name: charge for charge in charges if (name := fingerprint(charge)) is not None}
    return {name: charge for name, charge in last.items() if charge["status"] == "failed"}


def renewed(declined: Mapping[str, Json], methods: Iterable[Json]) -> set[str]:
    """The cards that were issued anew since they were declined (`declined_last`) for what was said of
    them."""
    held = {card.get("fingerprint"): _expiry(card) for one in methods if (card := one.get("card"))}
    of_data = {
        name: _expiry(_details(one)) for name, one in declined.items() if is_of_card_data(*decline_words(one))
    }
    return {name for name, expiry in of_data.items() if held.get(name, expiry) != expiry}


def refused(declined: Mapping[str, Json], but: Container[str]) -> tuple[str, ...]:
    """The cards that are never to be tried again, by what was said of each last (`declined_last`)."""
    hard = (name for name, one in declined.items() if decline_of(*decline_words(one)) is not Decline.SOFT)
    return tuple(sorted(name for name in hard if name not in but))


def charged_card(
    customer: Json,
    subscription: Json | None,
    methods: Sequence[Json],
    *,
    declined: Mapping[str, Json],
    now_ms: int,
) -> Card | None:
    """The card that is charged: the subscription's own, else the customer's usual one; None: there is none.

    Customers who are asked for another card give it as their usual one. So that one is charged, too, where it
    is newer than the decline of the subscription's own (`declined_last`).
    """
    settings = customer.get("invoice_settings") or {}
    wanted = (_id_of((subscription or {}).get(_USUAL)), _id_of(settings.get(_USUAL)))
    found = [one for name in wanted for one in methods if one["id"] == name and one.get("card")]
    if not found:
        return None
    own, usual = _as_card(found[0], now_ms), found[-1]
    since = declined.get(own.fingerprint)
    is_newer = since is not None and int(usual["created"]) * _S >= made_ms(since)
    return _as_card(usual, now_ms) if is_newer else own


def tries_of(card: Card | None, charges: Iterable[Json]) -> tuple[int, ...]:
    """When a card was tried (epoch ms)."""
    if card is None:
        return ()
    return tuple(made_ms(one) for one in charges if fingerprint(one) == card.fingerprint)


def _as_card(method: Json, now_ms: int) -> Card:
    card: Mapping[str, Any] = method["card"]
    return Card(
        method=method["id"],
        fingerprint=str(card.get("fingerprint") or method["id"]),
        expired=_is_over(int(card["exp_year"]), int(card["exp_month"]), now_ms),
    )


def _is_over(year: int, month: int, now_ms: int) -> bool:
    """Whether a card has expired: it is good until the end of its month (UTC)."""
    now = datetime.fromtimestamp(now_ms / _S, tz=UTC)
    return (year, month) < (now.year, now.month)


def _details(charge: Json) -> Json:
    found: Json = (charge.get("payment_method_details") or {}).get("card") or {}
    return found


def _expiry(card: Json) -> tuple[Any, Any]:
    return card.get("exp_year"), card.get("exp_month")


def _id_of(found: Mapping[str, Any] | str | None) -> str | None:
    return str(found["id"]) if isinstance(found, Mapping) else found
