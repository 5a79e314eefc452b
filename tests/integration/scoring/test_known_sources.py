"""What a score says of its sources: how much of each is known, which were stale, and what that costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.client
import pytest
from stemtide.as_of import parse_as_of
from stemtide.config_sources import Source
from stemtide.ports import UnavailableError
from stemtide.scoring.assessment import Assessment, Confidence
from stemtide.scoring.manifest import Bin
from stemtide.store import scoring as store_scoring
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


def test_a_silence_that_is_usual_for_a_source_does_not_make_it_stale(scoring: Scoring) -> None:
    """Invoices come twice a day: nine hours of silence are nothing new for billing. CRM tells every hour."""
    for day in range(1, 15):
        for hour in (9, 15):
            heard(scoring, billing=f"2026-03-{day:02}T{hour:02}:00:00Z")
        for hour in range(24 if day < 14 else 16):
            heard(scoring, crm=f"2026-03-{day:02}T{hour:02}:00:00Z")

    states = read_freshness(scoring.ingest, parse_as_of(AS_OF), CONFIG.sources)

    found = {one.source.value: (one.fresh, one.usual_s // 3600) for one in states if one.connected}
    assert found == {"crm": (False, 1), "billing": (True, 18)}


def test_what_is_usual_is_told_from_the_weeks_before_the_instant_alone(scoring: Scoring) -> None:
    heard(scoring, billing="2026-02-01T00:00:00Z")
    heard(scoring, billing="2026-02-03T00:00:00Z")  # two days, which ended 40 days before
    heard(scoring, billing="2026-03-14T10:00:00Z")  # and 39 days, which ended on the day itself
    noon, before = parse_as_of("2026-03-14T12:00:00Z"), parse_as_of("2026-03-14T09:00:00Z")
    in_february = parse_as_of("2026-02-04T20:00:00Z")

    found = read_freshness_at(scoring.ingest, [before, noon, in_february], CONFIG.sources)

    billing = {at: next(one for one in found[at] if one.source is Source.BILLING) for at in found}
    assert [billing[at].fresh for at in (before, noon, in_february)] == [False, True, True]
    assert [billing[at].usual_s for at in (before, noon, in_february)] == [
        0,
        39.4167 * 86_400 // 60 * 60,
        172_800,
    ]


def test_a_process_that_knows_it_heard_of_a_source_just_now_does_not_ask_again(scoring: Scoring) -> None:
    notes = SourceNotes(scoring.ingest)
    start = parse_as_of("2026-03-14T10:00:00Z")
    notes.note({Source.CRM: start})

    with queries_of("ingest") as asked:
        for minute in range(1, 6):
            notes.note({Source.CRM: start + minute * 60_000})
    with queries_of("ingest") as later:
        notes.note({Source.CRM: start + 20 * 60_000})

    assert (len(asked), len(later)) == (0, 1)
