"""The accounts table: facts, scores and drops as rows that are never changed (but for a ticket's text, which
gives way to its sentiment), and one record per account.

The record has several writers. Each touches only its own attributes, under a condition of its own, so
that none undoes another and none goes back.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.drops import Drop
from stemtide.facts import Fact, Problem
from stemtide.ports import ConflictError
from stemtide.profile import Profile
from stemtide.scoring.assessment import RULES_VERSION, Assessment, ModelRole, Trigger
from stemtide.store import record_keys as keys
from stemtide.store.account_items import AccountItems
from stemtide.store.errors import translated
from stemtide.store.record_keys import RecordPage, StoredRecord, StoredScore
from stemtide.store.record_pages import read_page
from stemtide.store.score_writes import ScoreWrites

if TYPE_CHECKING:
    from stemtide.features.registry import Registry

MOST_OWN: Final = 100
"""Values that a condition may list (DynamoDB)."""
__all__ = ["RecordPage", "Records", "StoredRecord", "StoredScore"]


class Records:
    """Reads and writes the accounts table (boto3 Table resource).

    Only the resource's client is used, which threads may share.
    """

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name
        self._items = AccountItems(client=table.meta.client, name=table.name)

    def facts(self, account: str) -> list[Fact]:
        """Everything that was said of the account, by when it became known."""
        return [keys.fact_in(item) for item in self._rows(account, keys.FACT_PREFIX)]

    def put_facts(self, account: str, facts: Iterable[Fact]) -> None:
        """Keep facts; a second put of the same one changes nothing.

        Raises:
            UnavailableError: outcome unknown.
        """
        for fact in facts:
            self._items.put_new(keys.fact_item(account, fact))

    def replace_fact(self, account: str, old: Fact, new: Fact) -> bool:
        """Put `new`, which differs only in what is kept of a text, in the row of `old`.

        Returns:
            False when the row does not hold `old` any more.

        redelivery (slow)                    the delivery itself
        reads the text
                                             reads the text, writes its sentiment
        writes its sentiment -> refused: the text is gone, and the same sentiment stands there

        Raises:
            UnavailableError: outcome unknown; another look finds either and ends the same.
        """
        row = keys.fact_item(account, new)
        try:
            with translated():
                self._client.update_item(
                    TableName=self._name,
                    Key={name: row[name] for name in ("account", "item")},
                    UpdateExpression="SET fact = :new",
                    ConditionExpression="fact = :old",
                    ExpressionAttributeValues={
                        ":new": row["fact"],
                        ":old": keys.fact_item(account, old)["fact"],
                    },
                )
        except ConflictError:
            return False
        return True

    def write_profile(
        self, account: str, profile: Profile, *, facts: int, as_of_ms: int, problems: Sequence[Problem] = ()
    ) -> bool:
        """Write the profile folded from `facts` facts, as of `as_of_ms`; False if a fuller one is in.

        Facts are only ever added, so whoever has read more of them has read later:

            invocation of fact 2 (slow)      invocation of fact 3
            reads facts 1-2
                                             reads facts 1-3, writes the profile of 3
            writes the profile of 2 -> refused: the record has 3

        Both numbers equal: the same facts, the same profile.
        """
        values = {
            "profile": msgspec.json.encode(profile).decode(),
            "profile_as_of": as_of_text(as_of_ms),
            "facts": facts,
            "problems": msgspec.json.encode(problems).decode(),
            "csm_key": None if profile.csm is None else profile.csm.lower(),
            "customer_key": profile.stripe_customer_id or None,
            "do_not_contact": profile.do_not_contact or None,
        }
        condition = "attribute_not_exists(#facts) OR #facts <= :facts"
        return self._items.update(account, values, condition=condition)

    def touch(self, account: str, day: str) -> bool:
        """Note that the account had usage on a UTC day (`YYYY-MM-DD`); False if a later one is known.

        Days come out of order (late events), the latest stays:

            batch with 14 March          batch with 3 March (late)
            writes 14 March
                                         writes 3 March -> refused: 14 March is later
        """
        condition = "attribute_not_exists(#last_day) OR #last_day < :last_day"
        return self._items.update(account, {"last_day": day}, condition=condition)

    def claim_login(
        self, account: str, *, as_of_ms: int, own: Collection[int], debounce_ms: int
    ) -> StoredRecord | None:
        """Note that a login asks for a score as of its instant, and answer the record; None if a score, or
        another login that asked for one, is of less than `debounce_ms` before, or of later. Those at the
        instants `own` may ask again.

        delivery with 09:00              delivery with 09:20
        sets 09:00
                                         sets 09:20 -> refused: 09:00 is less than an hour before
        comes again after a crash
        sets 09:00 -> its own

        Raises:
            UnavailableError: outcome unknown.
        """
        before_ms = as_of_ms - max(debounce_ms, 1)
        mine = {f"own{n}": at_ms for n, at_ms in enumerate(sorted({as_of_ms, *own})[-MOST_OWN:])}
        condition = (
            "(attribute_not_exists(as_of) OR as_of <= :before_text)"
            " AND (attribute_not_exists(#login_asked_ms) OR #login_asked_ms <= :before"
            f" OR #login_asked_ms IN ({', '.join(f':{name}' for name in mine)}))"
        )
        compared = {"before": before_ms, "before_text": as_of_text(before_ms), **mine}
        values = {"login_asked_ms": as_of_ms}
        return self._items.updated(account, values, condition=condition, compared=compared)

    def write_score(
        self,
        account: str,
        assessment: Assessment,
        *,
        as_of_ms: int,
        scored_at: int,
        trigger: str,
        vector: bytes,
        contributions: bytes = b"",
        known: "Registry | None" = None,
        held: StoredRecord | None = None,
        shown: StoredScore | None = None,
        begun_ms: int | None = None,
    ) -> bool:
        """Keep a score's row and make the record what all rows say; see `ScoreWrites.write`."""
        row = StoredScore(
            account=account,
            assessment=assessment,
            as_of_ms=as_of_ms,
            scored_at_ms=scored_at,
            trigger=Trigger(trigger),
            model_version=assessment.model_version or RULES_VERSION,
            vector=vector,
            contributions=contributions,
            registry="" if known is None else known.hash,
            begun_ms=begun_ms,
        )
        return ScoreWrites(self._items, known).write(row, held=held, shown=shown)

    def end_score(self, account: str, *, as_of_ms: int, ended_at: int, trigger: str) -> bool:
        """Take the score out of the record; see `ScoreWrites.end`."""
        return ScoreWrites(self._items).end(account, as_of_ms=as_of_ms, ended_at=ended_at, trigger=trigger)

    def read(self, account: str) -> StoredRecord | None:
        """The customer record as of now, None when nothing is known of the account."""
        return self._items.record(account)

    def csm_of(self, account: str) -> str | None:
        """The e-mail address of the account's csm, None without profile or csm."""
        record = self.read(account)
        return None if record is None else record.profile.csm

    def exists(self, account: str) -> bool:
        """Whether the account has a record."""
        return self.read(account) is not None

    def scores(
        self, account: str, from_ms: int, to_ms: int, *, role: ModelRole = ModelRole.CHAMPION
    ) -> list[StoredScore]:
        """The scores made for instants from `from_ms` to `to_ms` (both included), oldest first."""
        prefix = keys.SCORES_OF[role]
        first, last = (f"{prefix}{as_of_text(at_ms)}" for at_ms in (from_ms, to_ms))
        between = Key("item").between(first, f"{last}~")
        return [keys.score_in(item) for item in self._items.query(Key("account").eq(account) & between)]

    def list_records(
        self,
        *,
        tier: str | None = None,
        csm: str | None = None,
        descending: bool = True,
        cursor: str | None = None,
        limit: int = 50,
    ) -> RecordPage:
        """Up to `limit` records by score; those without a score come last.

        Args:
            tier: only this tier ("none": without a score).
            csm: only this csm's (e-mail address).
            descending: the riskiest first.
            cursor: the `cursor` of the page before, with the same filters.

        Raises:
            ValueError: not a cursor of this list with these filters.
        """
        return read_page(
            self._client, self._name, tier=tier, csm=csm, descending=descending, cursor=cursor, limit=limit
        )

    def put_drop(self, drop: Drop) -> bool:
        """Keep a drop for a while from now on; False if its rule has found one on that day before.

        `put_by` makes the row unlike any other, so that the SDK's repetition of this put is known.
        """
        item = {
            "account": drop.account,
            "item": keys.drop_key(drop),
            "drop": msgspec.json.encode(drop).decode(),
            "put_by": token_hex(8),
            "expires_at": int(time.time()) + keys.KEPT_S,
        }
        return self._items.put_new(item)

    def drops(self, account: str) -> list[Drop]:
        """The account's drops, oldest first."""
        return [
            msgspec.json.decode(item["drop"], type=Drop) for item in self._rows(account, keys.DROP_PREFIX)
        ]

    def _rows(self, account: str, prefix: str) -> Iterator[dict[str, Any]]:
        return self._items.query(Key("account").eq(account) & Key("item").begins_with(prefix))
