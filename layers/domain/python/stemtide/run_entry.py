"""The function that opens, wakes and restarts runs: on facts from the bus, and on an hourly schedule."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from stemtide.ports import UNREADABLE, UnavailableError
from stemtide.queue_messages import Message, answer, messages_of, paused
from stemtide.runs import Swept


class FactQueue(Protocol):
    """The queue of facts, as far as a function speaks to it."""

    def set_aside(self, body: str, error: Exception) -> None: ...

    def later(self, pauses: list[tuple[Message, int]]) -> None: ...


class Log(Protocol):
    """The function's log."""

    def info(self, message: str, /, **told: Any) -> None: ...

    def error(self, message: str, /, **told: Any) -> None: ...


def on_event(
    event: Mapping[str, Any],
    *,
    job: str,
    sweep: Callable[[], Swept],
    hear: Callable[[str], None],
    queue: Callable[[], FactQueue],
    log: Log,
) -> dict[str, Any]:
    """Answer a delivery of the queue (the response names what must come again), or the hourly schedule.

    Args:
        job: the schedule's name.
        hear: does what the body of a message asks for; raises one of `UNREADABLE` for one that nobody can
            read, which is set aside, and `UnavailableError` for one that comes again.
    """
    if event.get("job") == job:
        swept = sweep()
        found = {"running": swept.running, "restarted": swept.restarted, "woken": swept.woken}
        log.info("swept", **found)
        return found
    messages = messages_of(event)
    failed = [message for message in messages if not _done(message, hear, queue, log)]
    queue().later(paused(failed))
    log.info("facts heard", messages=len(messages), again=len(failed))
    return answer(message.id for message in failed)


def _done(
    message: Message,
    hear: Callable[[str], None],
    queue: Callable[[], FactQueue],
    log: Log,
) -> bool:
    try:
        hear(message.body)
    except UNREADABLE as error:
        log.error("set aside: nobody can read it", message=message.id, error=type(error).__name__)  # noqa: TRY400
        try:
            queue().set_aside(message.body, error)
        except UnavailableError:
            return False
    except UnavailableError:
        return False
    return True
