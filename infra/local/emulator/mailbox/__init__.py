"""The local mailbox: every mail that the emulated SES has taken, for scripts and for people to look at."""

from infra.local.emulator.mailbox.capture import install
from infra.local.emulator.mailbox.routes import Reply, answer_to, is_route, json_reply
from infra.local.emulator.mailbox.store import Mailbox

__all__ = ["Mailbox", "Reply", "answer_to", "install", "is_route", "json_reply"]
