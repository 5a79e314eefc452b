"""Designs that look right and are not: each must be found out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final

import msgspec
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts
from stemtide.dunning.keeping import Failed, Keeper
from stemtide.dunning.ledger import Actor, Entry, Kind
from stemtide.dunning.steps import Stepper

from tests.simulation.dunning.world import Recording, World, keeper_of, stepper_of


class _RandomKeys(Recording):
    """Each request has a key of its own, also one that is repeated."""

    _numbers = count()

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Any:
        fresh = f"{next(self._numbers):x}-{key.rpartition('-')[2]}"
        return super().pay_invoice(invoice_id, key=fresh, payment_method=payment_method)


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


BROKEN: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "random_keys": _random_keys,
    "no_live_read": _no_live_read,
    "no_lease": _no_lease,
    "mail_without_claim": _mail_without_claim,
    "start_without_row": _start_without_row,
}
"""What of a world each replaces."""
