"""What a score says of its sources: how much of each is known, which were stale, and what that costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import botocore.client
import pytest
from stemtide.as_of import parse_as_of
from stemtide.calls import DAY_MS, MINUTE_MS
from stemtide.config_sources import Source
from stemtide.event_days import quarters_of
from stemtide.ports import LedgerRow, UnavailableError
from stemtide.scoring.assessment import Assessment, Confidence
from stemtide.scoring.manifest import Bin
from stemtide.store import scoring as store_scoring
from stemtide.store.event_days import EventDayNotes
from stemtide.store.ledger import AGGREGATE, DynamoLedger
from stemtide.store.model_versions import ModelVersions
from stemtide.store.sources import SourceNotes, read_freshness, read_freshness_at

from models.export import export
from tests.integration.scoring.conftest import AS_OF, Scoring
from tests.integration.scoring.test_scorer import on_bus
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

CERTAIN = Bin(upper=1.0, rows=900, positives=100, low=0.09, high=0.14)
"""Its grade is the highest."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("m") / "v1"
    export(candidate(folder, trained(rows(300), rounds=2), bins=(CERTAIN,)), CONFIG)
    return files_of(folder)


def heard(scoring: Scoring, **at: str) -> None:
    SourceNotes(scoring.ingest).note({Source(name): parse_as_of(text) for name, text in at.items()})


def assessed(scoring: Scoring, account: str = "acme") -> Assessment:
    record = scoring.records.read(account)
    assert record is not None
    assert record.assessment is not None
    return record.assessment


def fresh(found: Assessment) -> dict[str, bool | None]:
    return {one.source.value: one.fresh for one in found.sources}


