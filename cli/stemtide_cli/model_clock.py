"""What time it is for mails, billing and sequences, which a local cloud may hurry."""

import time

from stemtide.clock import REAL_TIME, ModelClock

from infra.local.home import Home
from stemtide_cli.command import Session


def model_now(session: Session) -> int:
    """The model instant (epoch ms) of now: on AWS it is real time."""
    return _clock(session).at(time.time_ns() // 1_000_000)


def _clock(session: Session) -> ModelClock:
    if not session.stack.is_local:
        return REAL_TIME
    path = Home(folder=session.stack_file.parent, port=0).clock_file
    return ModelClock.parse(path.read_text().strip()) if path.exists() else REAL_TIME
