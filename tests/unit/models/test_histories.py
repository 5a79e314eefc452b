"""A log's days, as training counts them."""

from datetime import date
from pathlib import Path

from stemtide.config import bundled_config
from stemtide_cli.log import open_log
from stemtide_cli.mapping import Events

from models.histories import read_histories

MAPPING = Events(
    file="events.csv", timestamp="at", account="account", user="user", event="event", properties=[]
)


def test_days_before_1970_are_the_days_that_the_stream_counts(tmp_path: Path) -> None:
    instants = ("1969-12-30T10:00", "1969-12-31T00:00", "1969-12-31T23:00", "1970-01-01T05:00")
    rows = "".join(f"{at}:00Z,acme,ann,page\n" for at in instants)
    (tmp_path / "events.csv").write_text(f"at,account,user,event\n{rows}")

    log = open_log(MAPPING, folder=tmp_path, mapping_path=tmp_path / "m.toml", spill=tmp_path / "spill")
    found = read_histories(log, bundled_config())["acme"]

    zero = date(1970, 1, 1).toordinal()
    assert found.days.tolist() == [date(1969, 12, 30).toordinal() - zero, -1, 0]
    assert found.counters[:, 0].tolist() == [1, 2, 1]
