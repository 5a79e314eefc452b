"""The pieces of a nightly run: batches, versions, extracts, marks, lists, the log."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide import extraction, sweep
from stemtide.at_risk import at_risk_list
from stemtide.extraction import Extract, ExtractionError, Row
from stemtide.features import peers
from stemtide.features.configured_features import Shape
from stemtide.features.registry import NAMES, registry
from stemtide.features.vectors import Vector
from stemtide.profile import Profile
from stemtide.scoring.assessment import Assessment, Basis, Confidence, Interval
from stemtide.scoring.marks import marked
from stemtide.sweep_log import State, duration, stage, tree

AS_OF_MS = 1_773_532_799_999
NIGHTS = ["2026-03-13T23:59:59.999Z", "2026-03-14T23:59:59.999Z"]
INTERVAL = Interval(low=0.09, high=0.14, accounts=900)


@given(st.integers(0, 2600), st.integers(1, 3))
def test_numbers_of_batches_and_their_sizes_are_those_of_the_plan(accounts: int, nights: int) -> None:
    versions = {f"2026-03-{10 + night}T23:59:59.999Z": None for night in range(nights)}
    planned = sweep.plan((f"a{i:05}" for i in range(accounts)), versions=versions, run="r")

    numbered = {
        number: size
        for night in versions
        for number, size in sweep.numbers_of(list(versions), night, planned.accounts).items()
    }

    assert numbered == {batch["number"]: batch["size"] for batch in planned.batches}
    for night in versions:
        mine = [batch for batch in planned.batches if batch["as_of"] == night]
        listed = [account for batch in mine for account in batch["accounts"]]
        assert listed == sorted({f"a{i:05}" for i in range(accounts)})
        assert set(sweep.numbers_of(list(versions), night, accounts)) == {batch["number"] for batch in mine}


@pytest.mark.parametrize(
    ("row", "usable", "version"),
    [
        (None, True, "v2"),
        ({"model_version": "v1"}, True, "v1"),
        ({"model_version": "v1"}, False, "v2"),
        ({"model_version": "rules"}, True, None),
        ({}, True, "v2"),
    ],
)
def test_a_night_is_resumed_by_the_version_it_began_with(
    row: dict[str, Any] | None, usable: bool, version: str | None
) -> None:
    assert sweep.version_of_night(row, champion="v2", usable=lambda _: usable) == version


def test_the_challenger_reaches_every_batch_of_both_maps() -> None:
    planned = sweep.plan(["a"], versions={NIGHTS[0]: "v1"}, run="r", challenger="v2")
    passed_on = {
        "run": "r",
        "nights": NIGHTS[:1],
        "versions": {NIGHTS[0]: "v1"},
        "accounts": 1,
        "challenger": planned.batches[0]["challenger"],
    }

    begun = {NIGHTS[0]: sweep.Begun(version="v1", at_ms=7, shadow=True)}

    [item] = sweep.to_score(passed_on, rows={0: {}}, marks={NIGHTS[0]: ()}, begun=begun)

    assert planned.batches[0]["challenger"] == item["challenger"] == {"name": "churn", "version": "v2"}
    assert (item["model"], item["begun_ms"]) == ({"name": "churn", "version": "v1", "shadow": True}, 7)


def test_only_nights_that_passed_and_batches_that_were_extracted_are_scored() -> None:
    planned = {"run": "r", "nights": NIGHTS, "versions": dict.fromkeys(NIGHTS), "accounts": 1200}
    rows: dict[int, object] = {number: {} for number in (0, 1, 2, 3, 5)}

    begun = {NIGHTS[1]: sweep.Begun(version=None, at_ms=1, shadow=False)}
    planned["challenger"] = None

    items = sweep.to_score(planned, rows=rows, marks={NIGHTS[1]: ("gate:x",)}, begun=begun)

    assert [(item["number"], item["size"], item["marks"]) for item in items] == [
        (3, 500, ["gate:x"]),
        (5, 200, ["gate:x"]),
    ]


def test_the_items_and_answers_of_a_million_accounts_stay_within_what_step_functions_carries() -> None:
    """256 KB for an item, and for all answers together, `{}` each."""
    accounts = (f"{'a' * 120}{i:08}" for i in range(1_000_000))
    planned = sweep.plan(accounts, versions={NIGHTS[0]: "v1"}, run="r" * 80)

    assert len(planned.batches) == 2000
    assert max(len(msgspec.json.encode(batch)) for batch in planned.batches) < 256_000
    assert len(msgspec.json.encode([{}] * len(planned.batches) * sweep.NIGHTS_AT_MOST)) < 256_000


def vector(account: str = "a", *, first: int | None = 20_000, value: float = 1.5) -> Vector:
    values = np.full(len(NAMES), value)
    values[[3, *(NAMES.index(name) for name in peers.FILLED_IN)]] = np.nan
    return Vector(
        account=account,
        as_of_ms=AS_OF_MS,
        values=values,
        features=registry().features,
        profile=Profile(name="Acme", csm="eva@example.com", plan="pro", subscribed=True, since_ms=5),
        last_active_day=first,
        first_day=first,
        completeness=0.5,
    )


def extract_of(*vectors: Vector, **changes: Any) -> Extract:
    found = Extract(
        format=extraction.FORMAT,
        hash=registry().hash,
        as_of_ms=AS_OF_MS,
        values=extraction._matrix(vectors).tobytes(),
        rows=tuple(extraction._row(one) for one in vectors),
        others=("gone",),
        fresh={},
    )
    return msgspec.structs.replace(found, **changes)


def test_an_extract_comes_back_bit_for_bit_without_people_in_it() -> None:
    data = extraction.encode(extract_of(vector("a"), vector("b", first=None, value=-0.0)))

    read = extraction.decode(data).read(Shape(), None)

    assert [one.account for one in read.customers] == ["a", "b"]
    for one, original in zip(read.customers, (vector("a"), vector("b", value=-0.0)), strict=True):
        assert one.values.tobytes() == original.values.tobytes()
        assert one.completeness == (len(NAMES) - 1 - len(peers.FILLED_IN)) / len(NAMES)
    assert (read.customers[1].first_day, read.customers[1].last_active_day) == (None, None)
    assert [moment.account for moment in read.others] == ["gone"]
    assert b"Acme" not in data
    assert b"example.com" not in data
    assert read.customers[0].profile.plan == "pro"


def test_ranks_are_filled_in_when_an_extract_is_read() -> None:
    table = peers.table_of(np.tile(vector(value=1.5).values, (20, 1)), NAMES)
    place = NAMES.index("events_rank")

    [ranked], [bare] = (extract_of(vector()).read(Shape(), known).customers for known in (table, None))

    assert (ranked.values[place], np.isnan(bare.values[place])) == (0.5, True)
    assert ranked.completeness > bare.completeness


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x80", "no extract: "),
        (b"not even that", "no extract: "),
        (extraction.encode(extract_of(format=2)), "an extract of format 2, not 1"),
    ],
)
def test_what_is_no_extract_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ExtractionError, match=said):
        extraction.decode(data)


def test_vectors_of_other_features_are_refused() -> None:
    with pytest.raises(ExtractionError, match="extracted by another version of the features"):
        extract_of(hash="0123456789abcdef").read(Shape(), None)
    with pytest.raises(ExtractionError):
        extract_of().read(Shape(("reports",)), None)


def test_marks_lower_the_grade_once_and_are_said() -> None:
    said = Assessment(
        basis=Basis.MODEL,
        completeness=1.0,
        interval=INTERVAL,
        confidence=Confidence.HIGH,
        confidence_lowered_by=(),
    )

    found = marked(said, ("gate:a", "gate:b"))

    assert (found.confidence, found.confidence_lowered_by) == (Confidence.MEDIUM, ("gate:a", "gate:b"))
    assert marked(said, ()) is said
    rules = Assessment(basis=Basis.RULES, completeness=1.0, confidence=Confidence.LOW)
    assert marked(rules, ("gate:a",)).confidence_lowered_by == ("gate:a",)
    nothing = Assessment(basis=Basis.NOT_ENOUGH_DATA, completeness=0.0)
    assert marked(nothing, ("gate:a",)) is nothing


def test_who_is_at_risk_is_sorted_and_compared() -> None:
    previous = {"as_of": NIGHTS[0], "accounts": [["a", 90], ["b", 70]]}

    first = at_risk_list(
        [("b", 70), ("a", 90), ("c", 70)], as_of=NIGHTS[0], model_version="v1", previous=None
    )
    found = at_risk_list([("c", 66), ("a", 99)], as_of=NIGHTS[1], model_version="v1", previous=previous)

    assert first.accounts == [("a", 90), ("b", 70), ("c", 70)]
    assert (first.new, first.gone, first.previous) == (None, None, None)
    assert (found.new, found.gone, found.previous) == (["c"], ["b"], NIGHTS[0])


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0s"), (59.94, "59.9s"), (60, "1m 00s"), (754, "12m 34s"), (3600, "60m 00s")],
)
def test_durations_read_as_the_references(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_stages_that_never_came_say_so() -> None:
    lines = tree(
        [
            stage("extract_features", State.PASSED, started_ms=0, ended_ms=754_000, words="4,187 customers"),
            stage("score_accounts", State.NOT_RUN, started_ms=1, ended_ms=1),
        ]
    )

    assert lines == [
        "├── extract_features ........... PASSED (12m 34s, 4,187 customers)",
        "└── score_accounts ............. NOT_RUN",
    ]


def test_a_row_of_an_extract_is_small() -> None:
    assert len(msgspec.msgpack.encode(extraction._row(vector("a" * 40)))) < 200
    assert isinstance(extraction._row(vector()), Row)
