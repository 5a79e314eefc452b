"""A batch of the nightly run at the scorer: read and made into vectors, or scored from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from stemtide.as_of import parse_as_of
from stemtide.extraction import decode, encode, extract, score_extract
from stemtide.features.cohorts import Cohorts
from stemtide.features.profile_columns import Basis
from stemtide.features.vectors import Vector
from stemtide.scoring.assessment import Trigger
from stemtide.scoring.known_sources import Fresh
from stemtide.scoring_service import ScoringPorts
from stemtide.sweep import COUNTED


class BatchLog(Protocol):
    """Where batches leave what they found; see `store.sweeps.SweepLog`."""

    def put_extract(self, run: str, number: int, data: bytes) -> None: ...

    def put_peers(self, run: str, number: int, data: bytes) -> None: ...

    def read_extract(self, run: str, number: int) -> bytes: ...

    def put_list(self, run: str, name: str, content: Any) -> str: ...

    def note_batch(self, run: str, step: str, number: int, facts: Mapping[str, Any]) -> None: ...


class Challengers(Protocol):
    """Models that are tried beside; see `store.challenger_scores.Challengers`."""

    def load(self, name: str, version: str) -> Any | None: ...

    def score(
        self, vectors: Sequence[Vector], model: Any, fresh: Mapping[int, Fresh], trigger: Trigger
    ) -> int: ...


class Owners(Protocol):
    """Who has begun a night; see `store.sweep_nights.SweepNights`."""

    def taken_over(self, night: str, *, begun_ms: int) -> str | None: ...


class PortsOf(Protocol):
    """What scoring by a model (None: rules) touches: whether it is in shadow, and since when a night rests on
    it (epoch ms)."""

    def __call__(self, model: Any, *, shadow: bool, begun_ms: int | None = None) -> ScoringPorts: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepBatches:
    """The scorer's part of a run.

    `load` gives a version of a name, `challengers` score beside, `basis` is what the configuration adds,
    `peers` gives a night's, `columns` are the gate's key columns, `ports` what scoring by a model touches.
    """

    load: Callable[[str, str], Any]
    challengers: Challengers
    basis: Basis
    peers: Callable[[int], Cohorts | None]
    columns: Sequence[str]
    ports: PortsOf
    log: BatchLog
    nights: Owners
    logger: Any

    def work(self, item: Mapping[str, Any]) -> tuple[str, ...]:
        """Work off an item of one of the maps; the accounts for which it must come again.

        Raises:
            UnavailableError: the same again does no harm.
            ExtractionError: the night must be run again.
            ArtefactError: the version must not be used.
        """
        return self._extract(item) if item["step"] == "extract" else self._score(item)

    def _extract(self, item: Mapping[str, Any]) -> tuple[str, ...]:
        run, number = item["run"], item["number"]
        found = extract(
            item["accounts"],
            as_of_ms=parse_as_of(item["as_of"]),
            basis=self.basis,
            columns=self.columns,
            ports=self.ports(self._model(item["model"]), shadow=False),
        )
        if found.again:
            return found.again
        facts = msgspec.to_builtins(found.statistics)
        self.log.put_extract(run, number, encode(found.extract))
        self.log.put_peers(run, number, found.peers)
        self.log.note_batch(run, "extract", number, facts)
        self.logger.info("extracted", run=run, number=number, as_of=item["as_of"], **_counts(facts))
        return ()

    def _score(self, item: Mapping[str, Any]) -> tuple[str, ...]:
        run, number, night = item["run"], item["number"], item["as_of"]
        other = self.nights.taken_over(night, begun_ms=item["begun_ms"])
        if other is not None:  # two versions would score parts of it
            facts = dict.fromkeys(COUNTED, 0) | {"failed": item["size"], "taken_over": other}
            self.log.note_batch(run, "score", number, facts)
            self.logger.warning("left alone: the night was begun anew", run=run, number=number, by=other)
            return ()
        extracted, model = decode(self.log.read_extract(run, number)), self._model(item["model"])
        table = self.peers(extracted.as_of_ms)
        found = score_extract(
            extracted,
            shape=self.basis.shape,
            table=table,
            model=model,
            trigger=Trigger(item["trigger"]),
            marks=item["marks"],
            ports=self.ports(model, shadow=item["model"]["shadow"], begun_ms=item["begun_ms"]),
        )
        if found.scored.failed:
            return found.scored.failed
        if found.at_risk:
            self.log.put_list(run, f"{number:06d}", found.at_risk)
        counts = {**found.scored.counts(), "at_risk": len(found.at_risk)}
        self.log.note_batch(run, "score", number, counts)
        if (challenger := self._challenger(item)) is not None:
            counts["challenger"] = self.challengers.score(
                extracted.read(self.basis.shape, table).customers,
                challenger,
                {extracted.as_of_ms: extracted.fresh},
                Trigger(item["trigger"]),
            )
        self.logger.info("scored", run=run, number=number, trigger=item["trigger"], **counts)
        return ()

    def _challenger(self, item: Mapping[str, Any]) -> Any | None:
        named = item.get("challenger")
        return None if named is None else self.challengers.load(named["name"], named["version"])

    def _model(self, named: Mapping[str, Any]) -> Any | None:
        return None if named["version"] is None else self.load(named["name"], named["version"])


def _counts(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in ("customers", "others", "failed")}
