"""Plays in the episodes table, the labels of their outcomes, and who has an offer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec
from boto3.dynamodb.conditions import Attr, Key

from stemtide.as_of import as_of_text
from stemtide.dunning.ledger import Entry
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey, Play
from stemtide.plays.ports import OfferClaim
from stemtide.ports import ConflictError, SideBySide
from stemtide.store.episode_rows import EPISODE, EpisodeRows
from stemtide.store.errors import translated
from stemtide.store.table_scan import SEGMENTS, scan

LABEL_ROWS: Final = 200
"""Of one request."""
OFFER: Final = "offer"
_FREE: Final = "attribute_not_exists(pk) OR free_ms <= :now"


class PlayTable(EpisodeRows[Play]):
    """`plays.ports.Plays` on the episodes table; an account has one play of a journey at a time, and the next
    one no sooner than `again_ms` says."""

    types: ClassVar[Mapping[str, type[Any]]] = dict.fromkeys(Journey, Play)

    def open(self, play: Play, first: Entry, /) -> bool:
        """Keep a new play with its first entry; False: it is there, or the account has, or lately had, one of
        its journey.

        event                             another event of the account
        opens its play, guard and all
                                          opens another -> refused: the guard is not free yet
        the play ends: the guard is free from `again_ms` on

        Raises:
            UnavailableError: outcome unknown; the same again changes nothing.
        """
        guard = {**_guard_key(play.account, play.journey), "episode": play.id}
        put = {
            "TableName": self._name,
            "Item": guard,
            "ConditionExpression": _FREE,
            "ExpressionAttributeValues": {":now": play.opened_ms},
        }
        return self._open(play, first, put)

    def append(self, play: Play, entries: Sequence[Entry], /, *, label: Label | None = None) -> Play:
        """See `EpisodeRows.append`; with an outcome go its label and the end of the account's guard."""
        more: list[dict[str, Any]] = []
        if play.is_over:
            guard = {**_guard_key(play.account, play.journey), "episode": play.id, "free_ms": play.again_ms}
            more.append({"Put": {"TableName": self._name, "Item": guard}})
        if label is not None:
            more.append({"Put": {"TableName": self._name, "Item": _label_item(label)}})
        return self._append(play, entries, more)

    def running_of(self, account: str, journey: Journey) -> str | None:
        """The id of the play of a journey that runs about an account.

        Raises:
            UnavailableError: no answer.
        """
        found = self._get(_guard_key(account, journey))
        return None if found is None or "free_ms" in found else str(found["episode"])

    def labels_of(self, month: str, *, after: str = "") -> Iterator[tuple[str, Label]]:
        """The labels that became known in a UTC month (`YYYY-MM`), in that order, each with its place.

        Args:
            after: only what follows this place.

        Raises:
            UnavailableError: no answer.
        """
        condition = Key("pk").eq(_labels_key(month))
        if after:
            condition &= Key("sk").gt(after)
        for item in self._query(condition, Limit=LABEL_ROWS, ConsistentRead=True):
            yield str(item["sk"]), msgspec.json.decode(item["label"], type=Label)

    def everything(
        self, *, side_by_side: SideBySide, segments: int = SEGMENTS
    ) -> Iterator[tuple[list[Play], list[Label]]]:
        """Every play and every label once, some at a time and in no order: reads the whole table.

        Args:
            side_by_side: runs the requests.
            segments: how many at a time. 1 where a table cannot be read in segments.

        Raises:
            UnavailableError: no answer.
        """
        is_play = Attr("sk").eq(EPISODE) & Attr("journey").is_in([str(one) for one in Journey])
        query = {
            "TableName": self._name,
            "FilterExpression": is_play | Attr("pk").begins_with(_labels_key("")),
            "ConsistentRead": True,
        }
        for items in scan(self._client, query, side_by_side=side_by_side, segments=segments):
            rows = [item["episode"] for item in items if item["sk"] == EPISODE]
            labels = [item["label"] for item in items if "label" in item]
            yield (
                [msgspec.json.decode(row, type=Play) for row in rows],
                [msgspec.json.decode(label, type=Label) for label in labels],
            )


class OfferTable:
    """`plays.ports.OfferRows` on the episodes table (boto3 Table resource)."""

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name

    def claim(self, claim: OfferClaim, /, *, now_ms: int) -> OfferClaim | None:
        """The claim as it is kept: this one, or an earlier one of the same play; None: another play's holds.

        play's step                       a step of another play of the customer
        reads: nothing
                                          reads: nothing
                                          puts its claim
        puts its claim -> refused: it is there and not free yet
        reads: another play's

        Raises:
            UnavailableError: outcome unknown; the same again changes nothing.
        """
        for _ in range(2):
            held = self._read(claim.customer)
            if held is not None and held.play == claim.play:
                return held
            if held is not None and held.free_ms > now_ms:
                return None
            if self._put(claim, now_ms):
                return claim
        return None

    def _read(self, customer: str) -> OfferClaim | None:
        with translated():
            found = self._client.get_item(TableName=self._name, Key=_offer_key(customer), ConsistentRead=True)
        return msgspec.json.decode(found["Item"]["claim"], type=OfferClaim) if "Item" in found else None

    def _put(self, claim: OfferClaim, now_ms: int) -> bool:
        item = {
            **_offer_key(claim.customer),
            "claim": msgspec.json.encode(claim).decode(),
            "free_ms": claim.free_ms,
        }
        try:
            with translated():
                self._client.put_item(
                    TableName=self._name,
                    Item=item,
                    ConditionExpression=_FREE,
                    ExpressionAttributeValues={":now": now_ms},
                )
        except ConflictError:
            return False
        return True


def _guard_key(account: str, journey: Journey) -> dict[str, str]:
    return {"pk": f"account#{account}", "sk": str(journey)}


def _offer_key(customer: str) -> dict[str, str]:
    return {"pk": f"customer#{customer}", "sk": OFFER}


def _labels_key(month: str) -> str:
    return f"labels#{month}"


def _label_item(label: Label) -> dict[str, Any]:
    known = as_of_text(label.known_ms)
    return {
        "pk": _labels_key(known[:7]),
        "sk": f"{known}#{label.play}",
        "label": msgspec.json.encode(label).decode(),
    }
