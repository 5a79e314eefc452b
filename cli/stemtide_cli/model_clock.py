"""What time it is for mails, billing and sequences, which a local cloud may hurry."""

import time
from datetime import UTC, date, datetime, timedelta

import click
from stemtide.clock import REAL_TIME, ModelClock

from infra.local.home import Home
from stemtide_cli.command import Session


def model_now(session: Session) -> int:
    """The model instant (epoch ms) of now: on AWS it is real time."""
    return _clock(session).at(time.time_ns() // 1_000_000)


def latest_ms(session: Session) -> int:
    """The later of now and the model instant of now: what became known by either clock has become known."""
    return max(time.time_ns() // 1_000_000, model_now(session))


def days_asked(
    session: Session, first: datetime | None, last: datetime | None, *, by_default: int
) -> tuple[date, date]:
    """The first and the last UTC day asked for; today is the model clock's, and the first day `by_default`
    days up to the last."""
    today = datetime.fromtimestamp(model_now(session) / 1000, UTC)
    end = (last or today).date()
    begin = first.date() if first else end - timedelta(days=by_default - 1)
    if begin > end:
        raise click.UsageError("--to is before --from")
    return begin, end


def _clock(session: Session) -> ModelClock:
    if not session.stack.is_local:
        return REAL_TIME
    path = Home(folder=session.stack_file.parent, port=0).clock_file
    return ModelClock.parse(path.read_text().strip()) if path.exists() else REAL_TIME
