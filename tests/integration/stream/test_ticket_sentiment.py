"""From a ticket in the stream to its sentiment: by the profile function, once, and the text is gone."""

from datetime import timedelta
from typing import Any

import pytest
from stemtide.config_schema import Source, Sources
from stemtide.facts import standing_at
from stemtide.ports import UnavailableError
from stemtide.sentiment import of_text
from stemtide.store.records import Records
from stemtide.store.sources import SourceNotes, read_freshness

from tests.customer_facts import FOREVER
from tests.integration.stream.test_profiles import changes_of, group, started
from tests.stream_cloud import Cloud
from tests.streams import ARRIVAL, call, event, record

TEXT = "My card 4111 was charged twice, this is terrible."
ARRIVAL_MS = int(ARRIVAL.timestamp() * 1000)


def ticket(message_id: str, ticket_id: str = "t-1", **said: Any) -> dict[str, Any]:
    properties = {"ticket_id": ticket_id, **said}
    return call(message_id, event="Support Ticket Created", userId=None, properties=properties)


def sentiments(cloud: Cloud, account: str = "acme") -> list[float | None]:
    facts = Records(cloud.accounts).facts(account)
    return [found.sentiment for found in standing_at(facts, FOREVER).tickets]


def test_the_text_gives_way_to_its_sentiment(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.deliver(event(record({"batch": [ticket("m-1", text=TEXT), group("m-2", plan="pro")]}, at=1)))
    assert sentiments(cloud) == [None]

    answer = cloud.invoke("profile", changes_of(cloud))

    assert answer == {"batchItemFailures": []}
    assert sentiments(cloud) == [of_text(TEXT)]
    assert "4111" not in str(cloud.accounts.scan()["Items"])
    assert "4111" not in str(cloud.ingest.scan()["Items"])
    assert "4111" not in "".join(capsys.readouterr())


def test_redelivered_and_sent_again_it_stays_as_it_is(cloud: Cloud) -> None:
    first = event(record(ticket("m-1", text=TEXT), at=1))
    cloud.deliver(first)
    changes = changes_of(cloud)
    cloud.invoke("profile", changes)
    before = cloud.accounts.scan()["Items"]

    cloud.deliver(first)
    cloud.invoke("profile", changes)

    assert cloud.accounts.scan()["Items"] == before


def test_a_producers_own_sentiment_is_kept(cloud: Cloud) -> None:
    cloud.deliver(event(record(ticket("m-1", text=TEXT, sentiment=0.5), at=1)))

    cloud.invoke("profile", changes_of(cloud))

    assert sentiments(cloud) == [0.5]
    assert "4111" not in str(cloud.accounts.scan()["Items"])


def test_a_look_that_has_read_the_text_before_changes_nothing_after(cloud: Cloud) -> None:
    cloud.deliver(event(record(ticket("m-1", text=TEXT), at=1)))
    records = Records(cloud.accounts)
    [old] = records.facts("acme")
    cloud.invoke("profile", changes_of(cloud))
    [new] = records.facts("acme")

    assert records.replace_fact("acme", old, old) is False
    assert records.facts("acme") == [new]


def test_a_sentiment_that_could_not_be_written_comes_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.deliver(event(record(ticket("m-1", text=TEXT), at=1)))
    changes = changes_of(cloud)

    def fails(*_: Any) -> bool:
        raise UnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(Records, "replace_fact", fails)
        cloud.functions["profile"].ports.cache_clear()
        answer = cloud.invoke("profile", changes)
    cloud.functions["profile"].ports.cache_clear()
    again = cloud.invoke("profile", changes)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert again == {"batchItemFailures": []}
    assert sentiments(cloud) == [of_text(TEXT)]


def test_sources_are_noted_when_they_are_heard_of(cloud: Cloud) -> None:
    later = ARRIVAL + timedelta(hours=1)
    cloud.deliver(event(record({"batch": [ticket("m-1", text=TEXT), group("m-2", plan="pro")]}, at=1)))
    cloud.deliver(event(record(started("m-3", plan="pro"), at=2, arrival=later)))
    cloud.invoke("profile", changes_of(cloud))

    def at(as_of_ms: int) -> dict[str, tuple[bool, int | None, bool | None]]:
        states = read_freshness(cloud.ingest, as_of_ms, Sources())
        return {s.source.value: (s.connected, s.last_seen_ms, s.fresh) for s in states}

    hour = 3_600_000
    assert at(ARRIVAL_MS) == {
        "stream": (True, ARRIVAL_MS, True),
        "tickets": (True, ARRIVAL_MS, True),
        "crm": (True, ARRIVAL_MS, True),
        "billing": (True, None, None),
        "nps": (False, None, None),
    }
    assert at(ARRIVAL_MS + hour) == {
        "stream": (True, ARRIVAL_MS + hour, True),
        "tickets": (True, ARRIVAL_MS, False),
        "crm": (True, ARRIVAL_MS, False),
        "billing": (True, ARRIVAL_MS + hour, True),
        "nps": (False, None, None),
    }


def test_a_source_takes_one_row_a_minute_and_never_goes_back(cloud: Cloud) -> None:
    minute = 1_800_000_000_000
    notes = SourceNotes(cloud.ingest)

    for at_ms in (minute + 5, minute + 59_999, minute + 60_000, minute - 1):
        notes.note({Source.NPS: at_ms})
    SourceNotes(cloud.ingest).note({Source.NPS: minute + 7})

    rows = [row["at"] for row in cloud.ingest.scan()["Items"] if row["pk"] == "source#nps"]
    assert rows == ["2027-01-15T08:00:00.005Z", "2027-01-15T08:01:00.000Z"]


@pytest.mark.parametrize(("at_s", "seen_s"), [(4, None), (5, 5), (64, 5), (65, 65), (10**6, 65)])
def test_what_was_heard_by_an_instant_is_found_whatever_came_later(
    cloud: Cloud, at_s: int, seen_s: int | None
) -> None:
    minute = 1_800_000_000_000
    SourceNotes(cloud.ingest).note({Source.NPS: minute + 5000})
    SourceNotes(cloud.ingest).note({Source.NPS: minute + 65_000})

    states = read_freshness(cloud.ingest, minute + at_s * 1000, Sources())

    [found] = [state for state in states if state.source is Source.NPS]
    assert found.connected
    assert found.last_seen_ms == (None if seen_s is None else minute + seen_s * 1000)
