"""The mail service over tables in memory, with a sender that does what a test says."""

from dataclasses import dataclass, field
from typing import Any

from stemtide.calls import DAY_MS
from stemtide.clock import ModelClock
from stemtide.config_schema import Company, Config
from stemtide.mail.budget import HOUR_MS
from stemtide.mail.message import MailClass, MailRequest, Rendered
from stemtide.mail.ports import Claim
from stemtide.mail.service import MailService
from stemtide.store.contacts import Contacts

from tests.simulation.mail.table import MemoryTables

NOON = 20_787 * DAY_MS + 12 * HOUR_MS
CONFIG = Config(company=Company(name="A", time_zone="UTC", currency="USD"))


def request(**changes: Any) -> MailRequest:
    """A mail of a failed payment."""
    plain = {
        "account": "acme",
        "to": "ada@example.com",
        "template": "payment_failed",
        "journey": "dunning",
        "episode": "e",
        "step": "1",
    }
    return MailRequest(**plain | changes)


@dataclass
class Mailing:
    """The service, what it wrote, and what went out; `answers` are raised or given by the sender in turn."""

    answers: list[str | BaseException] = field(default_factory=list)
    sent: list[Claim] = field(default_factory=list)
    now_ms: int = NOON
    config: Config = CONFIG
    clock: ModelClock = field(default_factory=ModelClock)
    tables: MemoryTables = field(default_factory=MemoryTables)
    urls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.contacts = Contacts(self.tables.table("contacts"), accounts_table="accounts")
        tokens = iter(range(1000))
        self.service = MailService(
            rows=self.contacts,
            sender=self,
            renderer=self,
            class_of=self._class_of,
            unsubscribe_url=lambda asked: f"https://example.com/{asked.to}",
            config=self.config,
            clock=self.clock,
            real_ms=lambda: self.now_ms,
            token=lambda: f"t{next(tokens)}",
            pause=lambda seconds: None,
        )

    def send(self, claim: Claim, content: Rendered) -> str:
        answer = self.answers.pop(0) if self.answers else f"m{len(self.sent)}"
        if isinstance(answer, BaseException):
            raise answer
        self.sent.append(claim)
        return answer

    def render(self, request: MailRequest, *, mail_class: MailClass, unsubscribe_url: str | None) -> Rendered:
        self.urls.append(unsubscribe_url or "")
        return Rendered(subject="s", text="t", html="h")

    def kinds(self, account: str = "acme") -> list[str]:
        """What the timeline tells, oldest first."""
        return [note.kind for note in reversed(self.contacts.notes(account))]

    def _class_of(self, template: str) -> MailClass:
        classes = {"payment_failed": MailClass.TRANSACTIONAL, "win_back_hello": MailClass.LIFECYCLE}
        if template not in classes:
            raise ValueError(f"there is no letter {template}")
        return classes[template]
