"""Designs that look right and are not: each must be found out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, NamedTuple

import msgspec
from stemtide.dunning.decide import Settle
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts
from stemtide.dunning.keeping import Failed, Keeper
from stemtide.dunning.ledger import Actor, Entry, Kind
from stemtide.dunning.steps import Stepper
from stemtide.stepping import Next

from payments import idempotency, invoicing
from payments.shapes import payments
from tests.simulation.dunning.world import Recording, World, keeper_of, stepper_of


class _Charges(Recording):
    """What was due is charged to the card, whatever has become of the invoice."""

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Any:
        world = self.provider.world
        invoice = world.store.need("invoice", invoice_id)
        if invoice["status"] != "paid" or world.store.find(idempotency.KIND, key) is not None:
            return super().pay_invoice(invoice_id, key=key, payment_method=payment_method)
        asked = invoicing.ask_for(world, invoice, invoice["amount_due"], default=False)
        intent = world.store.need("payment_intent", asked["payment"]["payment_intent"])
        method = world.store.need("payment_method", payment_method or "")
        charge = payments.charge(
            world.new_id("ch"), created=world.now, intent=intent, amount=invoice["amount_due"], method=method
        )
        charge["_invoice"], charge["_key"] = invoice_id, key
        world.put(charge)
        return invoice


class _RandomKeys(_Charges):
    """Each request has a key of its own, also one that is repeated."""

    _numbers = count()

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Any:
        fresh = f"{next(self._numbers):x}-{key.rpartition('-')[2]}"
        return super().pay_invoice(invoice_id, key=fresh, payment_method=payment_method)


class _StableKeyOnly(Stepper):
    """The key alone is to prevent that anything is charged twice: nobody looks again."""

    def _settle(self, episode: Episode, entries: list[Entry], action: Settle) -> Next:
        claim = next(e for e in entries if e.kind is Kind.CHARGE_CLAIMED and e.key == action.key)
        return self._pay(self._append(self._mine(episode)), claim)


@dataclass(frozen=True, slots=True)
class _FirstLook:
    """What was true when the episode was first looked at is taken for what is true."""

    world: World
    read: Callable[[Episode, Sequence[Entry]], Facts]
    seen: dict[str, Facts] = field(default_factory=dict)

    def __call__(self, episode: Episode, entries: Sequence[Entry], /) -> Facts:
        now = self.read(episode, entries)
        first = self.seen.setdefault(episode.id, now)
        return msgspec.structs.replace(first, attempts=now.attempts, mailed=now.mailed)


class _WithoutRow(Keeper):
    """An execution is started for each event, under a name of its own, and no row decides."""

    def payment_failed(self, failed: Failed) -> str | None:
        number = len(self.episodes.all())  # type: ignore[attr-defined]
        episode = Episode(
            id=f"{number:024x}",
            account=failed.account,
            customer=f"{failed.customer}",
            anchor=failed.invoice,
            policy="default",
            owner=self.owner,
            started_ms=failed.failed_ms,
            opened_ms=self.now_ms(),
        )
        first = Entry(seq=1, at_ms=self.now_ms(), kind=Kind.OPENED, actor=Actor.PROVIDER)
        self.episodes.keep(episode, first)  # type: ignore[attr-defined]
        self.runs.start(episode)
        return episode.id


def _random_keys() -> dict[str, Any]:
    return {"payments_of": _RandomKeys}


def _stable_key_only() -> dict[str, Any]:
    def stepper(world: World) -> Stepper:
        right = stepper_of(world)
        return _StableKeyOnly(**{name: getattr(right, name) for name in right.__dataclass_fields__})

    return {"payments_of": _Charges, "stepper_of": stepper}


def _no_live_read() -> dict[str, Any]:
    def stepper(world: World) -> Stepper:
        right = stepper_of(world)
        return replace(right, read_facts=_FirstLook(world, right.read_facts))

    return {"stepper_of": stepper}


def _no_lease() -> dict[str, Any]:
    return {"stepper_of": lambda world: replace(stepper_of(world), lease_ms=0)}


def _mail_without_claim() -> dict[str, Any]:
    return {"mail_claims": False}


def _start_without_row() -> dict[str, Any]:
    def keeper(world: World) -> Keeper:
        right = keeper_of(world)
        return _WithoutRow(
            episodes=right.episodes,
            runs=right.runs,
            owner=right.owner,
            policy_name=right.policy_name,
            now_ms=right.now_ms,
        )

    return {"keeper_of": keeper}


class Design(NamedTuple):
    """What of a world a broken design replaces, and what is said of the harm that it does."""

    replaced: Callable[[], dict[str, Any]]
    harm: str


OVERCHARGED: Final = "was charged more than its amount due"
BROKEN: Final[Mapping[str, Design]] = {
    "random_keys": Design(_random_keys, OVERCHARGED),
    "stable_key_only": Design(_stable_key_only, OVERCHARGED),
    "no_live_read": Design(_no_live_read, "after it was settled"),
    "no_lease": Design(_no_lease, "was withdrawn and charged"),
    "mail_without_claim": Design(_mail_without_claim, "was sent 2 times"),
    "start_without_row": Design(_start_without_row, "episodes"),
}