@contextmanager
def queries_of(table: str) -> Iterator[list[str]]:
    """The queries of a table that AWS is sent."""
    asked: list[str] = []
    call = botocore.client.BaseClient._make_api_call

    def noted(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "Query" and parameters["TableName"] == table:
            asked.append(operation)
        return call(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_api_call", noted)
        yield asked


def test_the_record_says_what_is_known_by_source_and_which_were_fresh(scoring: Scoring) -> None:
    scoring.put_account("acme")
    heard(scoring, crm="2026-03-14T23:40:00Z", billing="2026-03-14T20:00:00Z")
    heard(scoring, nps="2026-03-15T00:10:00Z")

    scoring.invoke("score", scoring.batch("acme"))

    found = assessed(scoring)
    shares = {one.source.value: one.completeness for one in found.sources}
    assert list(shares) == ["stream", "tickets", "crm", "billing", "nps"]
    assert 0 < (shares["stream"] or 0) < 1
    assert (shares["billing"], shares["nps"]) == (0.0, 0.0)
    assert fresh(found) == {"stream": None, "tickets": None, "crm": True, "billing": False, "nps": None}
    [row] = scoring.records.scores("acme", 0, parse_as_of(AS_OF))
    assert row.assessment == found


@pytest.mark.parametrize(
    ("at", "grade", "reasons"),
    [
        ({}, Confidence.MEDIUM, ("incomplete",)),
        ({"billing": "2026-03-14T23:30:00Z"}, Confidence.MEDIUM, ("incomplete",)),
        ({"billing": "2026-03-15T00:30:00Z"}, Confidence.MEDIUM, ("incomplete",)),
        (
            {"crm": "2026-03-14T08:00:00Z", "billing": "2026-03-13T08:00:00Z"},
            Confidence.LOW,
            ("incomplete", "stale:crm", "stale:billing"),
        ),
    ],
    ids=["never_heard_of", "fresh", "heard_of_later", "stale"],
)
def test_stale_sources_lower_the_models_confidence_and_the_record_says_which(
    scoring: Scoring,
    model: dict[str, bytes],
    at: dict[str, str],
    grade: Confidence,
    reasons: tuple[str, ...],
) -> None:
    ModelVersions(scoring.s3, "models").put("churn", "v1", model)
    scoring.put_account("acme")
    heard(scoring, **at)

    scoring.invoke("score", scoring.batch("acme", model={"name": "churn", "version": "v1"}))

    found = assessed(scoring)
    assert (found.basis, found.confidence, found.confidence_lowered_by) == ("model", grade, reasons)


def test_a_batch_asks_once_when_the_sources_were_heard_of(scoring: Scoring) -> None:
    for number in range(7):
        scoring.put_account(f"acme-{number}", days=2)
    heard(scoring, billing="2026-03-14T20:00:00Z")

    scoring.invoke("score", scoring.batch("acme-6"))  # from here on it remembers the day's peers
    with queries_of("ingest") as of_one:
        scoring.invoke("score", scoring.batch("acme-0"))
    with queries_of("ingest") as of_six:
        scoring.invoke("score", scoring.batch(*(f"acme-{number}" for number in range(1, 7))))

    assert len(of_six) == len(of_one) > 0
    assert {fresh(assessed(scoring, f"acme-{number}"))["billing"] for number in range(7)} == {False}


def test_each_drop_of_a_delivery_is_judged_by_what_was_heard_by_its_own_instant(scoring: Scoring) -> None:
    instants = {"acme": "2026-03-14T10:30:00Z", "late": "2026-03-14T18:00:00Z", "early": "2026-03-01"}
    for account in instants:
        scoring.put_account(account)
    heard(scoring, billing="2026-03-14T10:00:00Z")

    scoring.invoke("score", scoring.deliver(*(on_bus(account=one, as_of=at) for one, at in instants.items())))

    found = {account: fresh(assessed(scoring, account))["billing"] for account in instants}
    assert found == {"acme": True, "late": False, "early": None}


def test_many_instants_are_told_as_one_by_one_however_far_they_lie_apart(scoring: Scoring) -> None:
    start, minute = parse_as_of("2026-03-14T00:00:00Z"), 60_000
    for at in (*range(150), 4000, 4001, 9000):
        SourceNotes(scoring.ingest).note({Source.BILLING: start + at * minute + 30_000})
    instants = [start + at * minute + 10_000 for at in (-1, 0, 1, 77, 78, 149, 150, 3999, 4000, 4002, 9000)]
    instants += [start - 9000 * minute, start + 20_000 * minute, start + 77 * minute + 30_000]

    together = read_freshness_at(scoring.ingest, instants, CONFIG.sources)

    assert together == {at: read_freshness(scoring.ingest, at, CONFIG.sources) for at in instants}
    seen = {at: states[3].last_seen_ms for at, states in together.items()}
    assert seen[start + 77 * minute + 10_000] == start + 76 * minute + 30_000
    assert seen[start + 77 * minute + 30_000] == start + 77 * minute + 30_000
    assert seen[start + 3999 * minute + 10_000] == start + 149 * minute + 30_000
    assert seen[start + 10_000] is None


def test_without_an_answer_nobody_is_scored_and_the_same_batch_again_scores_all(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring.put_account("acme")
    scoring.put_account("gone", ago=95)
    tries = []

    def unavailable(*asked: Any, **how: Any) -> Any:
        tries.append(asked)
        raise UnavailableError("ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(store_scoring, "read_freshness_at", unavailable)
        with pytest.raises(Exception, match="1 accounts, the first: acme; others are scored"):
            scoring.invoke("score", scoring.batch("acme", "gone"))
    answer = scoring.invoke("score", scoring.batch("acme", "gone"))

    assert len(tries) == 3
    assert (answer["scored"], answer["not_customers"]) == (1, 1)


def test_a_silence_that_is_usual_at_the_hour_does_not_make_a_source_stale(scoring: Scoring) -> None:
    """Invoices come twice a day: nine hours of silence are nothing new for billing. CRM tells every hour."""
    for day in range(1, 15):
        for hour in (9, 15):
            heard(scoring, billing=f"2026-03-{day:02}T{hour:02}:00:00Z")
        for hour in range(24 if day < 14 else 16):
            heard(scoring, crm=f"2026-03-{day:02}T{hour:02}:00:00Z")

    states = read_freshness(scoring.ingest, parse_as_of(AS_OF), CONFIG.sources)

    found = {one.source.value: (one.fresh, one.usual_s) for one in states if one.connected}
    assert found == {"crm": (False, 3599), "billing": (True, 9 * 3600 - 1)}


def lag_oracle(at: list[int], as_of_ms: int, limit_ms: int) -> tuple[bool, int | None]:
    """Whether a source that was heard of at these instants is fresh, and what is usual for it."""

    def lag(then: int) -> int | None:
        lags = [then - one for one in at if one <= then]
        return min(lags) if lags and min(lags) <= 28 * DAY_MS else None

    weeks = sorted(found for week in range(1, 5) if (found := lag(as_of_ms - week * 7 * DAY_MS)) is not None)
    usual = weeks[-2:][0] if weeks else lag(as_of_ms - DAY_MS)
    own = min(as_of_ms - one for one in at if one <= as_of_ms)
    return own <= limit_ms + (usual or 0), usual


@pytest.mark.parametrize("every_min", [7, 90, 1000, 9 * 1440])
def test_what_is_usual_is_read_as_a_recount_of_all_that_was_heard_says(
    scoring: Scoring, every_min: int
) -> None:
    start, dice = parse_as_of("2026-01-05T00:00:00Z"), Random(every_min)
    minutes = sorted({dice.randrange(60 * 1440) for _ in range(min(60 * 1440 // every_min, 900))})
    at = [start + minute * MINUTE_MS for minute in minutes]
    rows = SourceNotes(scoring.ingest)
    for one in at:
        rows.note({Source.BILLING: one})
    instants = [at[0] + dice.randrange(70 * DAY_MS) for _ in range(12)]

    found = read_freshness_at(scoring.ingest, instants, CONFIG.sources)

    for as_of_ms in instants:
        [billing] = [one for one in found[as_of_ms] if one.source is Source.BILLING]
        fresh, usual_ms = lag_oracle(at, as_of_ms, billing.limit_s * 1000)
        assert billing.fresh == fresh
        if billing.usual_s is not None:
            assert usual_ms is not None
            assert billing.usual_s == usual_ms // 1000


def test_a_source_that_was_never_heard_of_costs_one_query_and_no_more_is_asked_of_one_that_is_fresh(
    scoring: Scoring,
) -> None:
    heard(scoring, crm="2026-03-14T23:55:00Z", billing="2026-03-14T23:40:00Z")

    with queries_of("ingest") as asked:
        states = read_freshness(scoring.ingest, parse_as_of(AS_OF), CONFIG.sources)

    assert len(asked) == 1 + 4  # the stream's ledgers, and the others
    assert {one.source.value for one in states if one.fresh} == {"crm", "billing"}


def test_the_streams_usual_lag_is_told_from_the_quarters_with_events(scoring: Scoring) -> None:
    """Used from 15:00 to 02:00 UTC: at 09:00 it has been silent for seven hours, as every day."""
    notes, start = EventDayNotes(scoring.ingest), parse_as_of("2026-02-01T00:00:00Z")
    times = [
        start + day * DAY_MS + quarter * 15 * MINUTE_MS for day in range(40) for quarter in range(60, 104)
    ]
    notes.note(quarters_of(times))
    last = parse_as_of("2026-03-12T01:59:00Z")
    ledger = DynamoLedger(table=scoring.ingest, consumer=AGGREGATE)
    ledger.write(LedgerRow(lane="1/0", mark=1, mark_arrival=last), over_mark=-1)

    def stream(text: str) -> tuple[bool | None, int | None]:
        [found] = [
            one
            for one in read_freshness(scoring.ingest, parse_as_of(text), CONFIG.sources)
            if one.source is Source.STREAM
        ]
        return found.fresh, found.usual_s

    assert [stream(f"2026-03-12T{hour}:00:00Z")[0] for hour in ("05", "09", "14")] == [True] * 3
    assert stream("2026-03-12T09:00:00Z")[1] == 7 * 3600
    assert stream("2026-03-12T18:00:00Z")[0] is False


def test_noting_a_source_asks_for_nothing(scoring: Scoring) -> None:
    with queries_of("ingest") as asked:
        for minute in (0, 1, 2, 30):
            SourceNotes(scoring.ingest).note({Source.CRM: parse_as_of(AS_OF) + minute * MINUTE_MS})

    assert asked == []
    assert {row["pk"] for row in scoring.ingest.scan()["Items"]} == {"source#crm"}
