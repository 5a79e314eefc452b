"""Whether a play's ledger is whole: numbered without a gap, every offer claimed before it was made and told
in the end, the halt and the outcome told.
"""

from collections.abc import Iterator, Sequence

from stemtide.dunning.audit import ends, numbers
from stemtide.dunning.ledger import Entry, Kind
from stemtide.plays.play import Play

OF_OFFERS = (Kind.OFFER_CLAIMED, Kind.OFFER, Kind.OFFER_WITHHELD)


def gaps(play: Play, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What is wrong with a ledger, in words; empty: it is whole. See `dunning.audit.gaps`."""
    in_order = sorted(entries, key=lambda entry: entry.seq)
    return (
        *numbers(play, in_order),
        *_offers(play, in_order),
        *_halts(play, in_order),
        *ends(play, in_order),
    )


def _offers(play: Play, entries: Sequence[Entry]) -> Iterator[str]:
    """An offer is claimed, then made or withheld; one that was refused outright was never claimed. While the
    play acts, a claim may wait for the provider."""
    claim: Entry | None = None
    for entry in (one for one in entries if one.kind in OF_OFFERS):
        if entry.kind is Kind.OFFER_CLAIMED:
            if claim is not None:
                yield f"{entry.seq}: claims an offer that is claimed already"
            claim = entry
            continue
        if entry.kind is Kind.OFFER and claim is None:
            yield f"{entry.seq}: an offer that was never claimed"
        claim = None
    if claim is not None and (play.is_over or play.halted_ms is not None):
        yield f"{claim.seq}: a claim whose offer was never told"


def _halts(play: Play, entries: Sequence[Entry]) -> Iterator[str]:
    told = [entry.seq for entry in entries if entry.kind is Kind.HALTED]
    if play.halted_ms is not None and not told:
        yield "the play was halted, and its ledger does not say so"
    if play.halted_ms is None and told:
        yield f"{told[0]}: halted, and the play goes on"
