"""The function that opens and wakes runs: what it does with facts, with what nobody can read, on the hour."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stemtide.ports import UnavailableError
from stemtide.queue_messages import FIRST_PAUSE_S, Message
from stemtide.run_entry import on_event
from stemtide.runs import Swept


@dataclass
class Queue:
    """What was set aside, and what waits."""

    is_away: bool = False
    aside: list[str] = field(default_factory=list)
    waits: list[tuple[str, int]] = field(default_factory=list)

    def set_aside(self, body: str, error: Exception) -> None:
        if self.is_away:
            raise UnavailableError("away")
        self.aside.append(body)

    def later(self, pauses: Sequence[tuple[Message, int]]) -> None:
        self.waits += [(message.id, seconds) for message, seconds in pauses]


@dataclass
class Log:
    """The words of the log."""

    said: list[str] = field(default_factory=list)

    def info(self, message: str, /, **told: Any) -> None:
        self.said.append(message)

    def error(self, message: str, /, **told: Any) -> None:
        self.said.append(f"error: {message}")


def hear(body: str) -> None:
    """Understands `good`, gets no answer about `away`, and can read nothing else."""
    if body == "away":
        raise UnavailableError("no answer")
    if body != "good":
        raise ValueError(body)


def answered(event: dict[str, Any], queue: Queue | None = None, log: Log | None = None) -> dict[str, Any]:
    used = queue or Queue()
    return on_event(
        event,
        job="plays",
        sweep=lambda: Swept(running=3, restarted=1, woken=2),
        hear=hear,
        queue=lambda: used,
        log=log or Log(),
    )


def delivery(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": body,
                "receiptHandle": f"r-{body}",
                "attributes": {"ApproximateReceiveCount": "1"},
                "body": body,
            }
            for body in bodies
        ]
    }


def test_what_was_heard_is_done_and_what_got_no_answer_comes_again_after_a_pause() -> None:
    queue = Queue()

    answer = answered(delivery("good", "away"), queue)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "away"}]}
    assert queue.waits == [("away", FIRST_PAUSE_S)]
    assert queue.aside == []


def test_what_nobody_can_read_is_set_aside_and_holds_up_nothing() -> None:
    queue, log = Queue(), Log()

    answer = answered(delivery("nonsense", "good"), queue, log)

    assert answer == {"batchItemFailures": []}
    assert queue.aside == ["nonsense"]
    assert [said for said in log.said if said.startswith("error")] == ["error: set aside: nobody can read it"]


def test_what_could_not_be_set_aside_comes_again() -> None:
    answer = answered(delivery("nonsense"), Queue(is_away=True))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "nonsense"}]}


def test_on_the_hour_all_that_runs_is_looked_at() -> None:
    assert answered({"job": "plays"}) == {"running": 3, "restarted": 1, "woken": 2}
