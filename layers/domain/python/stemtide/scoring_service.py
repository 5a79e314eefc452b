"""From accounts and an instant to written scores. The outside comes in through ports."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from stemtide.features.profile_columns import Basis
from stemtide.features.vectors import Known, Vector, vectors_at
from stemtide.ports import UNREADABLE, SideBySide, UnavailableError
from stemtide.scoring.assess import Assessed, assess_fully
from stemtide.scoring.assessment import Trigger
from stemtide.scoring.known_sources import Fresh

ROUNDS: Final = 3
"""Tries of an account whose data could not be read or written."""
PAUSE_SECONDS: Final = 0.2


class Moment(NamedTuple):
    """What a score is made for: an account at an instant."""

    account: str
    as_of_ms: int


class Fate(StrEnum):
    """What became of a moment. `UNCHANGED`: the account has a score of this or a later instant already;
    `NOT_CUSTOMER`: none then, so its record has no score of that instant or an earlier one any more;
    `FAILED`: it could not be read or written; `BROKEN`: this version cannot read what is stored of it, now
    or at any further try; `HELD_BACK`: nobody was scored, as the last closed day lacks events."""

    SCORED = "scored"
    UNCHANGED = "unchanged"
    NOT_CUSTOMER = "not_customer"
    FAILED = "failed"
    BROKEN = "broken"
    HELD_BACK = "held_back"


class WriteScore(Protocol):
    """Writes one score; whether the account's record changed."""

    def __call__(self, vector: Vector, assessed: Assessed, *, as_of_ms: int, trigger: Trigger) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPorts:
    """What scoring touches: what is known of one account at an instant, which sources were fresh at instants,
    the write, the end of a score whose account is no customer any more, threads, how to wait, and where to
    say why an account failed; and how long an account must be known to be scored by a model."""

    read: Callable[[str, int], Known]
    fresh: Callable[[Sequence[int]], Mapping[int, Fresh]]
    write: WriteScore
    end: Callable[[Moment, Trigger], object]
    side_by_side: SideBySide
    pause: Callable[[float], None]
    say_failed: Callable[[Moment, Exception], None]
    least_history_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What became of the accounts, each in one of the lists; see `Fate`."""

    scored: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    not_customers: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def counts(self) -> dict[str, Any]:
        """As a batch answers that need not come again: numbers, and the first that has no score by name.

        Small whatever happens: all batches' answers together may hold 256 KB (Step Functions).
        """
        return {
            "scored": len(self.scored),
            "unchanged": len(self.unchanged),
            "not_customers": len(self.not_customers),
            "failed": len(self.broken),
            "first": self.broken[0] if self.broken else None,
        }


def score_accounts(
    accounts: Iterable[str],
    *,
    as_of_ms: int,
    trigger: Trigger,
    model: Any,
    basis: Basis,
    ports: ScoringPorts,
) -> Scored:
    """Score the accounts as of one instant; see `score_moments`."""
    moments = [Moment(account, as_of_ms) for account in accounts]
    return by_fate(score_moments(moments, trigger=trigger, model=model, basis=basis, ports=ports))


def by_fate(fates: Mapping[Moment, Fate]) -> Scored:
    """The accounts by what became of them."""

    def those(fate: Fate) -> tuple[str, ...]:
        return tuple(moment.account for moment, found in fates.items() if found is fate)

    return Scored(
        scored=those(Fate.SCORED),
        unchanged=those(Fate.UNCHANGED),
        not_customers=those(Fate.NOT_CUSTOMER),
        failed=those(Fate.FAILED),
        broken=those(Fate.BROKEN),
    )


def score_moments(
    moments: Iterable[Moment], *, trigger: Trigger, model: Any, basis: Basis, ports: ScoringPorts
) -> dict[Moment, Fate]:
    """Score accounts, each as of its own instant, in one batch; the trouble of one costs no other its score.

    Of several instants of one account the newest stays in its record, in whatever order they are written.

    Args:
        model: what `assess` takes; None: rules.
        basis: what the configuration adds.
    """
    read = read_vectors(moments, basis=basis, ports=ports)
    return {**read.fates, **score_vectors(read, trigger=trigger, model=model, ports=ports)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the tables say of moments: vectors of customers, the moments of others, the fate of those that
    could not be read; and of the customers, in their order, what the vectors are made of."""

    customers: tuple[Vector, ...] = ()
    others: tuple[Moment, ...] = ()
    fates: Mapping[Moment, Fate] = field(default_factory=dict)
    known: tuple[Known, ...] = ()


