"""What a nightly run extracts of a batch of accounts before any is scored, as it lies between the two steps.

Plain MessagePack: vectors as float64, and what `assess` needs besides. Nothing is ever unpickled.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import msgspec
import numpy as np

from stemtide.config_sources import Source
from stemtide.config_sweep import ACCOUNT
from stemtide.features import peers
from stemtide.features.cohorts import Cohorts
from stemtide.features.configured_features import Shape
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import registry
from stemtide.features.vectors import Vector
from stemtide.features.view import Floats
from stemtide.profile import Profile, tenure_days
from stemtide.scoring.assess import TOO_EARLY_DAYS, Assessed
from stemtide.scoring.assessment import Trigger, is_at_risk
from stemtide.scoring.known_sources import Fresh
from stemtide.scoring.marks import marked
from stemtide.scoring_service import (
    Moment,
    Read,
    Scored,
    ScoringPorts,
    by_fate,
    read_vectors,
    score_vectors,
)

FORMAT: Final = 1
PEER_FORMAT: Final = sha256(" ".join(peers.COLUMNS).encode()).digest()[:8]
"""How what a batch adds to the night's peers begins: which columns it has."""
OTHER_VERSION: Final = "extracted by another version of the features: the night must be run again"


class ExtractionError(ValueError):
    """An extract cannot be used: it is of another format, or of other features than this version's."""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A customer's part of an extract besides its vector. Days since 1970-01-01."""

    account: str
    profile: Profile
    first_day: int | None
    last_active_day: int | None


class Extract(msgspec.Struct, frozen=True, kw_only=True):
    """A batch: vectors (float64, little-endian, a row each) and rows of its customers, the accounts that are
    no customers, and which sources were fresh at its instant.

    Ranks among peers are unknown in the vectors: who they are is known only when all batches are extracted.
    `hash` is that of the registry whose features the vectors have.
    """

    format: int
    hash: str
    as_of_ms: int
    values: bytes
    rows: tuple[Row, ...]
    others: tuple[str, ...]
    fresh: dict[Source, bool | None]

    def read(self, shape: Shape, table: Cohorts | None) -> Read:
        """What a scorer goes on with: see `scoring_service.score_vectors`.

        Args:
            shape: the configured features.
            table: the night's peers.

        Raises:
            ExtractionError: the vectors have other features than the shape.
        """
        known = registry(shape)
        if known.hash != self.hash:
            raise ExtractionError(OTHER_VERSION)
        matrix = np.frombuffer(self.values, dtype="<f8").reshape(len(self.rows), len(known.features))
        matrix = peers.with_ranks(matrix, known.names, table)
        return Read(
            customers=tuple(
                Vector(
                    account=row.account,
                    as_of_ms=self.as_of_ms,
                    values=values,
                    features=known.features,
                    profile=row.profile,
                    last_active_day=row.last_active_day,
                    first_day=row.first_day,
                    completeness=float(np.count_nonzero(~np.isnan(values))) / len(values),
                )
                for row, values in zip(self.rows, matrix, strict=True)
            ),
            others=tuple(Moment(account, self.as_of_ms) for account in self.others),
        )


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate is told of a batch; see `quality_gate.Extracted`. `failed` are accounts that this version
    cannot read, `first_failed` names one."""

    customers: int
    others: int
    failed: int
    first_failed: str | None
    counted: int
    nulls: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A batch's extract and statistics, and what it adds to the night's peers (see `peer_part`); `again` are
    accounts that could not be read now."""

    extract: Extract
    statistics: Statistics
    peers: bytes
    again: tuple[str, ...]


def encode(extract: Extract) -> bytes:
    """The extract as it is stored."""
    return msgspec.msgpack.encode(extract)


def decode(data: bytes) -> Extract:
    """The inverse of `encode`.

    Raises:
        ExtractionError: it is none of this format.
    """
    try:
        found = msgspec.msgpack.decode(data, type=Extract)
    except msgspec.MsgspecError as error:
        raise ExtractionError(f"no extract: {error}") from error
    if found.format != FORMAT:
        raise ExtractionError(f"an extract of format {found.format}, not {FORMAT}")
    return found


