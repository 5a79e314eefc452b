"""A log that does not fit together says so: what is left out is counted, what cannot be right is refused."""

from pathlib import Path

import pytest
from stemtide.config import bundled_config
from stemtide_cli.errors import CliError
from stemtide_cli.training_rows import LogFolder, Wanted, read_rows

from models.material import Material, read_material
from tests.training_logs import CHURN_LOG

TERMS = ["a,basic,2024-01-05,1", "a,basic,2024-02-05,1", "b,basic,2024-01-31,12"]
EVENTS = ["a,u,Opened,2024-01-05T10:00:00Z", "b,u,Opened,2024-02-20T10:00:00Z"]


def read(folder: Path, *, terms: list[str] = TERMS, events: list[str] = EVENTS) -> Material:
    mapping = folder / "m.toml"
    mapping.write_text(CHURN_LOG.format(subscriptions="", every_days=5, first_day=10))
    (folder / "events.csv").write_text("\n".join(["org,who,what,at", *events]) + "\n")
    (folder / "terms.csv").write_text("\n".join(["org,product,start,months", *terms]) + "\n")
    return read_material(str(mapping), folder, bundled_config())[1]


def test_a_log_that_fits_together_has_nothing_to_note(tmp_path: Path) -> None:
    assert read(tmp_path).notes == ()


def test_rows_of_events_that_cannot_be_counted_are_told_by_reason(tmp_path: Path) -> None:
    bad = [
        "a b,u,Opened,2024-01-06T10:00:00Z",
        "a,u,Opened,soon",
        ",u,Opened,soon",
        "a,u,,2024-01-06T10:00:00Z",
    ]

    assert read(tmp_path, events=EVENTS + bad).notes == (
        "4 of 6 rows of events.csv are left out: 1 bad_account, 1 no_event, 2 no_timestamp",
    )


def test_a_log_of_which_no_row_can_be_counted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"none of the 2 rows of .*events\.csv can be counted: 2 bad_account"):
        read(tmp_path, events=["a b,u,Opened,2024-01-06T10:00:00Z", "a/b,u,Opened,2024-01-06T10:00:00Z"])


def test_terms_without_a_start_are_left_out_and_those_without_a_period_do_not_run_out(tmp_path: Path) -> None:
    material = read(
        tmp_path, terms=[*TERMS, "a,basic,soon,1", "a,,2024-03-05,1", "b,basic,2024-02-10,yearly"]
    )

    assert material.notes == (
        "2 of 6 rows of terms.csv are left out: no account, plan or start",
        "1 of 6 rows of terms.csv have no bill period: these terms do not run out",
    )
    assert [term.ends for term in material.terms["b"]][1:] == [None]


def test_terms_that_begin_after_all_events_are_told(tmp_path: Path) -> None:
    [note] = read(tmp_path, terms=[*TERMS, "b,basic,2025-01-31,12"]).notes

    assert note.startswith("the latest term begins on 2025-01-31, events end on 2024-02-20:")


def test_customers_that_were_never_seen_are_counted(tmp_path: Path) -> None:
    assert read(tmp_path, terms=[*TERMS, "c,basic,2024-01-31,12"]).notes == (
        "1 of 3 accounts with a term or an enrolment have no event",
    )


def test_files_that_call_accounts_by_other_names_are_refused(tmp_path: Path) -> None:
    material = read(tmp_path, terms=["A,basic,2024-01-05,1", "B,basic,2024-01-05,1"])
    log = LogFolder(mapping_name=str(tmp_path / "m.toml"), folder=tmp_path)

    with pytest.raises(CliError, match=r"none of the 2 accounts .* 'A' …, those with events 'a' …") as caught:
        read_rows(log, Wanted(name="churn", target=None, seed=1), bundled_config(), say=lambda _: None)

    assert "alike" in caught.value.hint
    assert material.notes == ("2 of 2 accounts with a term or an enrolment have no event",)


def test_what_no_calendar_has_is_no_instant(tmp_path: Path) -> None:
    material = read(tmp_path, events=[*EVENTS, "a,u,Opened,20224-01-05T10:00:00Z"])

    assert material.notes == ("1 of 3 rows of events.csv are left out: 1 no_timestamp",)
    assert material.span == "events lie from 2024-01-05 to 2024-02-20, terms begin up to 2024-02-05"
