"""`stemtide mail preview` as a person calls it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from stemtide.mail.rendering import languages
from stemtide.mail.templates import TEMPLATES
from stemtide_cli import mail_pictures
from stemtide_cli.main import main


def preview(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["mail", "preview", "--no-pictures", *arguments])


def values_file(folder: Path, values: Any) -> str:
    path = folder / "values.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return str(path)


def test_every_letter_is_written_in_every_language(tmp_path: Path) -> None:
    result = preview("--out", str(tmp_path / "new" / "mails"), "--json")

    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert {(one["template"], one["locale"]) for one in found["mails"]} == {
        (name, language) for name in TEMPLATES for language in languages()
    }
    assert found["pictures"] is False
    for one in found["mails"]:
        assert Path(one["html"]).read_text().startswith("<!DOCTYPE html>")
        assert Path(one["text"]).read_text().startswith(f"Subject: {one['subject']}\n\n")
        assert one["picture"] is None


def test_one_letter_is_written_with_given_values(tmp_path: Path) -> None:
    values = {"amount": {"amount": 990, "currency": "EUR"}, "plan": "Team", "paid_at": 1_796_122_800_000}
    arguments = ["payment_recovered", "--values", values_file(tmp_path, values), "--locale", "de-AT"]

    result = preview(*arguments, "--zone", "Europe/Vienna", "--out", str(tmp_path), "--json")

    [one] = json.loads(result.stdout)["mails"]
    assert (one["template"], one["locale"], one["class"]) == ("payment_recovered", "de-AT", "transactional")
    assert "€ 9,90" in one["subject"]


@pytest.mark.parametrize(
    ("values", "says", "hint"),
    [
        ({"plan": "Team"}, "value 'amount' is missing", "give what is to be paid, e.g."),
        ({"plane": 1}, "value 'plane' is unknown", "it takes name, sender, amount"),
        ("[]", "holds no values by name", "write a JSON object"),
        ("{", "is no JSON", "write a JSON object"),
    ],
)
def test_what_is_wrong_is_told_by_its_name_with_what_would_be_right(
    tmp_path: Path, values: Any, says: str, hint: str
) -> None:
    arguments = ["payment_recovered", "--values", values_file(tmp_path, values), "--out", str(tmp_path)]

    result = preview(*arguments, "--json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert says in told["error"]
    assert hint in told["hint"]


def test_values_without_a_letter_and_a_letter_that_does_not_exist_are_wrong_usage(tmp_path: Path) -> None:
    assert preview("--values", values_file(tmp_path, {})).exit_code == 2
    assert preview("payment").exit_code == 2


def test_a_file_or_a_folder_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    unread = preview("check_in", "--values", str(tmp_path / "none.json"), "--out", str(tmp_path))
    unwritten = preview("check_in", "--out", str(tmp_path / "file" / "in"))

    assert (unread.exit_code, unwritten.exit_code) == (1, 1)
    assert "cannot be read" in unread.stderr
    assert "cannot be written" in unwritten.stderr


@pytest.mark.skipif(mail_pictures.find_browser() is None, reason="no Chromium here: apt-get install chromium")
def test_a_picture_shows_the_letter_on_a_desk_and_on_a_phone(tmp_path: Path) -> None:
    arguments = ["mail", "preview", "check_in", "--locale", "en", "--out", str(tmp_path), "--json"]

    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 0
    [one] = json.loads(result.stdout)["mails"]
    data = Path(one["picture"]).read_bytes()
    width, height = (int.from_bytes(data[place : place + 4], "big") for place in (16, 20))
    assert data.startswith(b"\x89PNG")
    assert width == mail_pictures.DESK_PX + mail_pictures.PHONE_PX + 3 * mail_pictures.GAP_PX
    assert 500 < height < 1500


def test_without_a_browser_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    result = CliRunner().invoke(main, ["mail", "preview", "check_in", "--out", str(tmp_path)])

    assert result.exit_code == 0
    assert "there is no Chromium" in result.stdout


def test_a_browser_that_fails_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    result = CliRunner().invoke(main, ["mail", "preview", "check_in", "--out", str(tmp_path)])

    assert result.exit_code == 1
    assert "use --no-pictures" in result.stderr
