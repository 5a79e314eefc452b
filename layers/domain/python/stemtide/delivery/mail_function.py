"""The mail service through its function: one mail, and what became of it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from stemtide.dunning.ports import Fate, MailFate
from stemtide.mail.message import MailRequest
from stemtide.mail.outcomes import Deferred, Duplicate, Outcome, Refused, Sent, Unknown
from stemtide.ports import UnavailableError
from stemtide.store.errors import translated


class _Answer(msgspec.Struct, frozen=True):
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFunction:
    """Sends through the function `name` (boto3 client of Lambda)."""

    client: Any
    name: str

    def send(self, request: MailRequest) -> MailFate:
        """Ask for a mail; the same request again is the same mail.

        Raises:
            UnavailableError: the function failed or did not answer: outcome unknown, the same again is safe.
        """
        asked = msgspec.json.encode({"mails": [request]})
        with translated():
            answer = self.client.invoke(FunctionName=self.name, Payload=asked)
        body = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise UnavailableError(f"{self.name}: {answer['FunctionError']}")
        [outcome] = msgspec.json.decode(body, type=_Answer).outcomes
        return fate_of(outcome)


def fate_of(outcome: Outcome) -> MailFate:
    """What an outcome means for an episode: only a deferred mail is asked for again."""
    match outcome:
        case Sent():
            return MailFate(fate=Fate.SENT, key=outcome.key, provider_id=outcome.message_id)
        case Deferred():
            return MailFate(
                fate=Fate.DEFERRED, key=outcome.key, reason=outcome.reason, until_ms=outcome.until_ms
            )
        case Refused():
            return MailFate(fate=Fate.REFUSED, key=outcome.key, reason=outcome.reason)
        case Unknown():
            return MailFate(fate=Fate.UNKNOWN, key=outcome.key, reason=outcome.reason)
        case Duplicate():
            return MailFate(fate=Fate.SENT, key=outcome.key, reason="sent_before", provider_id=outcome.of)