def extract(
    accounts: Iterable[str],
    *,
    as_of_ms: int,
    basis: Basis,
    columns: Sequence[str],
    ports: ScoringPorts,
) -> Outcome:
    """Read the accounts and make the vectors of those who are customers at the instant; nothing is written.

    Args:
        basis: what the configuration adds, without peers.
        columns: the gate's key columns.

    Raises:
        UnavailableError: nobody could say which sources were fresh.
    """
    read = read_vectors((Moment(account, as_of_ms) for account in accounts), basis=basis, ports=ports)
    fates = by_fate(read.fates)
    names, matrix = registry(basis.shape).names, _matrix(read.customers)
    return Outcome(
        extract=Extract(
            format=FORMAT,
            hash=registry(basis.shape).hash,
            as_of_ms=as_of_ms,
            values=matrix.tobytes(),
            rows=tuple(_row(vector) for vector in read.customers),
            others=tuple(moment.account for moment in read.others),
            fresh=dict(ports.fresh([as_of_ms]).get(as_of_ms, {})) if read.customers else {},
        ),
        statistics=_statistics(read, fates, columns),
        peers=peer_part(matrix, names),
        again=fates.failed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredBatch:
    """What became of a batch's accounts, and the (account, score) of those at risk, whether or not a newer
    score keeps theirs out of the record."""

    scored: Scored
    at_risk: tuple[tuple[str, int], ...]


def score_extract(
    extract: Extract,
    *,
    shape: Shape,
    table: Cohorts | None,
    model: Any,
    trigger: Trigger,
    marks: Sequence[str],
    ports: ScoringPorts,
) -> ScoredBatch:
    """Score what was extracted; the same again changes nothing.

    Args:
        table: the night's peers.
        model: what `assess` takes; None: rules.
        marks: what each score must say, see `quality_gate.marks_of`.

    Raises:
        ExtractionError: see `Extract.read`.
    """
    said: dict[str, int] = {}

    def write(vector: Vector, assessed: Assessed, *, as_of_ms: int, trigger: Trigger) -> bool:
        marked_too = assessed._replace(assessment=marked(assessed.assessment, marks))
        written = ports.write(vector, marked_too, as_of_ms=as_of_ms, trigger=trigger)
        if assessed.assessment.score is not None:
            said[vector.account] = assessed.assessment.score
        return written

    def fresh(instants: Sequence[int]) -> Mapping[int, Fresh]:
        return dict.fromkeys(instants, extract.fresh)

    mine = replace(ports, write=write, fresh=fresh)
    fates = score_vectors(extract.read(shape, table), trigger=trigger, model=model, ports=mine)
    return ScoredBatch(
        scored=by_fate(fates),
        at_risk=tuple(sorted((account, score) for account, score in said.items() if is_at_risk(score))),
    )


def peer_part(matrix: Floats, names: Sequence[str]) -> bytes:
    """What vectors [accounts, features] add to the night's peers: `PEER_FORMAT`, then `peers.COLUMNS`."""
    return PEER_FORMAT + peers.columns_of(matrix, names).tobytes() if len(matrix) else b""


def peer_table(parts: Iterable[bytes]) -> Cohorts:
    """The peers of a night, of what its batches added to them.

    Raises:
        ExtractionError: another version of the features has added to them.
    """
    found = [part for part in parts if part]
    if any(not part.startswith(PEER_FORMAT) for part in found):
        raise ExtractionError(OTHER_VERSION)
    data = b"".join(part.removeprefix(PEER_FORMAT) for part in found)
    return peers.table_of(np.frombuffer(data, dtype="<f8").reshape(-1, len(peers.COLUMNS)), peers.COLUMNS)


def _matrix(vectors: Sequence[Vector]) -> Floats:
    return np.stack([vector.values for vector in vectors]).astype("<f8") if vectors else np.empty((0, 0))


def _row(vector: Vector) -> Row:
    """Without what no score needs: names and addresses of people, ids at other companies."""
    profile = msgspec.structs.replace(
        vector.profile, name=None, csm=None, stripe_customer_id=None, zendesk_organization_id=None
    )
    return Row(vector.account, profile, vector.first_day, vector.last_active_day)


def _statistics(read: Read, fates: Scored, columns: Sequence[str]) -> Statistics:
    counted = [vector for vector in read.customers if not _too_young(vector)]
    return Statistics(
        customers=len(read.customers),
        others=len(read.others),
        failed=len(fates.broken),
        first_failed=fates.broken[0] if fates.broken else None,
        counted=len(counted),
        nulls={column: sum(map(_lacks(counted, column), counted)) for column in columns},
    )


def _too_young(vector: Vector) -> bool:
    """Whether it may well have no values: it never used the product, and is no customer for long."""
    tenure = tenure_days(vector.profile, vector.as_of_ms) or 0
    return vector.last_active_day is None and tenure < TOO_EARLY_DAYS


def _lacks(vectors: Sequence[Vector], column: str) -> Callable[[Vector], bool]:
    """Whether a vector has no value in a key column."""
    if column == ACCOUNT or not vectors:
        return lambda vector: not vector.account
    place = next(i for i, feature in enumerate(vectors[0].features) if feature.name == column)
    return lambda vector: bool(np.isnan(vector.values[place]))
