"""Who is at risk after a night, against the night before it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec


class AtRiskList(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts at risk as of a night, the riskiest first, with their scores; those that were not at risk
    as of the night before (`previous`), and those that were and are not any more. Null: there is none to
    compare."""

    as_of: str
    model_version: str
    accounts: list[tuple[str, int]]
    previous: str | None = None
    new: list[str] | None = None
    gone: list[str] | None = None


def at_risk_list(
    found: Iterable[tuple[str, int]],
    *,
    as_of: str,
    model_version: str,
    previous: Mapping[str, Any] | None,
) -> AtRiskList:
    """The list of a night.

    Args:
        found: account and score, an account once.
        previous: the list of the night before, as it was kept.
    """
    accounts = sorted(found, key=lambda pair: (-pair[1], pair[0]))
    if previous is None:
        return AtRiskList(as_of=as_of, model_version=model_version, accounts=accounts)
    before: Sequence[Sequence[Any]] = previous["accounts"]
    now, then = {account for account, _ in accounts}, {str(pair[0]) for pair in before}
    return AtRiskList(
        as_of=as_of,
        model_version=model_version,
        accounts=accounts,
        previous=str(previous["as_of"]),
        new=sorted(now - then),
        gone=sorted(then - now),
    )
