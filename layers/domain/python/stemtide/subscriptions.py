"""Subscription terms: what started, changed and ended, and what of it runs at an instant."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from stemtide.calls import timestamp_ms
from stemtide.profile import Term

SEAT_UNITS: Final = frozenset({"users", "seats", "licences", "licenses"})
"""Units of a plan's quantity that are seats."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A term with when it took effect and, once it was replaced or ended, when it stopped."""

    term: Term
    from_ms: int
    until_ms: int | None = None

    @property
    def end_ms(self) -> int | None:
        """When it runs out, is replaced or ended, None: as far as is known it goes on."""
        ends = [at_ms for at_ms in (self.until_ms, term_end_ms(self.term)) if at_ms is not None]
        return min(ends, default=None)

    def runs(self, at_ms: int) -> bool:
        """Whether it runs at an instant."""
        end_ms = self.end_ms
        return self.from_ms <= at_ms and (end_ms is None or at_ms < end_ms)


@dataclass(slots=True)
class Terms:
    """All terms of an account, built by telling it the facts in the order in which they happened."""

    _stretches: list[Stretch] = field(default_factory=list)
    first_start_ms: int | None = None
    """When the first plan (not add-on) began."""
    heard: bool = False
    """Whether anything was ever said of a plan (not add-on)."""

    def started(self, data: Mapping[str, Any], at_ms: int) -> None:
        """A term of a product begins (or is renewed): it replaces earlier terms of that product."""
        term = _term(data, at_ms, addon=self._is_addon(data))
        self._replace(term, from_ms=term.start_ms, also_other_plans=False)

    def changed(self, data: Mapping[str, Any], at_ms: int) -> None:
        """The running term changes, from now or from a new `term_start`; what is not said stays as it was.

        Another plan replaces the running one. Its price is a new one, so only that is not taken over.
        """
        addon = self._is_addon(data)
        now = [s.term for s in self._stretches if s.runs(at_ms) and s.term.addon is addon]
        same = next((term for term in now if term.plan == data["plan"]), None)
        base = same or (None if addon or not now else max(now, key=lambda term: term.start_ms))
        if base is None:
            self.started(data, at_ms)
            return
        said = {name: value for name, value in data.items() if value is not None}
        taken_over = {
            "start_ms": base.start_ms,
            "months": base.months,
            "mrr": None if same is None else base.mrr,
            "quantity": base.quantity,
            "units": base.units,
        }
        term = _term(said, at_ms, addon=addon, **({} if "term_start" in said else taken_over))
        from_ms = term.start_ms if "term_start" in said else at_ms
        self._replace(term, from_ms=from_ms, also_other_plans=not addon)

    def ended(self, data: Mapping[str, Any], at_ms: int) -> None:
        """A product has ended, together with what was agreed for later."""
        self.heard = self.heard or not self._is_addon(data)
        self._cut(at_ms, plan=data["plan"], also_other_plans=False)

    def running(self, at_ms: int) -> tuple[Term, ...]:
        """The terms that run at an instant: plans before add-ons, the latest start first."""
        found = [stretch.term for stretch in self._stretches if stretch.runs(at_ms)]
        return tuple(sorted(found, key=lambda term: (term.addon, -term.start_ms, term.plan)))

    def base_terms(self, at_ms: int) -> tuple[Term, ...]:
        """The plans' terms (not add-ons) that had begun at an instant, the earliest first."""
        return tuple(stretch.term for stretch in self.base_stretches() if stretch.from_ms <= at_ms)

    def base_stretches(self) -> tuple[Stretch, ...]:
        """The plans' terms (not add-ons) with when they ran and will run, the earliest first."""
        return tuple(stretch for stretch in self.stretches() if not stretch.term.addon)

    def stretches(self) -> tuple[Stretch, ...]:
        """All terms with when they ran and will run, the earliest first."""
        return tuple(sorted(self._stretches, key=lambda stretch: stretch.from_ms))

    def changes_after(self, at_ms: int) -> list[int]:
        """The later instants, in their order, at which terms begin, are replaced or run out."""
        instants = {
            instant
            for stretch in self._stretches
            for instant in (stretch.from_ms, stretch.until_ms, term_end_ms(stretch.term))
            if instant is not None and instant > at_ms
        }
        return sorted(instants)

    def _is_addon(self, data: Mapping[str, Any]) -> bool:
        """As said; when nothing is said, as the product was called before: it does not become the plan."""
        if data.get("addon") is not None:
            return data["addon"] is True
        return any(s.term.addon for s in self._stretches if s.term.plan == data["plan"])

    def _replace(self, term: Term, *, from_ms: int, also_other_plans: bool) -> None:
        if not term.addon:
            self.heard = True
            starts = [term.start_ms, *([] if self.first_start_ms is None else [self.first_start_ms])]
            self.first_start_ms = min(starts)
        self._cut(from_ms, plan=term.plan, also_other_plans=also_other_plans)
        self._stretches.append(Stretch(term=term, from_ms=from_ms))

    def _cut(self, at_ms: int, *, plan: str, also_other_plans: bool) -> None:
        kept = []
        for stretch in self._stretches:
            if stretch.term.plan != plan and not (also_other_plans and not stretch.term.addon):
                kept.append(stretch)
            elif stretch.from_ms < at_ms:
                until_ms = at_ms if stretch.until_ms is None else min(at_ms, stretch.until_ms)
                kept.append(Stretch(term=stretch.term, from_ms=stretch.from_ms, until_ms=until_ms))
        self._stretches = kept


def term_end_ms(term: Term) -> int | None:
    """When a term runs out: its start and so many calendar months; None when it is open-ended."""
    return None if term.months is None else add_months(term.start_ms, term.months)


@lru_cache(maxsize=16_384)
def add_months(at_ms: int, months: int) -> int:
    """The same time of day so many calendar months later; a day that the month lacks is its last one.

    Beyond the year 9999 it is the last moment that dates know.
    """
    start = _EPOCH + timedelta(milliseconds=at_ms)
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if year > 9999:
        return _LAST_MS
    day = min(start.day, monthrange(year, month + 1)[1])
    return (start.replace(year=year, month=month + 1, day=day) - _EPOCH) // timedelta(milliseconds=1)


def _term(data: Mapping[str, Any], at_ms: int, *, addon: bool, **taken_over: Any) -> Term:
    """A term from a fact's properties; what they do not say is `taken_over` from the term before."""
    said = {
        "start_ms": timestamp_ms(data["term_start"]) if data.get("term_start") else None,
        "months": data.get("term_months"),
        "mrr": data.get("mrr"),
        "quantity": data.get("quantity"),
        "units": data.get("units"),
    }
    values: dict[str, Any] = {
        name: taken_over.get(name) if value is None else value for name, value in said.items()
    }
    if values["start_ms"] is None:
        values["start_ms"] = at_ms
    return Term(plan=data["plan"], addon=addon, **values)
