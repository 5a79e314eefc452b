"""Which files of an export are read as what."""

from pathlib import Path
from typing import Any

import pytest
from stemtide_cli.backfill_sources import Sources, find_sources
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Events, Mapping
from stemtide_cli.mapping_training import Accounts, Subscriptions

TOML = Path("crm.toml")
HEADER = "timestamp,account_id,event\n"


def mapping(events: str = "events.parquet", accounts: str = "accounts.csv") -> Mapping:
    return Mapping(
        events=Events(file=events, account="account_id", event="event", timestamp="timestamp"),
        accounts=Accounts(file=accounts, account="account_id"),
        subscriptions=Subscriptions(file="subscriptions.csv", account="account_id", plan="p", start="s"),
    )


def no_client(_: str) -> Any:
    raise AssertionError


def found(*data: Path | str, of: Mapping | None = None) -> Sources:
    return find_sources([str(place) for place in data], of or mapping(), TOML, no_client)


def events(sources: Sources) -> list[str]:
    return [source.name for source in sources.events]


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(HEADER)
    return folder


def test_every_file_that_is_named_is_read(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", "history-2022.csv", "accounts.csv")

    sources = found(tmp_path / "events.csv", tmp_path / "history-2022.csv", tmp_path / "accounts.csv")

    assert events(sources) == [str(tmp_path / "events.csv"), str(tmp_path / "history-2022.csv")]
    assert sources.sections["accounts"].name == str(tmp_path / "accounts.csv")
    assert sources.ignored == ()


def test_every_folder_has_its_own_events(tmp_path: Path) -> None:
    write(tmp_path, "a/events.csv", "b/part-0.csv", "b/part-1.csv")

    sources = found(tmp_path / "a", tmp_path / "b")

    assert [Path(name).name for name in events(sources)] == ["events.csv", "part-0.csv", "part-1.csv"]


def test_what_is_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "parts/p0.csv", "parts/p1.csv")
    (tmp_path / "parts" / "latest.csv").symlink_to(tmp_path / "parts" / "p1.csv")
    monkeypatch.chdir(tmp_path)

    sources = found("parts", "parts/", tmp_path / "parts", "parts/p0.csv")

    assert events(sources) == ["parts/latest.csv", "parts/p0.csv"]


def test_what_is_neither_events_nor_a_section_is_ignored_by_name(tmp_path: Path) -> None:
    names = ("events.csv", "events/p0.csv", "history-2022.csv", "p1.csv.zst", "p2.json", "accounts.csv")
    write(tmp_path, *names, "_SUCCESS", ".p0.csv.crc")

    sources = found(tmp_path)

    assert events(sources) == [str(tmp_path / "events.csv")]
    assert [Path(name).name for name in sources.ignored] == [
        "p0.csv",
        "history-2022.csv",
        "p1.csv.zst",
        "p2.json",
    ]


def test_a_file_that_another_place_reads_is_not_ignored(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", "history-2022.csv")

    sources = found(tmp_path, tmp_path / "history-2022.csv")

    assert len(sources.events) == 2
    assert sources.ignored == ()


def test_what_lies_in_a_linked_folder_is_read_once(tmp_path: Path) -> None:
    export = write(tmp_path / "export", "part-0.csv")
    write(tmp_path / "elsewhere", "part-1.csv")
    (export / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(export)

    sources = found(export)

    assert events(sources) == [str(export / "more" / "part-1.csv"), str(export / "part-0.csv")]


def test_a_named_file_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", "p1.csv.zst")

    with pytest.raises(CliError, match="its ending is unknown"):
        found(tmp_path / "events.csv", tmp_path / "p1.csv.zst")


def test_two_files_of_one_section_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", "x/accounts.csv", "y/accounts.csv")

    with pytest.raises(
        CliError, match=r"several files are \[accounts\]: .*x/accounts.csv, .*y/accounts.csv"
    ) as told:
        found(tmp_path)

    assert "as `file` of [accounts] in crm.toml" in told.value.hint


def test_the_path_of_a_mapping_tells_which_file_is_the_section(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", "crm/accounts.csv", "old/accounts.csv")

    sources = found(tmp_path, of=mapping(accounts="crm/accounts.csv"))

    assert sources.sections["accounts"].within == "crm/accounts.csv"
    assert sources.ignored == (str(tmp_path / "old" / "accounts.csv"),)


def test_one_file_may_be_two_sections(tmp_path: Path) -> None:
    write(tmp_path, "events.csv", "subscriptions.csv")

    sources = found(tmp_path, of=mapping(accounts="subscriptions.csv"))

    assert sources.sections["accounts"] == sources.sections["subscriptions"]
