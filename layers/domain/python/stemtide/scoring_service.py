"""From accounts and an instant to written scores. The outside comes in through ports."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from stemtide.config_schema import Plan
from stemtide.features.vectors import Known, Vector, vectors_of
from stemtide.ports import SideBySide, UnavailableError
from stemtide.profile import is_customer
from stemtide.scoring.assess import assess
from stemtide.scoring.assessment import Assessment, Trigger

MODEL: Final = "churn"
ROUNDS: Final = 3
"""Tries of an account whose data could not be read or written."""
PAUSE_SECONDS: Final = 0.2


class WriteScore(Protocol):
    """Writes one score; whether the account's record changed."""

    def __call__(
        self, vector: Vector, assessment: Assessment, *, as_of_ms: int, trigger: Trigger
    ) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPorts:
    """What scoring touches: what is known of one account at an instant, the write, threads, how to wait."""

    read: Callable[[str, int], Known]
    write: WriteScore
    side_by_side: SideBySide
    pause: Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What became of the accounts, each in one of the lists.

    `unchanged` have a score of this or a later instant already; `failed` could not be read or written.
    """

    scored: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    not_customers: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def counts(self) -> dict[str, Any]:
        """As a batch answers: numbers, and the failed by name."""
        return {
            "scored": len(self.scored),
            "unchanged": len(self.unchanged),
            "not_customers": len(self.not_customers),
            "failed": list(self.failed),
        }


def score_accounts(
    accounts: Iterable[str],
    *,
    as_of_ms: int,
    trigger: Trigger,
    model: Any,
    plans: Sequence[Plan],
    ports: ScoringPorts,
) -> Scored:
    """Score the accounts as of an instant, in one batch; the trouble of one costs no other its score.

    Args:
        model: what `assess` takes; None: rules.
        plans: as configured.
    """
    wanted = list(dict.fromkeys(accounts))
    known, unread = _each(wanted, lambda account: ports.read(account, as_of_ms), ports)
    vectors = vectors_of(known, as_of_ms, plans=plans) if known else []
    customers = [vector for vector in vectors if _is_customer(vector)]
    assessed = list(zip(customers, assess(model, customers) if customers else [], strict=True))

    def write(pair: tuple[Vector, Assessment]) -> bool:
        return ports.write(*pair, as_of_ms=as_of_ms, trigger=trigger)

    written, unwritten = _each(assessed, write, ports, keep=True)
    return Scored(
        scored=tuple(vector.account for (vector, _), changed in written if changed),
        unchanged=tuple(vector.account for (vector, _), changed in written if not changed),
        not_customers=tuple(vector.account for vector in vectors if not _is_customer(vector)),
        failed=(*unread, *(vector.account for vector, _ in unwritten)),
    )


def _is_customer(vector: Vector) -> bool:
    return is_customer(vector.profile, last_active_day=vector.last_active_day, as_of_ms=vector.as_of_ms)


def _each(
    items: Sequence[Any], step: Callable[[Any], Any], ports: ScoringPorts, *, keep: bool = False
) -> tuple[list[Any], list[Any]]:
    """The step's results in the order of the items (with the items, if `keep`), and the items that failed
    in every round."""
    done: dict[int, Any] = {}
    left = list(range(len(items)))
    for attempt in range(ROUNDS):
        if not left:
            break
        if attempt:
            ports.pause(PAUSE_SECONDS * 2**attempt)
        answers = ports.side_by_side(lambda place: _attempt(step, items[place]), left)
        done |= {place: value for place, (good, value) in zip(left, answers, strict=True) if good}
        left = [place for place in left if place not in done]
    found = [(items[place], done[place]) if keep else done[place] for place in sorted(done)]
    return found, [items[place] for place in left]


def _attempt(step: Callable[[Any], Any], item: Any) -> tuple[bool, Any]:
    try:
        return True, step(item)
    except UnavailableError:
        return False, None
