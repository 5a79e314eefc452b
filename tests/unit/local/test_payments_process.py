"""The payment provider of a local cloud starts once, goes on with its data, and ends with the cloud."""

import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from stemtide.clock import ModelClock

from infra.local import payments_process
from infra.local.down import stop
from infra.local.home import Home
from payments.settings import Settings
from tests.payment_benches import control

WEBHOOK = "http://127.0.0.1:9/v1/webhooks/stripe"
CLOCK = ModelClock(real_ms=0, model_ms=0, scale=1.0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(folder=tmp_path, port=free_port())
    yield home
    payments_process.stop(home)


def up(home: Home, clock: ModelClock = CLOCK) -> tuple[Settings, list[str]]:
    said: list[str] = []
    settings = payments_process.prepared(home, clock)
    payments_process.ensure_running(home, settings, webhook_url=WEBHOOK, say=said.append)
    return settings, said


def test_a_second_start_leaves_the_running_one_alone(home: Home) -> None:
    first, _ = up(home)
    pid = payments_process.running_pid(home)

    second, said = up(home)

    assert (second.port, second.api_key) == (first.port, first.api_key)
    assert payments_process.running_pid(home) == pid is not None
    assert said == [f"the payment provider is already running at http://127.0.0.1:{first.port}"]


def test_keys_port_and_data_outlive_a_stop(home: Home) -> None:
    first, _ = up(home)
    url = f"http://127.0.0.1:{first.port}"
    control(url, "POST", "/_control/seed", {"customers": [{"id": "cus_kept"}]})

    stop(home, say=lambda _: None)
    assert not payments_process.healthy(home)
    second, _ = up(home)

    assert (second.api_key, second.webhook_secret, second.port) == (
        first.api_key,
        first.webhook_secret,
        first.port,
    )
    assert control(url, "GET", "/_control/status")[1]["objects"]["customer"] == 1
    assert payments_process.stop(home) is True
    assert payments_process.stop(home) is False


def test_another_pace_of_the_clock_starts_it_anew(home: Home) -> None:
    up(home)
    pid = payments_process.running_pid(home)

    up(home, CLOCK.rescaled(3600.0, real_ms=10))

    assert payments_process.running_pid(home) not in (None, pid)
    assert payments_process.healthy(home)


def test_a_taken_port_is_left_alone_and_another_one_kept(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        home = replace(home, port=taken - 1)

        first, _ = up(home)

    assert first.port != taken
    assert payments_process.prepared(home, CLOCK).port == first.port
    with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/", timeout=10) as page:
        assert b"Payments" in page.read()


def test_the_keys_are_for_their_owner_only(home: Home) -> None:
    payments_process.prepared(home, CLOCK)

    assert home.payments_file.stat().st_mode & 0o077 == 0