def read_vectors(moments: Iterable[Moment], *, basis: Basis, ports: ScoringPorts) -> Read:
    """Read accounts, each as of its own instant; the trouble of one costs no other its vector."""
    wanted = list(dict.fromkeys(moments))
    known, fates = _each(wanted, lambda moment: ports.read(*moment), wanted, ports)
    read = [moment for moment in wanted if moment in known]
    vectors = vectors_at([(known[moment], moment.as_of_ms) for moment in read], basis=basis) if read else []
    customers = tuple(vector for vector in vectors if vector.is_customer)
    return Read(
        customers=customers,
        others=tuple(_moment(vector) for vector in vectors if not vector.is_customer),
        fates=fates,
        known=tuple(known[_moment(vector)] for vector in customers),
    )


def score_vectors(read: Read, *, trigger: Trigger, model: Any, ports: ScoringPorts) -> dict[Moment, Fate]:
    """Score the customers, and end the scores of the others."""
    others = list(read.others)
    ended, lost = _each(others, lambda moment: ports.end(moment, trigger), others, ports)
    fates = lost | dict.fromkeys(ended, Fate.NOT_CUSTOMER)
    return fates | (_score(read.customers, trigger, model, ports) if read.customers else {})


def _score(
    customers: Sequence[Vector], trigger: Trigger, model: Any, ports: ScoringPorts
) -> dict[Moment, Fate]:
    moments = [_moment(vector) for vector in customers]
    fresh, without = _fresh(moments, ports)
    if without is not None:
        return dict.fromkeys(moments, without)
    found = assess_fully(model, customers, fresh=fresh, least_history_days=ports.least_history_days)
    assessed = list(zip(customers, found, strict=True))

    def write(pair: tuple[Vector, Assessed]) -> bool:
        return ports.write(*pair, as_of_ms=pair[0].as_of_ms, trigger=trigger)

    written, lost = _each(assessed, write, moments, ports)
    changed = {True: Fate.SCORED, False: Fate.UNCHANGED}
    return lost | {moment: changed[bool(answer)] for moment, answer in written.items()}


def _fresh(moments: Sequence[Moment], ports: ScoringPorts) -> tuple[Mapping[int, Fresh], Fate | None]:
    """Which sources were fresh, asked once however many the moments; or the fate of all, who lack it."""
    instants = sorted({moment.as_of_ms for moment in moments})
    found, lost = _each([instants], ports.fresh, moments[:1], ports)
    return next(iter(found.values()), {}), next(iter(lost.values()), None)


def _moment(vector: Vector) -> Moment:
    return Moment(vector.account, vector.as_of_ms)


class _Attempt(NamedTuple):
    value: Any = None
    error: Exception | None = None


def _each(
    items: Sequence[Any], step: Callable[[Any], Any], moments: Sequence[Moment], ports: ScoringPorts
) -> tuple[dict[Moment, Any], dict[Moment, Fate]]:
    """The step's result for each item's moment, and the fate of those that have none."""
    done: dict[int, _Attempt] = {}
    left = list(range(len(items)))
    for attempt in range(ROUNDS):
        if not left:
            break
        if attempt:
            ports.pause(PAUSE_SECONDS * 2**attempt)
        answers = ports.side_by_side(lambda place: _attempt(step, items[place]), left)
        done |= dict(zip(left, answers, strict=True))
        left = [place for place in left if isinstance(done[place].error, UnavailableError)]
    fates = {}
    for place, answer in done.items():
        if answer.error is not None:
            ports.say_failed(moments[place], answer.error)
            passing = isinstance(answer.error, UnavailableError)
            fates[moments[place]] = Fate.FAILED if passing else Fate.BROKEN
    return {moments[place]: done[place].value for place in sorted(done) if done[place].error is None}, fates


def _attempt(step: Callable[[Any], Any], item: Any) -> _Attempt:
    try:
        return _Attempt(step(item))
    except (UnavailableError, *UNREADABLE) as error:
        return _Attempt(error=error)
