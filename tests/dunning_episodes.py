"""Episodes and ledger entries of tests."""

from stemtide.config_billing import CollectionOwner
from stemtide.dunning.episode import Episode, episode_id
from stemtide.dunning.ledger import Entry, Kind

NOW = 1_767_603_600_000  # 2026-01-05 09:00 UTC


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
