"""Write keys: the current and the previous one pass, a rotation works at once, nothing else passes."""

import base64
import json
from typing import Any

import pytest
from stemtide.http.problem import Problem
from stemtide.http.write_keys import WriteKeys, check_write_key

from tests.http_api import basic


class Secrets:
    """Secrets Manager with one secret."""

    def __init__(self, **secret: Any) -> None:
        self.secret = secret
        self.reads = 0

    def get_secret_value(self, **_: str) -> dict[str, str]:
        self.reads += 1
        return {"SecretString": json.dumps(self.secret)}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(secrets: Secrets, clock: Clock) -> WriteKeys:
    return WriteKeys(client=secrets, secret_id="keys", clock=clock)


@pytest.mark.parametrize("key", ["wk-1", "wk-0"])
def test_the_current_and_the_previous_key_pass(key: str) -> None:
    keys = make(Secrets(current="wk-1", previous="wk-0"), Clock())

    check_write_key(basic(key), keys)


def test_the_password_is_ignored_and_the_scheme_may_have_any_case() -> None:
    keys = make(Secrets(current="wk-1"), Clock())

    check_write_key("bAsIc " + base64.b64encode(b"wk-1:whatever:else").decode(), keys)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic ====",
        "Basic not base64!",
        "Basic " + base64.b64encode(b"\xff\xfe:").decode(),
        basic(""),
        basic("wk-2"),
        basic("wk-1 "),
        basic("WK-1"),
        basic("wk-1") + "," + basic("wk-1"),
        "Bearer wk-1",
        "wk-1",
    ],
)
def test_everything_else_is_refused_in_the_same_words(header: str | None) -> None:
    keys = make(Secrets(current="wk-1", previous=""), Clock())

    with pytest.raises(Problem) as caught:
        check_write_key(header, keys)

    assert caught.value.status == 401
    assert caught.value.headers["WWW-Authenticate"].startswith("Basic ")
    assert caught.value.detail.startswith("Send a write key as the user name")


@pytest.mark.parametrize("secret", [{"current": ""}, {"current": "", "previous": ""}])
def test_an_empty_secret_lets_nobody_in(secret: dict[str, str]) -> None:
    keys = make(Secrets(**secret), Clock())

    assert not keys.accepts("")
    assert not keys.accepts("x")


def test_the_secret_is_read_once_in_five_minutes() -> None:
    secrets, clock = Secrets(current="wk-1"), Clock()
    keys = make(secrets, clock)

    for clock.now in (0.0, 100.0, 299.0):
        assert keys.accepts("wk-1")
    assert secrets.reads == 1

    clock.now = 300.0
    assert keys.accepts("wk-1")
    assert secrets.reads == 2


def test_a_new_key_works_before_the_cache_ends_and_a_withdrawn_one_only_until_then() -> None:
    secrets, clock = Secrets(current="wk-1"), Clock()
    keys = make(secrets, clock)
    assert keys.accepts("wk-1")

    secrets.secret = {"current": "wk-2"}
    clock.now = 20.0

    assert keys.accepts("wk-2")
    assert not keys.accepts("wk-1")


def test_wrong_keys_do_not_hammer_the_secret() -> None:
    secrets, clock = Secrets(current="wk-1"), Clock()
    keys = make(secrets, clock)

    for step in range(100):
        clock.now = step * 0.1
        assert not keys.accepts(f"guess-{step}")

    assert secrets.reads == 1
