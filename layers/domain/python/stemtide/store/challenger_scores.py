"""What a challenger says: rows of their own, which no record, no trend and no event is made of.

They are read as other scores are, by `Records.scores`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stemtide.as_of import as_of_text
from stemtide.challenger_scoring import score_beside
from stemtide.features.vectors import Vector
from stemtide.ports import SideBySide
from stemtide.scoring.artefact import ArtefactError, Model
from stemtide.scoring.assessment import RULES_VERSION, Assessment, Trigger
from stemtide.scoring.known_sources import Fresh
from stemtide.store import record_keys as keys
from stemtide.store.account_items import AccountItems
from stemtide.store.models import ModelStore


@dataclass(frozen=True, slots=True)
class ChallengerScores:
    """Rows of the accounts table (boto3 Table resource), one per account, instant, trigger and version."""

    table: Any

    def write(self, vector: Vector, assessment: Assessment, trigger: Trigger) -> bool:
        """Keep a challenger's score; False if it is there, as it was first put.

        The vector is not kept again: it is the champion's, or follows from the same data.

        Raises:
            UnavailableError: outcome unknown; a repetition changes nothing.
        """
        version = assessment.model_version or RULES_VERSION
        scored_at = int(time.time() * 1000)
        items = AccountItems(client=self.table.meta.client, name=self.table.name)
        return items.put_new(
            {
                "account": vector.account,
                "item": keys.challenger_key(vector.as_of_ms, trigger, version),
                "assessment": msgspec.json.encode(assessment).decode(),
                "scored_at": as_of_text(scored_at),
                "expires_at": scored_at // 1000 + keys.KEPT_S,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Challengers:
    """`sweep_batches.Challengers` on this deployment: the registry's models, the accounts table.

    `least_history_days` is what the champion is told (`assess`), `say_lost` is told how many accounts have no
    score of the challenger, and why.
    """

    models: ModelStore
    scores: ChallengerScores
    side_by_side: SideBySide
    least_history_days: int
    say_lost: Callable[[int, Exception], None]

    def load(self, name: str, version: str) -> Model | None:
        """A challenger; None where it is refused, which the registry tells and which stops no champion."""
        try:
            return self.models.named(name, version)
        except ArtefactError:
            return None

    def score(
        self, vectors: Sequence[Vector], model: Model, fresh: Mapping[int, Fresh], trigger: Trigger
    ) -> int:
        """Write what it says of accounts; how many have its score now (see `score_beside`)."""
        return score_beside(
            vectors,
            model=model,
            fresh=fresh,
            trigger=trigger,
            least_history_days=self.least_history_days,
            write=self.scores.write,
            side_by_side=self.side_by_side,
            say_lost=self.say_lost,
        )
