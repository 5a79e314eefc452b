"""Episodes and ledger entries of tests."""

from typing import Any

import msgspec
from stemtide.config_billing import CollectionOwner
from stemtide.dunning.decide import Ending
from stemtide.dunning.episode import Episode, episode_id
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Entry, Kind
from stemtide.store.episodes import EpisodeTable

NOW = 1_767_603_600_000  # 2026-01-05 09:00 UTC
HOUR = 3_600_000


def episode(
    invoice: str = "in_1", customer: str = "cus_1", account: str = "acme", opened_ms: int = NOW
) -> Episode:
    return Episode(
        id=episode_id(customer, invoice),
        account=account,
        customer=customer,
        anchor=invoice,
        policy="default",
        owner=CollectionOwner.OWN,
        started_ms=NOW,
        opened_ms=opened_ms,
    )


def entry(seq: int, kind: Kind = Kind.MAIL, at_ms: int = NOW) -> Entry:
    return Entry(seq=seq, at_ms=at_ms, kind=kind, invoice="in_1", step=f"s{seq}")


FIRST = entry(1, Kind.OPENED)


def charge(seq: int, kind: Kind, *, at_ms: int = NOW, key: str = "k", **more: Any) -> Entry:
    """A claim or its result: 4,900 yen."""
    money = {"amount": 4_900, "currency": "JPY", "card": "fp_1"}
    return Entry(seq=seq, at_ms=at_ms, kind=kind, invoice="in_1", key=key, **money, **more)


def a_life(episodes: EpisodeTable, one: Episode, *, gap: int | None = None) -> Episode:
    """An episode that was opened, tried, mailed and recovered, an hour apart; `gap` is left out of it."""
    told = [
        charge(2, Kind.CHARGE_CLAIMED, at_ms=one.opened_ms + HOUR),
        charge(
            3,
            Kind.CHARGE,
            at_ms=one.opened_ms + 2 * HOUR,
            outcome=Outcome.DECLINED,
            code="insufficient_funds",
            provider_id="ch_1",
        ),
        Entry(seq=4, at_ms=one.opened_ms + 3 * HOUR, kind=Kind.MAIL_SKIPPED, step="first", reason="passed"),
        Entry(seq=5, at_ms=one.opened_ms + 3 * HOUR, kind=Kind.MAIL, step="second", template="t", key="m"),
        Entry(seq=6, at_ms=one.opened_ms + 4 * HOUR, kind=Kind.ENDED, reason="recovered: paid"),
    ]
    assert episodes.open(one, msgspec.structs.replace(FIRST, at_ms=one.opened_ms))
    found = episodes.read(one.id)
    assert found is not None
    over = msgspec.structs.replace(
        found[0], ended_ms=told[-1].at_ms, ending=Ending.RECOVERED, ending_reason="paid"
    )
    return episodes.append(over, [entry for entry in told if entry.seq != gap])
