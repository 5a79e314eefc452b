"""Two commands on one local cloud take turns."""

import shutil
import threading
from pathlib import Path

from infra.local.home import Home
from infra.local.lock import alone


def test_a_second_command_says_that_it_waits_and_goes_on_afterwards(tmp_path: Path) -> None:
    home = Home(folder=tmp_path / "cloud", port=4599)
    said: list[str] = []
    order: list[str] = []
    waiting = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        waiting.set()

    def second() -> None:
        with alone(home, say=say):
            order.append("second")

    with alone(home, say=said.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(timeout=10)
        order.append("first")
    thread.join(timeout=10)

    assert order == ["first", "second"]
    assert said == ["waiting: another command is at work on this local cloud"]


def test_who_waited_for_the_folders_removal_holds_the_lock_of_the_new_folder(tmp_path: Path) -> None:
    home = Home(folder=tmp_path / "cloud", port=4599)
    waiting, holding, done = threading.Event(), threading.Event(), threading.Event()
    said: list[str] = []

    def second() -> None:
        with alone(home, say=lambda text: waiting.set()):
            holding.set()
            done.wait(timeout=10)

    def third() -> None:
        with alone(home, say=said.append):
            pass

    threads = [threading.Thread(target=second), threading.Thread(target=third)]
    with alone(home, say=said.append):
        threads[0].start()
        assert waiting.wait(timeout=10)
        shutil.rmtree(home.folder)
    assert holding.wait(timeout=10)
    threads[1].start()
    threads[1].join(timeout=0.3)

    assert threads[1].is_alive()
    done.set()
    for thread in threads:
        thread.join(timeout=10)
    assert said == ["waiting: another command is at work on this local cloud"]


def test_homes_do_not_wait_for_each_other(tmp_path: Path) -> None:
    said: list[str] = []

    with (
        alone(Home(folder=tmp_path / "one", port=4598), say=said.append),
        alone(Home(folder=tmp_path / "two", port=4599), say=said.append),
    ):
        pass

    assert said == []
