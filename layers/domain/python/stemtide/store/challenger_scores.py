"""What a challenger says: rows of their own, which no record, no trend and no event is made of.

They are read as other scores are, by `Records.scores`.
"""

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from stemtide.as_of import as_of_text
from stemtide.features.vectors import Vector
from stemtide.scoring.assessment import Assessment, Trigger
from stemtide.store import record_keys as keys
from stemtide.store.account_items import AccountItems


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
        version = assessment.model_version or keys.RULES_VERSION
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
