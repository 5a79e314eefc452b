"""Event rows of one account as columns, and the few texts that some rows carry."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

EVENTS: Final = (
    "Signed In",
    "Dashboard Viewed",
    "Report Created",
    "Report Exported",
    "Record Created",
    "Record Updated",
    "Search Performed",
    "File Uploaded",
    "Dashboard Shared",
    "Message Sent",
    "Automation Completed",
    "Settings Changed",
    "User Invited",
    "API Call",
    "Support Ticket Created",
    "Support Ticket Updated",
    "NPS Submitted",
    "Payment Failed",
)
"""Every event type; rows name one by its index."""
INDEX: Final = {name: index for index, name in enumerate(EVENTS)}
NOBODY: Final = -1
NO_DETAIL: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The properties of a row that has any."""

    priority: str | None = None
    ticket_id: str | None = None
    text: str | None = None
    csat: int | None = None
    score: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of equal length: instant (microseconds since 1970, UTC), user number or NOBODY, event index,
    how many events the row stands for, index into `details` or NO_DETAIL."""

    at: np.ndarray
    user: np.ndarray
    event: np.ndarray
    count: np.ndarray
    detail: np.ndarray
    details: list[Detail] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at)

    def within(self, low: int, high: int) -> "Rows":
        """The rows with low <= instant < high, by instant."""
        order = np.argsort(self.at, kind="stable")
        kept = order[(self.at[order] >= low) & (self.at[order] < high)]
        return Rows(
            self.at[kept],
            self.user[kept],
            self.event[kept],
            self.count[kept],
            self.detail[kept],
            self.details,
        )


def plain(
    at: np.ndarray, user: np.ndarray | int, event: np.ndarray | int, count: np.ndarray | int = 1
) -> Rows:
    """Rows without details, cut to milliseconds."""
    n = len(at)
    return Rows(
        at.astype(np.int64) // 1000 * 1000,
        np.broadcast_to(np.asarray(user, dtype=np.int32), n),
        np.broadcast_to(np.asarray(event, dtype=np.int16), n),
        np.broadcast_to(np.asarray(count, dtype=np.int32), n),
        np.full(n, NO_DETAIL, dtype=np.int32),
    )


def detailed(found: Sequence[tuple[int, int, str, Detail]]) -> Rows:
    """Rows (instant, user, event, detail), one event each."""
    n = len(found)
    return Rows(
        np.array([at // 1000 * 1000 for at, *_ in found], dtype=np.int64),
        np.array([user for _, user, *_ in found], dtype=np.int32),
        np.array([INDEX[event] for _, _, event, _ in found], dtype=np.int16),
        np.ones(n, dtype=np.int32),
        np.arange(n, dtype=np.int32),
        [detail for *_, detail in found],
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows of several, details renumbered."""
    details: list[Detail] = []
    numbered = []
    for part in parts:
        numbered.append(np.where(part.detail == NO_DETAIL, NO_DETAIL, part.detail + len(details)))
        details += part.details
    return Rows(
        np.concatenate([part.at for part in parts]),
        np.concatenate([part.user for part in parts]),
        np.concatenate([part.event for part in parts]),
        np.concatenate([part.count for part in parts]),
        np.concatenate(numbered).astype(np.int32),
        details,
    )


NO_ROWS: Final = detailed([])
