import json
from pathlib import Path
from typing import Any

import pytest
from stemtide.store.pace import MAX_THREADS
from stemtide_cli.errors import CliError
from stemtide_cli.stack import Stack, find_stack_file, project_root

NEEDED: dict[str, Any] = {
    "region": "us-east-1",
    "event_stream": "events",
    "event_bus": "bus",
    "buckets": {"archive": "a", "dead_letters": "d"},
    "tables": {"usage": "u"},
}


def written(folder: Path, content: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stack.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout, and the current folder deep inside it."""
    (tmp_path / "cli" / "stemtide_cli").mkdir(parents=True)
    (tmp_path / "cdk.json").touch()
    (tmp_path / "docs" / "adr").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "docs" / "adr")
    return tmp_path


def test_the_stack_of_the_checkout_is_found_from_anywhere_inside_it(checkout: Path) -> None:
    aws = written(checkout / "build" / "aws", NEEDED)
    alone = find_stack_file(None, env={})
    local = written(checkout / "build" / "local", NEEDED)

    assert project_root() == checkout
    assert (alone, find_stack_file(None, env={})) == (aws, local)


def test_option_goes_before_variable_and_variable_before_checkout(checkout: Path) -> None:
    written(checkout / "build" / "local", NEEDED)
    option, variable = (written(checkout / name, NEEDED) for name in ("option", "variable"))
    env = {"STEMTIDE_STACK": str(variable)}

    assert find_stack_file(option, env=env) == option
    assert find_stack_file(None, env=env) == variable


def test_the_local_folder_may_be_elsewhere(checkout: Path) -> None:
    elsewhere = written(checkout / "elsewhere", NEEDED)

    assert find_stack_file(None, env={"STEMTIDE_LOCAL_DIR": str(elsewhere.parent)}) == elsewhere


def test_without_a_stack_the_reader_is_told_to_make_one(checkout: Path) -> None:
    with pytest.raises(CliError) as caught:
        find_stack_file(None, env={})

    assert "make up" in caught.value.hint
    with pytest.raises(CliError, match=r"nowhere\.json"):
        find_stack_file(Path("nowhere.json"), env={})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "no JSON object"),
        ({k: v for k, v in NEEDED.items() if k != "tables"}, "tables"),
        (NEEDED | {"region": 5}, "region"),
        (NEEDED | {"buckets": []}, "buckets"),
    ],
)
def test_a_broken_stack_file_is_refused_in_words(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(CliError, match=message) as caught:
        Stack.load(written(tmp_path, content))

    assert "make up" in caught.value.hint


def test_what_does_not_exist_yet_and_what_is_new_do_not_disturb(tmp_path: Path) -> None:
    stack = Stack.load(
        written(tmp_path, NEEDED | {"api_url": None, "api_tokens": None, "from_the_future": 1})
    )

    assert (stack.api_url, dict(stack.api_tokens), stack.is_local) == (None, {}, False)


def test_clients_of_a_local_stack_use_its_address_and_its_own_key(tmp_path: Path) -> None:
    stack = Stack.load(written(tmp_path, NEEDED | {"endpoint_url": "http://127.0.0.1:4652"}))

    client = stack.client("kinesis", attempts=1)

    assert client.meta.endpoint_url == "http://127.0.0.1:4652"
    assert client._request_signer._credentials.access_key == "000000000000"
    assert client.meta.config.retries["total_max_attempts"] == 1


def test_threads_that_share_a_client_have_a_connection_each(tmp_path: Path) -> None:
    stack = Stack.load(written(tmp_path, NEEDED | {"endpoint_url": "http://127.0.0.1:4652"}))

    clients = [stack.client("s3"), stack.table("usage").meta.client]

    assert [client.meta.config.max_pool_connections for client in clients] == [MAX_THREADS] * 2
