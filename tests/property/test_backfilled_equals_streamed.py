"""What is backfilled equals what the stream makes of the same rows, whatever the rows are."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import example, given, settings
from stemtide.state import Caps
from stemtide_cli import backfill_stage

from tests import random_logs
from tests.backfill_memory import MemoryBackfillItems, backfill_of, run
from tests.random_logs import COMMENTS, FORMATS, HUGE, ROWS, Row
from tests.stream_memory import Lab
from tests.stream_world import ARRIVAL_MS
from tests.streamed_logs import stream, usage_of

CAPS = Caps(id_window=6, inline_users=3, event_types=4, remembered_ids=0, is_comment=COMMENTS.__contains__)


GOOD = {"at": "2023-03-01 10:00:00", "org": "acme", "who": "u", "what": "x", "n": 1}
GOOD |= {"plan": None, "mrr": None, "note": ""}


@settings(max_examples=80)
@example(rows=[GOOD, GOOD | {"at": "2099-01-01 00:00:00", "note": HUGE}], form="csv")
@given(rows=ROWS, form=FORMATS)
def test_a_backfilled_log_equals_the_streamed_one(rows: list[Row], form: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        whole = random_logs.opened(random_logs.write(rows, folder, form), folder)
        streamed, backfilled = Lab(take=lambda _: None, caps=CAPS), Lab(take=lambda _: None, caps=CAPS)
        reasons = stream(whole, streamed)

        with backfill_stage.opened(
            folder / "stage", stop_us=None, now_ms=ARRIVAL_MS, is_comment=COMMENTS.__contains__
        ) as stage:
            stage.add(0, whole, name="events")
            totals = stage.totals()
            end_ms = (totals.last_us or 0) // 1000 + 1
            run(backfill_of(stage, backfilled, MemoryBackfillItems(backfilled.items), end_ms=end_ms))
            facts = sorted((account, bytes(fact)) for account, fact in stage.said())

        assert totals.refused == dict(reasons)
        told = ((account, msgspec.json.encode(fact)) for (account, _), fact in streamed.facts.rows.items())
        assert facts == sorted(told)
        assert usage_of(backfilled) == usage_of(streamed)
