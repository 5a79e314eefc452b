"""The accounts table's sort keys and stored shapes, for its writers and readers."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from stemtide.as_of import as_of_text
from stemtide.calls import timestamp_ms
from stemtide.drops import Drop
from stemtide.facts import Fact, Problem
from stemtide.profile import UNKNOWN, Profile
from stemtide.scoring.assessment import Assessment, ModelRole, Trigger
from stemtide.scoring.moved import Moved

RECORD: Final = "record"
FACT_PREFIX: Final = "fact#"
SCORE_PREFIX: Final = "score#"
DROP_PREFIX: Final = "drop#"
CHALLENGER_PREFIX: Final = "challenger#"
"""Scores of a challenger: under a prefix of their own, so that nobody takes one for the account's score."""
SCORES_OF: Final = MappingProxyType(
    {ModelRole.CHAMPION: SCORE_PREFIX, ModelRole.CHALLENGER: CHALLENGER_PREFIX}
)
WITHHELD_PREFIX: Final = "withheld#"
UNSCORED: Final = "none"
"""The tier of a record without a score."""
NO_CUSTOMER: Final = "not_customer"
"""Stands there in a record whose account was a customer and is none any more."""
KEPT_S: Final = 400 * 86_400
"""How long score and drop rows are kept: a year with room for a comparison with the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """The customer record: profile, and the newest score if there is one. Times in epoch ms.

    `last_day` is the latest UTC day with a call (`YYYY-MM-DD`), `model_version` "rules" without a model.
    `moved` is against the score in the row `moved_from` (null: it is the first), `revision` counts the
    changes of the score, `begun_ms` is that of its row.
    """

    account: str
    profile: Profile = UNKNOWN
    profile_as_of_ms: int | None = None
    problems: tuple[Problem, ...] = ()
    last_day: str | None = None
    assessment: Assessment | None = None
    as_of_ms: int | None = None
    scored_at_ms: int | None = None
    trigger: Trigger | None = None
    model_version: str | None = None
    moved: Moved | None = None
    moved_from: str | None = None
    revision: int = 0
    begun_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScore:
    """One score as it was given, with the vector it was given for (float64, little-endian), what each feature
    contributed (float32) and the hash of the features' registry; empty in what older versions wrote.

    `begun_ms` is when the night that it belongs to was begun by its version (`sweep_nights`); None: it is of
    no night.
    """

    account: str
    assessment: Assessment
    as_of_ms: int
    scored_at_ms: int
    trigger: Trigger
    model_version: str
    vector: bytes
    contributions: bytes = b""
    registry: str = ""
    begun_ms: int | None = None

    @property
    def counts_from_ms(self) -> int:
        """What decides between versions: a night counts from when it was begun, whenever its batches end."""
        return self.scored_at_ms if self.begun_ms is None else self.begun_ms

    @property
    def key(self) -> str:
        """The sort key of its row."""
        return score_key(self.as_of_ms, self.trigger, self.model_version)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """Records in the order that was asked for, and where to go on (None: that was all)."""

    records: list[StoredRecord]
    cursor: str | None


def risk_key(account: str, score: int | None) -> str:
    """Sorts by score, then account; an account without a score is at 000."""
    return f"{score or 0:03d}#{account}"


def fact_key(fact: Fact) -> str:
    """The sort key of a fact: by when it became known."""
    return f"{FACT_PREFIX}{as_of_text(fact.known_ms)}#{fact.id}"


def score_key(as_of_ms: int, trigger: str, version: str) -> str:
    """The sort key of a score: by the instant it was made for."""
    return f"{SCORE_PREFIX}{as_of_text(as_of_ms)}#{trigger}#{version}"


def shown_key(record: StoredRecord | None) -> str | None:
    """The sort key of the score that a record shows; None: it shows none."""
    if record is None or record.assessment is None:
        return None
    if record.as_of_ms is None or record.trigger is None or record.model_version is None:
        return None
    return score_key(record.as_of_ms, record.trigger, record.model_version)


def challenger_key(as_of_ms: int, trigger: str, version: str) -> str:
    """The sort key of a challenger's score: that of a score, under its own prefix."""
    return CHALLENGER_PREFIX + score_key(as_of_ms, trigger, version).removeprefix(SCORE_PREFIX)


def drop_key(drop: Drop) -> str:
    """The sort key of a drop: one per day and rule."""
    return f"{DROP_PREFIX}{as_of_text(drop.as_of_ms)[:10]}#{drop.rule}"


def fact_item(account: str, fact: Fact) -> dict[str, Any]:
    """The row of a fact."""
    return {"account": account, "item": fact_key(fact), "fact": msgspec.json.encode(fact).decode()}


def fact_in(item: dict[str, Any]) -> Fact:
    """The fact in its row."""
    return msgspec.json.decode(item["fact"], type=Fact)


def record_in(item: dict[str, Any]) -> StoredRecord:
    """The record in its row."""
    return StoredRecord(
        account=item["account"],
        profile=msgspec.json.decode(item["profile"], type=Profile) if "profile" in item else UNKNOWN,
        profile_as_of_ms=_ms(item.get("profile_as_of")),
        problems=tuple(msgspec.json.decode(item.get("problems", "[]"), type=list[Problem])),
        last_day=item.get("last_day"),
        assessment=_assessment(item) if "assessment" in item else None,
        as_of_ms=_ms(item.get("as_of")),
        scored_at_ms=_ms(item.get("scored_at")),
        trigger=Trigger(item["trigger"]) if "trigger" in item else None,
        model_version=item.get("model_version"),
        moved=msgspec.json.decode(item["moved"], type=Moved) if "moved" in item else None,
        moved_from=item.get("moved_from"),
        revision=int(item.get("revision", 0)),
        begun_ms=_number(item.get("begun_ms")),
    )


def score_in(item: dict[str, Any]) -> StoredScore:
    """The score in its row."""
    _, as_of, trigger, version = item["item"].split("#", 3)
    return StoredScore(
        account=item["account"],
        assessment=_assessment(item),
        as_of_ms=timestamp_ms(as_of),
        scored_at_ms=timestamp_ms(item["scored_at"]),
        trigger=Trigger(trigger),
        model_version=version,
        vector=bytes(item.get("x", b"")),
        contributions=bytes(item.get("c", b"")),
        registry=item.get("r", ""),
        begun_ms=_number(item.get("begun_ms")),
    )


def _assessment(item: dict[str, Any]) -> Assessment:
    return msgspec.json.decode(item["assessment"], type=Assessment)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _ms(text: str | None) -> int | None:
    return None if text is None else timestamp_ms(text)
